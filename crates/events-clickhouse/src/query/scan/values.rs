//! Reads the results of statements of few rows.

use millimetric_events::StoreError;
use serde_json::Value;

/// A text; `None` of `NULL`.
pub(crate) fn text(row: &[Value], column: usize) -> Option<&str> {
    row.get(column).and_then(Value::as_str)
}

/// A count.
pub(crate) fn number(row: &[Value], column: usize) -> Result<u64, StoreError> {
    row.get(column).and_then(Value::as_u64).ok_or_else(unexpected)
}

/// An integer.
pub(crate) fn integer(row: &[Value], column: usize) -> Result<i64, StoreError> {
    row.get(column).and_then(Value::as_i64).ok_or_else(unexpected)
}

fn unexpected() -> StoreError {
    StoreError::Internal("ClickHouse returned a row of another form".to_owned())
}
