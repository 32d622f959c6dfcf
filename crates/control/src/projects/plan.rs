//! What a project may use: the plans and their limits.
//!
//! Only defines the limits (contract, section 5); the server enforces them.

use std::fmt;
use std::str::FromStr;

use millimetric_core::key::UnknownWord;

/// The plan of a project. The order of the variants is the order of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Plan {
    /// 100 000 events a month, kept for 30 days.
    Free,
    /// A million events a month, kept for 90 days, with `/mcp`.
    Pro,
    /// Ten million events a month, kept for 365 days, with `/mcp/account` and `ak` keys.
    Business,
    /// Everything, without a quota: the plan of whoever runs the server.
    #[default]
    SelfHosted,
}

impl Plan {
    /// Every plan.
    pub const ALL: [Self; 4] = [Self::Free, Self::Pro, Self::Business, Self::SelfHosted];

    /// The word used in the database, on the command line and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Business => "business",
            Self::SelfHosted => "self_hosted",
        }
    }

    /// Events that a project may send in a month (UTC); `None`: no quota.
    pub const fn monthly_events(self) -> Option<u64> {
        match self {
            Self::Free => Some(100_000),
            Self::Pro => Some(1_000_000),
            Self::Business => Some(10_000_000),
            Self::SelfHosted => None,
        }
    }

    /// Days after which an event goes, whatever the project asks for; `None`: no such limit.
    pub const fn max_retention_days(self) -> Option<u32> {
        match self {
            Self::Free => Some(30),
            Self::Pro => Some(90),
            Self::Business => Some(365),
            Self::SelfHosted => None,
        }
    }

    /// Whether the project's keys may use `/mcp`.
    pub const fn allows_mcp(self) -> bool {
        !matches!(self, Self::Free)
    }

    /// Whether `ak` keys and `/mcp/account` reach the project.
    pub const fn allows_account_mcp(self) -> bool {
        matches!(self, Self::Business | Self::SelfHosted)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Plan {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        const WORDS: &[&str] = &["free", "pro", "business", "self_hosted"];
        Self::ALL.into_iter().find(|plan| plan.as_str() == text).ok_or(UnknownWord { expected: WORDS })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plans_are_those_of_the_contract() {
        let rows = [
            ("free", Some(100_000), Some(30), false, false),
            ("pro", Some(1_000_000), Some(90), true, false),
            ("business", Some(10_000_000), Some(365), true, true),
            ("self_hosted", None, None, true, true),
        ];
        for (word, events, days, mcp, account_mcp) in rows {
            let plan: Plan = word.parse().unwrap();
            assert_eq!(plan.to_string(), word);
            assert_eq!((plan.monthly_events(), plan.max_retention_days()), (events, days), "{word}");
            assert_eq!((plan.allows_mcp(), plan.allows_account_mcp()), (mcp, account_mcp), "{word}");
        }
        assert_eq!(Plan::default(), Plan::SelfHosted);
        assert_eq!(
            "gold".parse::<Plan>().unwrap_err().to_string(),
            "expected one of free, pro, business, self_hosted"
        );
    }
}
