//! What can go wrong in the relational store, as values.
//!
//! Knows no HTTP. No message here holds a secret, a hash or a bound value.

use millimetric_core::goal::Goal;
use millimetric_core::key::KeyPrefix;
use millimetric_core::key::access_token::AccessTokenText;
use millimetric_core::origin::AllowedOrigin;
use millimetric_core::query::GoalSlug;

use crate::{Name, Slug};

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// A project that is not deleted has this slug.
    #[error("the slug `{0}` is taken: choose another")]
    SlugTaken(Slug),
    /// An account has this name.
    #[error("the account name `{0}` is taken: choose another")]
    AccountNameTaken(Name),
    /// No such account.
    #[error("there is no such account")]
    UnknownAccount,
    /// No such project, or it is deleted.
    #[error("there is no such project")]
    UnknownProject,
    /// A goal of the project has this slug.
    #[error("the project has a goal `{0}` already: choose another slug, or update that goal")]
    GoalTaken(GoalSlug),
    /// No such goal.
    #[error("the project has no goal `{0}`")]
    UnknownGoal(GoalSlug),
    /// As many goals as a project may have.
    #[error("a project has at most {max} goals: delete one first", max = Goal::MAX_PER_PROJECT)]
    TooManyGoals,
    /// No such key.
    #[error("there is no such key")]
    UnknownKey,
    /// More allowed origins than a project may have.
    #[error(
        "a project has at most {max} allowed origins, and these are {0}: remove some, or write \
         https://*.example.com for all subdomains",
        max = AllowedOrigin::MAX_PER_PROJECT
    )]
    TooManyOrigins(usize),
    /// An earlier re-classification of the same events is not finished.
    #[error("a re-classification of this project is running: wait until it is finished")]
    ReclassificationRunning,
    /// Another key, live or not, has this prefix: create the key again.
    #[error("the key prefix {0} is taken: create the key again")]
    KeyPrefixTaken(KeyPrefix),
    /// Only a working key that has no successor yet can be rotated.
    #[error("the key is revoked, expired or already replaced")]
    KeyNotLive,
    /// A successor must have its predecessor's owner, kind and environment.
    #[error("the new key differs from the old one in owner, kind or environment")]
    RotationMismatch,
    /// Another user has this address.
    #[error("this e-mail address is already in use: sign in, or use another")]
    EmailTaken,
    /// No such user, or not a member of this account.
    #[error("there is no such user")]
    UnknownUser,
    /// The link was used, withdrawn or has expired, or never was one.
    #[error("the link is no longer valid: ask for a new one")]
    LinkGone,
    /// An account without an owner could not be managed by anybody.
    #[error("an account needs at least one owner: make another member an owner first")]
    LastOwner,
    /// No such personal access token of this person.
    #[error("there is no such personal access token")]
    UnknownToken,
    /// As many working tokens as a person may have.
    #[error(
        "a person has at most {max} personal access tokens that work: revoke one first",
        max = AccessTokenText::MAX_PER_PERSON
    )]
    TooManyTokens,
    /// What is to be changed is not what the caller expected: somebody else changed it.
    #[error("it was changed by somebody else meanwhile: read it again")]
    Changed,
    /// The response of an earlier request with the same id is stored: repeat that one.
    #[error("this request was answered before")]
    AlreadyAnswered,
    /// The database cannot be opened; the sentence says what to do.
    #[error("{0}")]
    CannotOpen(String),
    /// The database has an older schema, and was opened for reading only.
    #[error(
        "the control database was written by an older version of this program: start the server once to \
         migrate it"
    )]
    Older,
    /// The database does not respond, or not in time.
    #[error("the control database does not respond: {0}")]
    Unavailable(String),
    /// The disk is full; nothing of the change was stored.
    #[error("the disk of the control database is full: free some space")]
    StorageFull,
    /// The database, or a value in it, is not readable as what it should be.
    #[error("the control database is damaged ({0}): restore it from a backup")]
    Corrupt(String),
}

impl From<sqlx::Error> for ControlError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) => from_code(cause.code().as_deref(), cause.message()),
            sqlx::Error::ColumnDecode { index, .. } => Self::Corrupt(format!("column {index}")),
            // The driver reads a row's texts before it hands the row on.
            sqlx::Error::Decode(_) => Self::Corrupt("a text that is not UTF-8".to_owned()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// `SQLite`'s extended result codes (sqlite.org/rescode.html) and, five characters long, `SQLSTATE`.
fn from_code(code: Option<&str>, message: &str) -> ControlError {
    match code.unwrap_or_default() {
        // SQLITE_FULL, SQLITE_IOERR_SHMSIZE (no room for the index of the write-ahead log), disk_full.
        "13" | "4874" | "53100" => ControlError::StorageFull,
        // SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_CORRUPT_INDEX, data_corrupted.
        "11" | "26" | "779" | "XX001" => ControlError::Corrupt(message.to_owned()),
        _ => ControlError::Unavailable(message.to_owned()),
    }
}

/// Whether the error says that another row has this unique value.
pub(crate) fn is_unique_violation(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(cause) if cause.is_unique_violation())
}

/// Whether the error says that the row referred to does not exist.
pub(crate) fn is_missing_reference(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(cause) if cause.is_foreign_key_violation())
}
