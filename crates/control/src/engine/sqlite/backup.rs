//! Copies the database while it is in use, and carries over from a later state to a restored one which
//! keys were revoked, which projects deleted and which people shut out after the backup.
//!
//! The statements are those of `SQLite` (`vacuum into`, `attach`); another engine has its own tools.

use std::path::Path;

use sqlx::{AnyConnection, Connection as _, query, query_scalar};

use crate::{Control, ControlError};

const COPY: &str = "vacuum into $1";
const ATTACH: &str = "attach $1 as later";
const DETACH: &str = "detach later";
const PROJECTS: &str = "update projects
    set deleted_at = (select deleted_at from later.projects as later where later.id = projects.id)
    where deleted_at is null
      and id in (select id from later.projects where deleted_at is not null)";
const REVOKED: &str = "update keys
    set revoked_at = (select revoked_at from later.keys as later where later.id = keys.id)
    where revoked_at is null and id in (select id from later.keys where revoked_at is not null)";
/// A rotated key ends with its grace period, also where its successor is not known.
const ENDED: &str = "update keys
    set expires_at = (select expires_at from later.keys as later where later.id = keys.id)
    where exists (select 1 from later.keys as later where later.id = keys.id
        and later.expires_at < coalesce(keys.expires_at, later.expires_at + 1))";
const EXPOSED: &str = "update keys
    set exposed_at = (select exposed_at from later.keys as later where later.id = keys.id)
    where exposed_at is null and id in (select id from later.keys where exposed_at is not null)";
/// A later state from before there were people has no such tables.
const KNOWS_PEOPLE: &str = "select count(*) from later.sqlite_master where name = 'users'";
/// Who was signed out, taken out or given less, and which link was used or withdrawn, stays so; a
/// password that was changed, perhaps because it was stolen, does not come back.
const PEOPLE: &[&str] = &[
    "delete from sessions where id not in (select id from later.sessions)",
    "delete from password_links where token_hash not in (select token_hash from later.password_links)",
    "update invitations
     set (accepted_at, revoked_at) = (select accepted_at, revoked_at from later.invitations as later
         where later.id = invitations.id)
     where id in (select id from later.invitations)",
    "delete from memberships where not exists (select 1 from later.memberships as later
         where later.user_id = memberships.user_id and later.account_id = memberships.account_id)",
    "update memberships set role = (select role from later.memberships as later
         where later.user_id = memberships.user_id and later.account_id = memberships.account_id)",
    "update users
     set (password_hash, totp_secret, totp_on, totp_last_step) =
         (select password_hash, totp_secret, totp_on, totp_last_step from later.users as later
          where later.id = users.id)
     where id in (select id from later.users)",
    "delete from recovery_codes where user_id in (select id from later.users)",
    "insert into recovery_codes select * from later.recovery_codes
     where user_id in (select id from users)",
    "update share_links
     set revoked_at = (select revoked_at from later.share_links as later where later.id = share_links.id)
     where revoked_at is null and id in (select id from later.share_links where revoked_at is not null)",
];

/// What became true after the backup and stays true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ended {
    /// Projects that were deleted.
    pub projects: u64,
    /// Keys that were revoked, or whose end was set.
    pub keys: u64,
}

impl Control {
    /// Writes a copy of the database, as of one moment, to a file that is not there yet.
    pub async fn snapshot(&self, file: &Path) -> Result<(), ControlError> {
        // Not through the pool: a large database takes longer than a statement may.
        let mut connection = self.pool.acquire().await?;
        query(COPY).bind(text(file)).execute(&mut *connection).await?;
        Ok(())
    }

    /// Takes over from a later state of the same installation, in the file `later`, which keys
    /// were revoked or ended, which projects were deleted and who was shut out.
    pub async fn learn_ended(&self, later: &Path) -> Result<Ended, ControlError> {
        let mut connection = self.pool.acquire().await?;
        query(ATTACH).bind(text(later)).execute(&mut *connection).await?;
        let learned = learn(&mut connection).await;
        query(DETACH).execute(&mut *connection).await?;
        learned
    }
}

async fn learn(connection: &mut AnyConnection) -> Result<Ended, ControlError> {
    let mut change = connection.begin().await?;
    let mut ended = Ended::default();
    ended.projects += query(PROJECTS).execute(&mut *change).await?.rows_affected();
    for statement in [REVOKED, ENDED] {
        ended.keys += query(statement).execute(&mut *change).await?.rows_affected();
    }
    query(EXPOSED).execute(&mut *change).await?;
    if query_scalar::<_, i64>(KNOWS_PEOPLE).fetch_one(&mut *change).await? > 0 {
        for statement in PEOPLE {
            query(*statement).execute(&mut *change).await?;
        }
    }
    change.commit().await?;
    Ok(ended)
}

fn text(file: &Path) -> String {
    file.to_string_lossy().into_owned()
}
