//! Reading stored rows back into values that cannot be wrong.
//!
//! A value that does not read back is damage, named by its row and column and never quoted: it
//! might be a hash. A list leaves such a row out; [`Control::damage`](crate::Control::damage) names it.

use std::fmt::Display;
use std::str::FromStr;

use millimetric_core::time::Timestamp;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, Decode, Row, Type};

use crate::ControlError;
use crate::engine::pool::{Pool, next_in_time};

/// A query of this store: the text is fixed, the values are bound.
pub(crate) type Select = Query<'static, Any, AnyArguments>;

/// The most characters of an identifier that an error shows.
const NAME_CHARS: usize = 60;

/// The rows that can be read, in order; the others are left out.
pub(crate) async fn readable<T>(
    pool: &Pool,
    select: Select,
    read: fn(&AnyRow) -> Result<T, ControlError>,
) -> Result<Vec<T>, ControlError> {
    let mut found = Vec::new();
    each(pool, select, read, |row| found.extend(row.ok())).await?;
    Ok(found)
}

/// Calls `take` with each row as it could be read. What comes as an error there is the row's own
/// damage; the database's failures are the result.
pub(crate) async fn each<T>(
    pool: &Pool,
    select: Select,
    read: fn(&AnyRow) -> Result<T, ControlError>,
    mut take: impl FnMut(Result<T, ControlError>),
) -> Result<(), ControlError> {
    // Not through the pool: its stream ends with the first row that is no text (invalid UTF-8).
    let mut connection = pool.acquire().await?;
    let mut rows = select.fetch(&mut *connection);
    while let Some(row) = next_in_time(&mut rows).await {
        match row {
            Ok(row) => take(read(&row)),
            Err(damage @ (sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. })) => {
                take(Err(damage.into()));
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(())
}

/// Adds the name of the row to what is wrong with one of its columns.
pub(crate) fn named<T>(
    read: Result<T, ControlError>,
    row: &AnyRow,
    what: &'static str,
    id: &'static str,
) -> Result<T, ControlError> {
    read.map_err(|error| match error {
        ControlError::Corrupt(column) => {
            // In a join the columns of `projects` are called `project_plan` and so on.
            let column = column.strip_prefix("column ").unwrap_or(&column);
            let column = column.strip_prefix(what).and_then(|rest| rest.strip_prefix('_')).unwrap_or(column);
            ControlError::Corrupt(format!("{what} {}, column {column}", shown(row, id)))
        }
        other => other,
    })
}

/// A text of the row as an error shows it, whatever is in it.
pub(crate) fn shown(row: &AnyRow, column: &'static str) -> String {
    match row.try_get::<&str, _>(column) {
        Ok(text) => short(text),
        Err(_) => "without an identifier".to_owned(),
    }
}

/// The beginning of a stored text, fit for a log and a terminal.
pub(crate) fn short(text: &str) -> String {
    let begin: String = text.chars().take(NAME_CHARS).collect();
    begin.escape_debug().to_string()
}

/// A value of a column that is never null.
pub(crate) fn value<'r, T>(row: &'r AnyRow, column: &'static str) -> Result<T, ControlError>
where
    T: Decode<'r, Any> + Type<Any>,
{
    row.try_get(column).map_err(|_| damaged(column))
}

/// A text read as a `T`.
pub(crate) fn parsed<T: FromStr>(row: &AnyRow, column: &'static str) -> Result<T, ControlError> {
    value::<&str>(row, column)?.parse().map_err(|_| damaged(column))
}

/// A text or null.
pub(crate) fn parsed_or_none<T: FromStr>(
    row: &AnyRow,
    column: &'static str,
) -> Result<Option<T>, ControlError> {
    let text: Option<&str> = value(row, column)?;
    text.map(|text| text.parse().map_err(|_| damaged(column))).transpose()
}

/// Milliseconds read as an instant.
pub(crate) fn time(row: &AnyRow, column: &'static str) -> Result<Timestamp, ControlError> {
    Timestamp::from_millis(value(row, column)?).ok_or_else(|| damaged(column))
}

/// Milliseconds or null.
pub(crate) fn time_or_none(row: &AnyRow, column: &'static str) -> Result<Option<Timestamp>, ControlError> {
    let millis: Option<i64> = value(row, column)?;
    millis.map(|millis| Timestamp::from_millis(millis).ok_or_else(|| damaged(column))).transpose()
}

/// A whole number that is never negative.
pub(crate) fn count(row: &AnyRow, column: &'static str) -> Result<u64, ControlError> {
    u64::try_from(value::<i64>(row, column)?).map_err(|_| damaged(column))
}

/// A JSON array of strings, each read as a `T`.
pub(crate) fn list<T: FromStr>(row: &AnyRow, column: &'static str) -> Result<Vec<T>, ControlError> {
    let texts: Vec<String> = serde_json::from_str(value(row, column)?).map_err(|_| damaged(column))?;
    texts.iter().map(|text| text.parse().map_err(|_| damaged(column))).collect()
}

/// The texts of a list, as [`list`] reads them and as the audit log shows them.
pub(crate) fn texts<T: Display>(values: &[T]) -> serde_json::Value {
    values.iter().map(ToString::to_string).collect()
}

pub(crate) fn damaged(column: &'static str) -> ControlError {
    ControlError::Corrupt(format!("column {column}"))
}
