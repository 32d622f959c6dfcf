//! Which stored rows cannot be read, by name: for the log, the doctor and whoever repairs them.
//!
//! Changes nothing. A value is never quoted, except an allowed origin, which is no secret.

use sqlx::any::AnyRow;
use sqlx::query;

use crate::accounts::account;
use crate::audit;
use crate::goals::{goal_columns, project_goal};
use crate::keys::{key_columns, stored_key};
use crate::people::{
    access_token, access_token_columns, invitation, member, session, session_columns, user, user_columns,
};
use crate::projects::reclassifications::reclassification;
use crate::projects::share_links::share_link;
use crate::projects::{project, project_columns};
use crate::row::{self, Select};
use crate::usage::monthly_usage;
use crate::{Control, ControlError};

/// The most names that are kept of one look.
const NAMED: usize = 100;

/// What cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Damage {
    /// Rows and values by name, such as `project prj_…, column timezone`; at most 100.
    pub names: Vec<String>,
    /// How many there are besides.
    pub more: u64,
}

impl Damage {
    /// How many there are in all.
    pub fn count(&self) -> u64 {
        self.names.len() as u64 + self.more
    }

    fn add(&mut self, name: String) {
        if self.names.len() < NAMED { self.names.push(name) } else { self.more += 1 }
    }
}

const ACCOUNTS: &str = "select id, name, created_at from accounts order by id";
const PROJECTS: &str = concat!("select ", project_columns!(), " from projects p order by p.id");
const GOALS: &str = concat!("select ", goal_columns!(), " from goals g order by g.project_id, g.slug");
const KEYS: &str = concat!("select ", key_columns!(), " from keys k order by k.id");
const USERS: &str = concat!("select ", user_columns!(), " from users u order by u.id");
const MEMBERSHIPS: &str = "select m.user_id, m.role, m.created_at, u.email, u.totp_on
    from memberships m join users u on u.id = m.user_id order by m.user_id, m.account_id";
const INVITATIONS: &str =
    "select id, account_id, role, email, created_at, expires_at from invitations order by id";
const SESSIONS: &str = concat!("select ", session_columns!(), " from sessions s order by s.id");
const ACCESS_TOKENS: &str =
    concat!("select ", access_token_columns!(), " from access_tokens t order by t.id");
const SHARE_LINKS: &str = "select id, created_at from share_links order by id";
const USAGE: &str = "select project_id, month, env, events from usage order by project_id, month, env";
const RECLASSIFICATIONS: &str =
    "select id, project_id, env, range_from, range_to, rules, requested_at, finished_at,
    counts from reclassifications order by id";
const AUDIT_LOG: &str = "select sequence, at, actor, action, account_id, project_id, subject, detail
    from audit_log order by sequence";

impl Control {
    /// Looks at every row but those of the audit log, one at a time.
    pub async fn damage(&self) -> Result<Damage, ControlError> {
        let mut damage = Damage::default();
        self.look(&mut damage, "an account", query(ACCOUNTS), |row| account(row).map(drop)).await?;
        self.look_at_projects(&mut damage).await?;
        self.look(&mut damage, "a goal", query(GOALS), |row| project_goal(row).map(drop)).await?;
        self.look(&mut damage, "a key", query(KEYS), |row| stored_key(row).map(drop)).await?;
        self.look(&mut damage, "a user", query(USERS), |row| user(row).map(drop)).await?;
        self.look(&mut damage, "a membership", query(MEMBERSHIPS), |row| member(row).map(drop)).await?;
        self.look(&mut damage, "an invitation", query(INVITATIONS), |row| invitation(row).map(drop)).await?;
        self.look(&mut damage, "a session", query(SESSIONS), |row| session(row).map(drop)).await?;
        let read = |row: &AnyRow| access_token(row).map(drop);
        self.look(&mut damage, "a token", query(ACCESS_TOKENS), read).await?;
        self.look(&mut damage, "a share link", query(SHARE_LINKS), |row| share_link(row).map(drop)).await?;
        self.look(&mut damage, "a usage counter", query(USAGE), |row| monthly_usage(row).map(drop)).await?;
        let read = |row: &AnyRow| reclassification(row).map(drop);
        self.look(&mut damage, "a reclassification", query(RECLASSIFICATIONS), read).await?;
        Ok(damage)
    }

    /// Looks at every entry of the audit log, one at a time: it may be long.
    pub async fn audit_damage(&self) -> Result<Damage, ControlError> {
        let mut damage = Damage::default();
        let read = |row: &AnyRow| audit::entry(row).map(drop);
        self.look(&mut damage, "an audit entry", query(AUDIT_LOG), read).await?;
        Ok(damage)
    }

    async fn look(
        &self,
        damage: &mut Damage,
        what: &'static str,
        select: Select,
        read: fn(&AnyRow) -> Result<(), ControlError>,
    ) -> Result<(), ControlError> {
        row::each(&self.pool, select, read, |row| damage.add_if_unreadable(what, row)).await
    }

    async fn look_at_projects(&self, damage: &mut Damage) -> Result<(), ControlError> {
        row::each(&self.pool, query(PROJECTS), project, |row| match row {
            Ok(project) => {
                let name = |origin: &String| {
                    format!("project {}, allowed origin `{}`", project.id, row::short(origin))
                };
                project.unreadable_origins.iter().map(name).for_each(|name| damage.add(name));
                if project.classifier.problem().is_some() {
                    damage.add(format!("project {}, column classifier", project.id));
                }
            }
            damaged => damage.add_if_unreadable("a project", damaged.map(drop)),
        })
        .await
    }
}

impl Damage {
    /// A row that is no text has no name of its own.
    fn add_if_unreadable(&mut self, what: &'static str, row: Result<(), ControlError>) {
        match row {
            Ok(()) => {}
            Err(ControlError::Corrupt(name)) if name.contains(", ") => self.add(name),
            Err(ControlError::Corrupt(damage)) => self.add(format!("{what}, {damage}")),
            Err(other) => self.add(format!("{what}, {other}")),
        }
    }
}
