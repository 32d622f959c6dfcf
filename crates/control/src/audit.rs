//! The audit log: who did what to what, and when. Rows are only ever added.
//!
//! Never holds a secret, a hash of one, or anybody's personal data.

use std::fmt;
use std::str::FromStr;

use millimetric_core::ids::{AccountId, KeyId, ProjectId, UserId};
use millimetric_core::key::KeyPrefix;
use millimetric_core::time::Timestamp;
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::query;

use crate::{Change, Control, ControlError, row};

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Somebody with a shell on the machine.
    CommandLine,
    /// The first start.
    Setup,
    /// The server by itself, such as when it sees a secret key in a URL.
    Server,
    /// The holder of a key.
    Key(KeyId),
    /// A signed-in person, by identifier (never a name or an address).
    User(UserId),
    /// A person by a personal access token, which its prefix names.
    Token(UserId, KeyPrefix),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("command_line"),
            Self::Setup => f.write_str("setup"),
            Self::Server => f.write_str("server"),
            Self::Key(id) => write!(f, "key:{id}"),
            Self::User(id) => write!(f, "user:{id}"),
            Self::Token(id, prefix) => write!(f, "token:{prefix}:{id}"),
        }
    }
}

/// The text names no actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an actor")]
pub struct ParseActorError;

impl FromStr for Actor {
    type Err = ParseActorError;

    fn from_str(text: &str) -> Result<Self, ParseActorError> {
        match text.split_once(':') {
            None if text == "command_line" => Ok(Self::CommandLine),
            None if text == "setup" => Ok(Self::Setup),
            None if text == "server" => Ok(Self::Server),
            Some(("key", id)) => id.parse().map(Self::Key).map_err(|_| ParseActorError),
            Some(("user", id)) => id.parse().map(Self::User).map_err(|_| ParseActorError),
            Some(("token", rest)) => token(rest).ok_or(ParseActorError),
            _ => Err(ParseActorError),
        }
    }
}

/// The prefix of a token, then its owner.
fn token(text: &str) -> Option<Actor> {
    let (prefix, user) = text.split_once(':')?;
    Some(Actor::Token(user.parse().ok()?, prefix.parse().ok()?))
}

/// What an entry is about, or whose entries are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditScope {
    /// Written: about no account. Asked: every entry.
    Installation,
    /// An account; asked, its projects' entries are among them.
    Account(AccountId),
    /// A project.
    Project(ProjectId),
}

impl AuditScope {
    /// The texts of the account and of the project, of which one at most is there.
    fn ids(self) -> (Option<String>, Option<String>) {
        match self {
            Self::Installation => (None, None),
            Self::Account(id) => (Some(id.to_string()), None),
            Self::Project(id) => (None, Some(id.to_string())),
        }
    }
}

/// An entry to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAuditEntry {
    /// What it is about.
    pub scope: AuditScope,
    /// What was done: a noun and a participle, like `person.erased`.
    pub action: &'static str,
    /// The identifier of what it was done to; a hash where that would be a person's.
    pub subject: String,
    /// What changed, as a JSON object.
    pub detail: Value,
}

impl NewAuditEntry {
    /// An entry without details.
    pub fn new(scope: AuditScope, action: &'static str, subject: impl Into<String>) -> Self {
        Self { scope, action, subject: subject.into(), detail: Value::Object(serde_json::Map::new()) }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail[name] = value.into();
        self
    }
}

/// An entry as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Its place in the log.
    pub cursor: AuditCursor,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What was done, like `key.revoked`.
    pub action: String,
    /// The account it is about; of a project's entry, the project's.
    pub account_id: Option<AccountId>,
    /// The project it is about.
    pub project_id: Option<ProjectId>,
    /// The identifier of what it was done to.
    pub subject: String,
    /// What changed, as a JSON object.
    pub detail: Value,
}

/// The place of an entry in the log; later entries have greater ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditCursor(i64);

impl fmt::Display for AuditCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for AuditCursor {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

const WRITE: &str = "insert into audit_log (at, actor, action, account_id, project_id, subject, detail)
    values ($1, $2, $3, coalesce($4, (select account_id from projects where id = $5)), $5, $6, $7)";
const READ: &str = "select sequence, at, actor, action, account_id, project_id, subject, detail
    from audit_log
    where (cast($1 as text) is null or account_id = $1)
        and (cast($2 as text) is null or project_id = $2)
        and sequence < $3
    order by sequence desc
    limit $4 offset $5";

impl Control {
    /// Writes an entry about something that happened outside this store, such as
    /// `person.erased` with the hash of the person's identifier and the counts.
    pub async fn record_audit(
        &self,
        entry: &NewAuditEntry,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut change = self.pool.begin().await?;
        write(&mut change, entry, by, now).await?;
        Ok(change.commit().await?)
    }

    /// Entries that can be read, newest first, at most `limit`; `before` continues after the last
    /// one of a page. Fewer than `limit` means that there are no more.
    pub async fn audit_log(
        &self,
        scope: AuditScope,
        limit: u32,
        before: Option<AuditCursor>,
    ) -> Result<Vec<AuditEntry>, ControlError> {
        let (account, project) = scope.ids();
        let before = before.map_or(i64::MAX, |cursor| cursor.0);
        let (mut found, mut seen) = (Vec::new(), 0_i64);
        // Older entries take the place of those that are left out: a page is never short by itself.
        loop {
            let missing = i64::from(limit) - found.len() as i64;
            let page = query(READ).bind(account.clone()).bind(project.clone()).bind(before);
            let mut rows = 0;
            row::each(&self.pool, page.bind(missing).bind(seen), entry, |entry| {
                rows += 1;
                found.extend(entry.ok());
            })
            .await?;
            seen += rows;
            if rows < missing || found.len() == limit as usize {
                return Ok(found);
            }
        }
    }
}

/// Adds the entry to a change, so that neither exists without the other.
pub(crate) async fn write(
    change: &mut Change,
    entry: &NewAuditEntry,
    by: &Actor,
    now: Timestamp,
) -> Result<(), ControlError> {
    let (account, project) = entry.scope.ids();
    query(WRITE)
        .bind(now.millis())
        .bind(by.to_string())
        .bind(entry.action)
        .bind(account)
        .bind(project)
        .bind(entry.subject.clone())
        .bind(entry.detail.to_string())
        .execute(&mut **change)
        .await?;
    Ok(())
}

pub(crate) fn entry(row: &AnyRow) -> Result<AuditEntry, ControlError> {
    let sequence = row::value::<i64>(row, "sequence").map_or_else(|_| String::new(), |it| it.to_string());
    read(row).map_err(|error| match error {
        ControlError::Corrupt(damage) => ControlError::Corrupt(format!("audit entry {sequence}, {damage}")),
        other => other,
    })
}

fn read(row: &AnyRow) -> Result<AuditEntry, ControlError> {
    Ok(AuditEntry {
        cursor: AuditCursor(row::value(row, "sequence")?),
        at: row::time(row, "at")?,
        by: row::parsed(row, "actor")?,
        action: row::value(row, "action")?,
        account_id: row::parsed_or_none(row, "account_id")?,
        project_id: row::parsed_or_none(row, "project_id")?,
        subject: row::value(row, "subject")?,
        detail: row::parsed(row, "detail")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_reads_back_from_its_text() {
        let key: KeyId = "key_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5".parse().unwrap();
        let user: UserId = "usr_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5".parse().unwrap();
        let token = Actor::Token(user, "00c0ffee".parse().unwrap());
        assert_eq!(token.to_string(), format!("token:00c0ffee:{user}"));
        for actor in
            [Actor::CommandLine, Actor::Setup, Actor::Server, Actor::Key(key), Actor::User(user), token]
        {
            assert_eq!(actor.to_string().parse(), Ok(actor));
        }
        for text in ["", "somebody", "key:1", "user:1", "setup:x", "token:00c0ffee", "token:x:usr_"] {
            assert_eq!(text.parse::<Actor>(), Err(ParseActorError), "{text}");
        }
    }
}
