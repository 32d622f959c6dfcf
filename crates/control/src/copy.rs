//! Copies a store into another one, also of another engine: everything but what belongs to running servers.
//!
//! The columns are those that both databases list, so a column of a later migration is copied too; a test compares the
//! tables.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row as _, query, query_scalar};

use crate::projects::reclassifications::{Reclassification, reclassification};
use crate::{Change, Control, ControlError, row};

/// The tables that are copied, each after those that it refers to, with the columns that order its rows.
pub(crate) const COPIED: [(&str, &str); 18] = [
    ("meta", "name"),
    ("revisions", "subject"),
    ("accounts", "id"),
    ("projects", "id"),
    ("keys", "id"),
    ("audit_log", "sequence"),
    ("usage", "project_id, env, month"),
    ("users", "id"),
    ("recovery_codes", "user_id, hash"),
    ("memberships", "user_id, account_id"),
    ("invitations", "id"),
    ("password_links", "token_hash"),
    ("sessions", "id"),
    ("share_links", "id"),
    ("goals", "project_id, slug"),
    ("reclassifications", "id"),
    ("access_tokens", "id"),
    ("stored_responses", "id"),
];
/// The tables of running servers: who is there, what they count together, and what they refused lately.
#[cfg(test)]
pub(crate) const NOT_COPIED: [&str; 3] = ["instances", "buckets", "refusals"];
/// A column that refers to a row of its own table, which may not be there yet: it is set when all rows are.
const TO_ITSELF: (&str, &str) = ("keys", "replaced_by");

/// Rows that are read and written at once.
const ROWS: usize = 200;

const ONE_MOMENT: &str = "set transaction isolation level repeatable read, read only";
const COLUMNS_IN_SQLITE: &str = "select name, type from pragma_table_info($1) order by cid";
const COLUMNS_IN_POSTGRES: &str = "select column_name::text as name, data_type::text as type
    from information_schema.columns where table_schema = current_schema() and table_name = $1
    order by ordinal_position";
/// Numbers of new entries follow those that were copied.
const NEXT_ENTRY: &str = "select setval(pg_get_serial_sequence('audit_log', 'sequence'),
    (select coalesce(max(sequence), 0) + 1 from audit_log), false)";
const COUNT_ACCOUNTS: &str = "select count(*) from accounts";
const LAST_ENTRY: &str = "select sequence, at, actor, action, subject, detail from audit_log
    order by sequence desc limit 1";
const ENTRY: &str = "select sequence, at, actor, action, subject, detail from audit_log where sequence = $1";
const LIVE_SERVERS: &str = "select count(*) from instances
    where seen_at >= (extract(epoch from clock_timestamp()) * 1000)::bigint - 5000";
const FINISHED: &str =
    "select id, project_id, env, range_from, range_to, rules, requested_at, finished_at, counts
    from reclassifications where finished_at is not null order by requested_at, id";

/// What a store is to one that it is to become a copy of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyState {
    /// It has no accounts.
    Empty,
    /// It is an earlier copy, in which nothing has been changed since.
    Earlier,
    /// It has changes that the other store does not have.
    Foreign,
}

/// A column, by its name and how its values are read.
struct ColumnOf {
    name: String,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Integer,
    Text,
    Bytes,
}

impl Control {
    /// What this store is to `source`. Both have an audit log in which every change has an entry: an earlier copy ends
    /// with an entry that the source has.
    pub async fn copy_state(&self, source: &Self) -> Result<CopyState, ControlError> {
        if query_scalar::<_, i64>(COUNT_ACCOUNTS).fetch_one(&self.pool).await? == 0 {
            return Ok(CopyState::Empty);
        }
        let Some(last) = query(LAST_ENTRY).fetch_optional(&self.pool).await? else {
            return Ok(CopyState::Foreign);
        };
        let last = entry(&last)?;
        let same = query(ENTRY).bind(last.0).fetch_optional(&source.pool).await?;
        let is_known = same.as_ref().map(entry).transpose()?.is_some_and(|same| same == last);
        Ok(if is_known { CopyState::Earlier } else { CopyState::Foreign })
    }

    /// The number of servers that use the store now. Servers that share no database are not known.
    pub async fn live_servers(&self) -> Result<u64, ControlError> {
        if self.servers.is_none() {
            return Ok(0);
        }
        let live: i64 = query_scalar(LIVE_SERVERS).fetch_one(&self.pool).await?;
        Ok(live.cast_unsigned())
    }

    /// The re-classifications that are finished, in the order in which they were asked for.
    pub async fn finished_reclassifications(&self) -> Result<Vec<Reclassification>, ControlError> {
        row::readable(&self.pool, query(FINISHED), reclassification).await
    }

    /// Replaces everything in this store by what `source` has at one moment, in one transaction, and returns the number
    /// of rows. No server may use this store.
    pub async fn copy_from(&self, source: &Self) -> Result<u64, ControlError> {
        let mut from = source.pool.begin().await?;
        if source.servers.is_some() {
            query(ONE_MOMENT).execute(&mut *from).await?;
        }
        let mut to = self.pool.begin().await?;
        for (table, _) in COPIED.iter().rev() {
            query(AssertSqlSafe(format!("delete from {table}"))).execute(&mut *to).await?;
        }
        let mut rows = 0;
        for (table, order) in COPIED {
            let columns = source.columns(&mut from, table).await?;
            rows += copy_table(&mut from, &mut to, table, order, &columns, self.servers.is_some()).await?;
        }
        if self.servers.is_some() {
            query(NEXT_ENTRY).fetch_one(&mut *to).await?;
        }
        to.commit().await?;
        Ok(rows)
    }

    async fn columns(&self, change: &mut Change, table: &'static str) -> Result<Vec<ColumnOf>, ControlError> {
        let list = if self.servers.is_some() { COLUMNS_IN_POSTGRES } else { COLUMNS_IN_SQLITE };
        let rows = query(list).bind(table).fetch_all(&mut **change).await?;
        let column = |row: &AnyRow| {
            let kind = match row::value::<&str>(row, "type")?.to_ascii_lowercase().as_str() {
                "integer" | "bigint" => Kind::Integer,
                "blob" | "bytea" => Kind::Bytes,
                _ => Kind::Text,
            };
            Ok(ColumnOf { name: row::value::<&str>(row, "name")?.to_owned(), kind })
        };
        rows.iter().map(column).collect()
    }
}

/// What identifies an entry of the audit log.
type Entry = (i64, i64, [String; 4]);

fn entry(row: &AnyRow) -> Result<Entry, ControlError> {
    let text = |column| Ok::<_, ControlError>(row::value::<&str>(row, column)?.to_owned());
    let texts = [text("actor")?, text("action")?, text("subject")?, text("detail")?];
    Ok((row::value(row, "sequence")?, row::value(row, "at")?, texts))
}

async fn copy_table(
    from: &mut Change,
    to: &mut Change,
    table: &str,
    order: &str,
    columns: &[ColumnOf],
    is_postgres: bool,
) -> Result<u64, ControlError> {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let names = names.join(", ");
    let page = format!("select {names} from {table} order by {order} limit {ROWS} offset $1");
    let mut copied = 0;
    let mut later = Vec::new();
    loop {
        let rows = query(AssertSqlSafe(page.clone())).bind(copied).fetch_all(&mut **from).await?;
        if rows.is_empty() {
            break;
        }
        let sql = insert(table, &names, columns.len(), rows.len(), is_postgres);
        let mut insert = query(AssertSqlSafe(sql));
        for row in &rows {
            for (index, column) in columns.iter().enumerate() {
                if (table, column.name.as_str()) == TO_ITSELF {
                    later.extend(reference(row, index)?);
                    insert = insert.bind(None::<String>);
                } else {
                    insert = bind(insert, row, index, column.kind)?;
                }
            }
        }
        insert.execute(&mut **to).await?;
        copied += rows.len().cast_signed() as i64;
    }
    for (id, other) in later {
        let sql = format!("update {table} set {} = $2 where id = $1", TO_ITSELF.1);
        query(AssertSqlSafe(sql)).bind(id).bind(other).execute(&mut **to).await?;
    }
    Ok(copied.cast_unsigned())
}

/// The statement that inserts so many rows.
fn insert(table: &str, names: &str, columns: usize, rows: usize, is_postgres: bool) -> String {
    let row = |row: usize| {
        let places: Vec<String> =
            (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    let values: Vec<String> = (0..rows).map(row).collect();
    let own_numbers = if is_postgres && table == "audit_log" { "overriding system value" } else { "" };
    format!("insert into {table} ({names}) {own_numbers} values {}", values.join(", "))
}

/// The id of a row, and that of the row that it refers to.
fn reference(row: &AnyRow, index: usize) -> Result<Option<(String, String)>, ControlError> {
    let other: Option<String> = row.try_get(index)?;
    let id: String = row.try_get("id")?;
    Ok(other.map(|other| (id, other)))
}

type Insert<'q> = Query<'q, Any, AnyArguments>;

fn bind<'q>(insert: Insert<'q>, row: &AnyRow, index: usize, kind: Kind) -> Result<Insert<'q>, ControlError> {
    Ok(match kind {
        Kind::Integer => insert.bind(row.try_get::<Option<i64>, _>(index)?),
        Kind::Text => insert.bind(row.try_get::<Option<String>, _>(index)?),
        Kind::Bytes => insert.bind(row.try_get::<Option<Vec<u8>>, _>(index)?),
    })
}
