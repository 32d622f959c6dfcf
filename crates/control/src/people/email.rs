//! The address by which somebody signs in. Nothing is ever sent to it.

use std::fmt;
use std::str::FromStr;

/// An e-mail address in lower case: something, one `@`, something; 254 bytes at most (RFC 5321).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Email(String);

/// The text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("enter an e-mail address like ann@example.com")]
pub struct EmailError;

impl Email {
    const MAX_BYTES: usize = 254;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = EmailError;

    /// White space at either end is forgiven and cut.
    fn from_str(text: &str) -> Result<Self, EmailError> {
        let text = text.trim().to_lowercase();
        let odd = |c: char| c.is_whitespace() || c.is_control() || "<>()[]\\,;:\"".contains(c);
        let parts = text.split_once('@');
        let shaped = parts.is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !host.contains('@') && !host.starts_with('.')
        });
        if shaped && text.len() <= Self::MAX_BYTES && !text.contains(odd) {
            Ok(Self(text))
        } else {
            Err(EmailError)
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An address is somebody's: it does not get into a log by accident.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_lower_case_and_plain() {
        assert_eq!(" Ann@Example.COM ".parse::<Email>().unwrap().as_str(), "ann@example.com");
        assert_eq!(format!("{:?}", "a@b".parse::<Email>().unwrap()), "Email(…)");
        for text in [
            "",
            "ann",
            "@b",
            "a@",
            "a@b@c",
            "a b@c",
            "a@.b",
            "<a@b>",
            "a@b\n",
            &format!("a@{}", "b".repeat(260)),
        ] {
            assert_eq!(text.trim_end_matches('\n').parse::<Email>().is_err(), text != "a@b\n", "{text:?}");
        }
    }
}
