//! The encoding of event ids in segment files and in memory. An id that is `evt_` and a UUID, as the server
//! creates them, is stored as the 16 bytes of the UUID in the column `event_uuid`, which takes a quarter less
//! space than compressed text; other ids are text in `event_id`. [`unpack`] restores the ids as text.

use std::cmp::Ordering;
use std::str::Utf8Error;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field as ArrowField, Schema};
use arrow::error::ArrowError;
use uuid::Uuid;

use millimetric_core::column::Column;

/// The column of the UUIDs; null if the id is another text, which is then in `event_id`.
pub const EVENT_UUID: &str = "event_uuid";
/// Bytes of a UUID.
pub const UUID_BYTES: i32 = 16;
/// The prefix of ids that are stored as UUID.
const PREFIX: &str = "evt_";
/// Bytes of such an id as text.
const LENGTH: usize = PREFIX.len() + uuid::fmt::Hyphenated::LENGTH;

/// The column `event_uuid` of a file's schema, with the logical type UUID.
pub fn column() -> ArrowField {
    // The name of Arrow's canonical extension type (arrow.apache.org/docs/format/CanonicalExtensions.html).
    let name = ("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned());
    ArrowField::new(EVENT_UUID, DataType::FixedSizeBinary(UUID_BYTES), true).with_metadata([name])
}

/// Returns the UUID of an id, if [`text_of`] restores exactly this id from it.
fn pack(event_id: &str) -> Option<Uuid> {
    let text = event_id.strip_prefix(PREFIX)?;
    let uuid = Uuid::try_parse(text).ok()?;
    (uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(uuid)
}

/// Returns the id with this UUID.
fn text_of<'a>(uuid: &Uuid, text: &'a mut [u8; LENGTH]) -> Result<&'a str, Utf8Error> {
    text[..PREFIX.len()].copy_from_slice(PREFIX.as_bytes());
    uuid.hyphenated().encode_lower(&mut text[PREFIX.len()..]);
    str::from_utf8(text)
}

/// An event id in memory, half as large as its text. The order is that of the texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventId {
    /// An id that is `evt_` and this UUID.
    Packed(Uuid),
    /// Any other id.
    Text(Box<str>),
}

impl EventId {
    /// The id with this text.
    pub fn new(text: &str) -> Self {
        pack(text).map_or_else(|| Self::Text(text.into()), Self::Packed)
    }

    /// The UUID, if the id is stored as one.
    pub fn uuid(&self) -> Option<&Uuid> {
        match self {
            Self::Packed(uuid) => Some(uuid),
            Self::Text(_) => None,
        }
    }

    /// The text, if the id is not stored as a UUID.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Packed(_) => None,
            Self::Text(text) => Some(text),
        }
    }

    /// Calls `read` with the text.
    pub fn with_text<T>(&self, read: impl FnOnce(&str) -> T) -> T {
        match self {
            // Formatted UUIDs are always valid UTF-8.
            Self::Packed(uuid) => read(text_of(uuid, &mut [0; LENGTH]).unwrap_or_default()),
            Self::Text(text) => read(text),
        }
    }
}

impl Ord for EventId {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Packed(mine), Self::Packed(theirs)) => mine.cmp(theirs),
            _ => self.with_text(|mine| other.with_text(|theirs| mine.cmp(theirs))),
        }
    }
}

impl PartialOrd for EventId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Replaces `event_uuid` and `event_id` of a batch by `event_id` with all ids as text. Returns a batch without
/// `event_uuid` unchanged.
///
/// # Errors
/// `SchemaError` if `event_id` is missing or a column has another type.
pub fn unpack(batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    let Some((uuids, _)) = batch.schema_ref().column_with_name(EVENT_UUID) else { return Ok(batch) };
    let name = Column::EventId.as_str();
    let (texts, _) = batch
        .schema_ref()
        .column_with_name(name)
        .ok_or_else(|| ArrowError::SchemaError(format!("{EVENT_UUID} without {name}")))?;
    let ids = decoded(batch.column(uuids), batch.column(texts))?;
    let (mut columns, mut fields) = (batch.columns().to_vec(), batch.schema_ref().fields().to_vec());
    columns[texts] = ids;
    fields[texts] = Arc::new(ArrowField::new(name, DataType::Utf8, true));
    columns.remove(uuids);
    fields.remove(uuids);
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn decoded(uuids: &ArrayRef, texts: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let wrong = |name| ArrowError::SchemaError(format!("{name} has another type"));
    let uuids = uuids.as_fixed_size_binary_opt().ok_or_else(|| wrong(EVENT_UUID))?;
    let texts = texts.as_string_opt::<i32>().ok_or_else(|| wrong(Column::EventId.as_str()))?;
    let mut ids = StringBuilder::with_capacity(uuids.len(), uuids.len() * LENGTH);
    for row in 0..uuids.len() {
        if uuids.is_valid(row) {
            let uuid = Uuid::from_slice(uuids.value(row)).map_err(|_| wrong(EVENT_UUID))?;
            ids.append_value(text_of(&uuid, &mut [0; LENGTH]).map_err(|_| wrong(EVENT_UUID))?);
        } else {
            ids.append_option(texts.is_valid(row).then(|| texts.value(row)));
        }
    }
    Ok(Arc::new(ids.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_that_comes_back_the_same_is_packed() {
        let uuid = "019ca6b1-ddb8-751e-b808-47475a6c8eed";
        assert_eq!(pack(&format!("evt_{uuid}")).map(|it| it.to_string()), Some(uuid.to_owned()));
        assert!(pack("evt_00000000-0000-0000-0000-000000000000").is_some());
        let texts = [
            uuid.to_owned(),
            format!("evt_{}", uuid.to_uppercase()),
            format!("evt_{}", uuid.replace('-', "")),
            format!("evt_{{{uuid}}}"),
            format!("evt_urn:uuid:{uuid}"),
            format!("evt_{uuid} "),
            format!("EVT_{uuid}"),
            "evt_".to_owned(),
            "evt_1".to_owned(),
            String::new(),
        ];
        for other in texts {
            assert_eq!(pack(&other), None, "{other:?}");
        }
    }

    #[test]
    fn ids_in_memory_are_ordered_as_their_texts_and_come_back_the_same() {
        let texts = [
            "",
            "a",
            "evt_",
            "evt_00000000-0000-0000-0000-000000000000",
            "evt_019CA6B1-ddb8-751e-b808-47475a6c8eed",
            "evt_019ca6b1",
            "evt_019ca6b1-ddb8-751e-b808-47475a6c8eec",
            "evt_019ca6b1-ddb8-751e-b808-47475a6c8eed",
            "evt_019ca6b1-ddb8-751e-b808-47475a6c8eed!",
            "evt_a19ca6b1-ddb8-751e-b808-47475a6c8eed",
            "evt_b",
            "order-1",
        ];
        let ids = texts.map(EventId::new);
        assert!(ids.is_sorted());
        for (text, id) in texts.iter().zip(&ids) {
            id.with_text(|back| assert_eq!(back, *text));
        }
        assert_eq!(ids.iter().filter(|id| matches!(id, EventId::Packed(_))).count(), 4);
    }
}
