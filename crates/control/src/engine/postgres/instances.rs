//! What servers that share a database need of each other: who is there, and token buckets that count the tries of
//! all. Times are those of the database, so that the clocks of the servers do not matter.

use sqlx::{Row as _, query, query_scalar};

use crate::engine::row;
use crate::{Control, ControlError};

/// After how many milliseconds without a sign of life a server counts as gone.
const GONE_AFTER: i64 = 5000;

const BEAT: &str = "insert into instances (id, seen_at, stored)
    values ($1, (extract(epoch from clock_timestamp()) * 1000)::bigint, $2)
    on conflict (id) do update set seen_at = excluded.seen_at, stored = excluded.stored
    returning seen_at";
const FORGET: &str = "delete from instances where seen_at < $1";
const LEAVE: &str = "delete from instances where id = $1";
const LIVE: &str = "select count(*) as live, min(id) as first, sum(stored)::bigint as stored
    from instances where seen_at >= $1";
/// `excluded.full_at - $2` is now.
const TAKE: &str = "insert into buckets as b (name, full_at)
    values ($1, (extract(epoch from clock_timestamp()) * 1000)::bigint + $2)
    on conflict (name) do update set full_at = greatest(b.full_at, excluded.full_at - $2) + $2
    where greatest(b.full_at, excluded.full_at - $2) + $2 - (excluded.full_at - $2) <= $3
    returning full_at";
const WAIT: &str = "select full_at + $2 - $3 - (extract(epoch from clock_timestamp()) * 1000)::bigint
    from buckets where name = $1";

/// The servers that share a database, as one of them sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instances {
    /// How many there are, this one included.
    pub live: u32,
    /// Whether this one does the work that only one of them should do.
    pub is_first: bool,
    /// How often all of them together have stored events. It changes when one of them stores events, and when one comes or goes.
    pub stored: i64,
}

/// The size of a token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketSize {
    /// Tokens of a full bucket.
    pub burst: u32,
    /// Milliseconds until there is one more.
    pub every_millis: i64,
}

impl Control {
    /// Records that this server runs and how often it has stored events, and counts those that were heard of in the last five seconds. Of
    /// them the one with the least id comes first; if it ends, another one does after these seconds.
    pub async fn beat(&self, id: &str, stored: i64) -> Result<Instances, ControlError> {
        let now: i64 = query_scalar(BEAT).bind(id.to_owned()).bind(stored).fetch_one(&self.pool).await?;
        let oldest = now - GONE_AFTER;
        query(FORGET).bind(oldest).execute(&self.pool).await?;
        let found = query(LIVE).bind(oldest).fetch_one(&self.pool).await?;
        let first: Option<&str> = found.try_get("first")?;
        Ok(Instances {
            live: u32::try_from(row::count(&found, "live")?).unwrap_or(u32::MAX).max(1),
            is_first: first.is_none_or(|first| first == id),
            stored: found.try_get::<Option<i64>, _>("stored")?.unwrap_or_default(),
        })
    }

    /// Tells the others that this server ends.
    pub async fn leave(&self, id: &str) -> Result<(), ControlError> {
        query(LEAVE).bind(id.to_owned()).execute(&self.pool).await?;
        Ok(())
    }

    /// Takes a token from a bucket that all servers share; the error is the number of milliseconds until there is
    /// one. The caller bounds the number of names.
    pub async fn take_token(&self, name: &str, size: BucketSize) -> Result<Result<(), i64>, ControlError> {
        let BucketSize { burst, every_millis } = size;
        let room = every_millis * i64::from(burst);
        let bound = |text: &'static str| {
            query_scalar::<_, i64>(text).bind(name.to_owned()).bind(every_millis).bind(room)
        };
        if bound(TAKE).fetch_optional(&self.pool).await?.is_some() {
            return Ok(Ok(()));
        }
        let wait = bound(WAIT).fetch_optional(&self.pool).await?;
        Ok(Err(wait.unwrap_or(every_millis).max(1)))
    }
}
