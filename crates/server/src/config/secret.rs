//! Settings that contain a secret: they never print.

use std::fmt;
use std::str::FromStr;

/// The URL of a store, which may contain a password: it is read when the store is opened, since an error of the
/// command line would quote it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(pub(super) String);

impl From<String> for StoreUrl {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl StoreUrl {
    /// The URL as one of a kind of stores.
    pub fn parse<T: FromStr>(&self) -> Result<T, T::Err> {
        self.0.parse()
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreUrl(…)")
    }
}

/// A text that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() < 16 {
            Err("it must have at least 16 characters".to_owned())
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let secret: Secret = "correct horse battery".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert!("short".parse::<Secret>().is_err());
    }
}
