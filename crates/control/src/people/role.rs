//! What somebody may in an account.

use std::fmt;
use std::str::FromStr;

use millimetric_core::key::UnknownWord;

/// A role; a later one may all that an earlier one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Reads reports.
    Viewer,
    /// Changes projects and keys too.
    Admin,
    /// Decides about members and the account's own keys too.
    Owner,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Admin, Self::Owner];

    /// The word used in the database, on the command line and on the screen.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        const WORDS: &[&str] = &["viewer", "admin", "owner"];
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownWord { expected: WORDS })
    }
}
