//! Encodes rows in the format `RowBinary`: the columns of a row, one after the other, without names.

use bytes::{BufMut as _, BytesMut};
use millimetric_core::column::Column;
use millimetric_core::event::{Event, EventScope};
use uuid::Uuid;

use crate::keys::Key;

/// The columns of an inserted row before and after those of [`Column`].
const BEFORE: [&str; 4] = ["project", "env", "timestamp", "received_at"];
const AFTER: [&str; 4] = ["version", "reclassification", "user_key", "visitor_key"];

/// The statement that inserts rows of [`put_event`].
pub(crate) fn insert_events() -> String {
    let columns: Vec<_> = BEFORE.into_iter().chain(Column::ALL.map(Column::as_str)).chain(AFTER).collect();
    format!("INSERT INTO events ({}) FORMAT RowBinary", columns.join(", "))
}

/// What is stored with an event.
pub(crate) struct StoredWith<'a> {
    pub(crate) project: &'a str,
    pub(crate) scope: EventScope,
    /// The re-classification that writes the row; zeros for none.
    pub(crate) reclassification: Uuid,
    /// Of the user and the visitor.
    pub(crate) keys: (Key, Key),
}

/// Adds the row of an event.
pub(crate) fn put_event(rows: &mut BytesMut, event: &Event, with: &StoredWith<'_>) {
    put_text(rows, with.project);
    put_text(rows, with.scope.env.as_str());
    rows.put_i64_le(event.timestamp.millis());
    rows.put_i64_le(event.received_at.millis());
    for column in Column::ALL {
        let text = event.text(column);
        if column.info().is_optional() {
            rows.put_u8(u8::from(text.is_none()));
        }
        if let Some(text) = text {
            put_text(rows, text);
        }
    }
    rows.put_u64_le(version(event));
    put_uuid(rows, with.reclassification);
    rows.put_slice(&with.keys.0);
    rows.put_slice(&with.keys.1);
}

/// The version of an event's row: the earlier it was received, the higher.
fn version(event: &Event) -> u64 {
    // Times before 1970 are the highest.
    u64::MAX - event.received_at.millis().max(0).cast_unsigned()
}

/// Adds a `String`.
pub(crate) fn put_text(rows: &mut BytesMut, text: &str) {
    put_length(rows, text.len());
    rows.put_slice(text.as_bytes());
}

/// Adds a `UUID`.
pub(crate) fn put_uuid(rows: &mut BytesMut, uuid: Uuid) {
    let (high, low) = uuid.as_u64_pair();
    rows.put_u64_le(high);
    rows.put_u64_le(low);
}

/// Adds an `Array(FixedString(16))`.
pub(crate) fn put_keys<'a>(rows: &mut BytesMut, keys: impl ExactSizeIterator<Item = &'a Key>) {
    put_length(rows, keys.len());
    keys.for_each(|key| rows.put_slice(key));
}

/// Adds a length as LEB128.
fn put_length(rows: &mut BytesMut, mut length: usize) {
    while length >= 0x80 {
        rows.put_u8((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    rows.put_u8(length as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_as_the_format_says() {
        let mut rows = BytesMut::new();
        put_text(&mut rows, "ü");
        put_length(&mut rows, 300);
        put_keys(&mut rows, [[7; 16]].iter());
        assert_eq!(rows[..5], [2, 0xc3, 0xbc, 0xac, 2]);
        assert_eq!(rows[5..], [&[1][..], &[7; 16]].concat());
        let mut rows = BytesMut::new();
        put_uuid(&mut rows, Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10));
        assert_eq!(rows[..], [8, 7, 6, 5, 4, 3, 2, 1, 16, 15, 14, 13, 12, 11, 10, 9]);
    }
}
