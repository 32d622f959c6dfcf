//! Identifiers of accounts, people, projects, keys and what else has one: a type each, so that one
//! can never stand where another is meant.
//!
//! An identifier is a UUID that somebody else made (this crate draws no random numbers); it is
//! shown with a prefix for its type, like `prj_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not an identifier of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier: it should be {prefix} followed by 32 hexadecimal characters")]
pub struct ParseIdError {
    /// What an identifier of this type begins with.
    pub prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// What the text of such an identifier begins with.
            pub const PREFIX: &'static str = $prefix;

            /// Wraps a UUID; version 7 keeps identifiers in order of their making.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside, for binary storage.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.strip_prefix($prefix)
                    .filter(|hex| hex.len() == 32)
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or(ParseIdError { prefix: $prefix })
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
    };
}

id!(
    /// An account: the owner of projects, members and `ak` keys.
    AccountId,
    "acc_"
);
id!(
    /// A project: one site or product; the wall between one customer's events and another's.
    ProjectId,
    "prj_"
);
id!(
    /// A key, whatever its kind; safe to show and log.
    KeyId,
    "key_"
);
id!(
    /// A request to forget somebody; `request_id` on the wire.
    ErasureId,
    "fgt_"
);
id!(
    /// A re-classification of stored events.
    ReclassificationId,
    "rcl_"
);
id!(
    /// A personal access token; safe to show and log.
    AccessTokenId,
    "tok_"
);
id!(
    /// Somebody who signs in.
    UserId,
    "usr_"
);
id!(
    /// A signed-in browser.
    SessionId,
    "ses_"
);
id!(
    /// An invitation to an account.
    InvitationId,
    "inv_"
);
id!(
    /// A link by which anybody reads a project's reports.
    ShareLinkId,
    "shr_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_value_are_one() {
        let id = ProjectId::new(Uuid::from_u128(0x0190_f3c0_a1b2_7c4d_8e9f_a0b1_c2d3_e4f5));
        assert_eq!(id.to_string(), "prj_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5");
        assert_eq!("prj_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5".parse(), Ok(id));
    }

    #[test]
    fn another_type_or_shape_is_refused() {
        for text in [
            "",
            "prj_",
            "key_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5",
            "prj_0190f3c0-a1b2-7c4d-8e9f-a0b1c2d3e4f5",
            "prj_0190f3c0a1b27c4d8e9fa0b1c2d3e4fg",
        ] {
            assert!(text.parse::<ProjectId>().is_err(), "{text}");
        }
    }
}
