//! The relational store, and the only crate that knows it: accounts, people, projects, keys, the
//! audit log and the usage counters.
//!
//! A [`ControlUrl`] selects the engine. What only one of them does (files, settings, copies, standbys) is in
//! `engine/sqlite/` and `engine/postgres/`, and each has migrations of its own; all other SQL is the same for both (`$1`,
//! `on conflict`, integers for times).
//!
//! Knows no HTTP and no event store, reads no clock and generates no random number: times, identifiers
//! and hashes are arguments.

mod accounts;
mod audit;
mod copy;
mod damage;
mod engine;
mod error;
mod first;
mod goals;
mod keys;
mod meta;
mod names;
mod people;
mod projects;
mod stored_responses;
#[cfg(test)]
mod suite;
mod usage;

use sqlx::AnyPool;

use self::engine::pool::{Change, Pool};
use self::engine::postgres::Servers;
use self::engine::{postgres, row, sqlite};

pub use accounts::Account;
pub use audit::{Actor, AuditCursor, AuditEntry, AuditScope, NewAuditEntry, ParseActorError};
pub use copy::CopyState;
pub use damage::Damage;
pub use engine::postgres::{
    BucketSize, Instances, PostgresUrl, PostgresUrlError, ServerState, postgres_migrations,
};
pub use engine::sqlite::backup::Ended;
pub use engine::url::{ControlUrl, ControlUrlError};
pub use error::ControlError;
pub use goals::ProjectGoal;
pub use keys::{FoundKey, KeyOwner, KeyRecord, NewKey, NewKeyError, StoredKey};
pub use names::{Name, NameError, Slug, SlugError};
pub use people::{
    AccessToken, Email, EmailError, FoundAccessToken, Invitation, Member, Membership, NewAccessToken,
    NewSession, NewUser, Role, Session, TotpSecret, User,
};
pub use projects::classifier::Classifier;
pub use projects::plan::Plan;
pub use projects::reclassifications::Reclassification;
pub use projects::share_links::ShareLink;
pub use projects::{NewProject, Project, ProjectPatch};
pub use stored_responses::StoredResponse;
pub use usage::MonthlyUsage;
pub use usage::month::{Month, ParseMonthError};

/// The store. A clone is another handle on the same connections.
///
/// Every method that changes something for people takes who does it and when, and writes the
/// audit entry in the same transaction as the change.
#[derive(Debug, Clone)]
pub struct Control {
    pool: Pool,
    /// The servers of which the pool uses one; `None` for an engine without servers.
    servers: Option<Servers>,
}

impl Control {
    /// Opens the store for a server or a command that changes it: creates an empty one if absent and
    /// migrates it to this version's schema.
    pub async fn open(url: &ControlUrl) -> Result<Self, ControlError> {
        match url {
            ControlUrl::Sqlite(file) => sqlite::open(file).await,
            ControlUrl::Postgres(url) => postgres::open(url).await,
        }
    }

    /// Opens the store for a command that only reads it: creates and changes nothing.
    /// [`ControlError::Older`] if it does not have this version's schema yet.
    pub async fn open_to_read(url: &ControlUrl) -> Result<Self, ControlError> {
        match url {
            ControlUrl::Sqlite(file) => sqlite::open_to_read(file).await,
            ControlUrl::Postgres(url) => postgres::open_to_read(url).await,
        }
    }

    /// A store without servers.
    fn on(pool: AnyPool) -> Self {
        Self { pool: Pool::new(pool), servers: None }
    }

    /// Looks for the server that takes writes, after a failure: of a primary and its standbys another one may have
    /// become it. [`ControlError::Unavailable`] if there is none. An engine without servers has nothing to find.
    pub async fn find_primary(&self) -> Result<(), ControlError> {
        match &self.servers {
            Some(servers) => servers.find_primary(&self.pool).await,
            None => Ok(()),
        }
    }

    /// Waits for running statements, then closes the connections of every clone.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Starts a change of keys or projects.
    ///
    /// It moves the key revision before anything else, for three reasons: every instance must
    /// notice the change; the first statement being a write lets `SQLite` wait for its turn instead
    /// of failing half-way; and the revision's row serialises such changes on any database, so
    /// that what a transaction reads stays true until it commits.
    async fn begin_change(&self) -> Result<Change, ControlError> {
        let mut change = self.pool.begin().await?;
        meta::advance_revision(&mut change, "keys").await?;
        Ok(change)
    }

    /// Starts a change of people, which does not affect keys: the same, with its own row.
    async fn begin_change_of_people(&self) -> Result<Change, ControlError> {
        let mut change = self.pool.begin().await?;
        meta::advance_revision(&mut change, "people").await?;
        Ok(change)
    }
}
