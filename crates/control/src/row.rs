//! Reading a stored row back into values that cannot be wrong.
//!
//! A value that does not read back is damage, named by its column and never quoted: it might be
//! a hash.

use std::fmt::Display;
use std::str::FromStr;

use millimetric_core::time::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{Any, Decode, Row, Type};

use crate::ControlError;

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
