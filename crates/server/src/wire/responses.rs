//! The JSON of the responses: names and order of the keys are the contract's.
//!
//! Nothing is counted or decided here.

mod multi_project;
pub mod segment;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millimetric_core::query::Cursor;
use millimetric_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::choices::ErasureStatusName;

pub use self::multi_project::{ComparedRow, ComparedRows, ProjectRow, ProjectRows};

/// `GET /healthz`, `GET /readyz`
#[derive(Debug, Serialize, ToSchema)]
pub struct Healthy {
    /// Always true.
    #[schema(example = true)]
    pub ok: bool,
}

/// `POST /v1/track`
#[derive(Debug, Serialize, ToSchema)]
pub struct Tracked {
    /// Always true.
    pub ok: bool,
    /// The event's id: the client's, or the one that the server created.
    pub event_id: String,
    /// 1 if the event was already stored.
    #[serde(skip_serializing_if = "is_zero")]
    pub duplicates: u64,
    /// Why the event was not stored on purpose: it came from a known bot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<&'static str>,
}

/// `POST /v1/batch`
#[derive(Debug, Serialize, ToSchema)]
pub struct Batched {
    /// Always true.
    pub ok: bool,
    /// Events of the batch.
    pub count: u64,
    /// How many of them were already stored.
    #[serde(skip_serializing_if = "is_zero")]
    pub duplicates: u64,
    /// Why the batch was not stored on purpose: it came from a known bot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<&'static str>,
}

/// `POST /v1/identify`
#[derive(Debug, Serialize, ToSchema)]
pub struct Identified {
    /// Always true.
    pub ok: bool,
    /// Why the link was not stored on purpose: it came from a known bot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<&'static str>,
}

/// `POST /v1/forget`
#[derive(Debug, Serialize, ToSchema)]
pub struct ForgetAccepted {
    /// Always true.
    pub ok: bool,
    /// Always true: hidden now, erased from the disk within a minute.
    pub queued: bool,
    /// For `GET /v1/forget/{request_id}`.
    pub request_id: String,
}

/// `GET /v1/forget/{request_id}`
#[derive(Debug, Serialize, ToSchema)]
pub struct ForgetStatus {
    /// The request.
    pub request_id: String,
    /// `queued`, `running`, `done` or `failed`.
    #[schema(value_type = ErasureStatusName, inline)]
    pub status: &'static str,
    /// Events erased from the disk so far.
    pub events_deleted: u64,
    /// When it was requested.
    #[schema(format = DateTime)]
    pub requested_at: String,
    /// When it was finished.
    #[schema(format = DateTime)]
    pub finished_at: Option<String>,
}

/// A cursor as clients carry it: opaque text, safe in a URL.
pub fn write_cursor(cursor: &Cursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{}", cursor.timestamp.millis(), cursor.event_id))
}

/// The position that a client's cursor names.
pub fn read_cursor(text: &str) -> Option<Cursor> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (millis, event_id) = text.split_once(':')?;
    Some(Cursor { timestamp: Timestamp::from_millis(millis.parse().ok()?)?, event_id: event_id.to_owned() })
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(super) const fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(super) const fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let cursor = Cursor { timestamp: Timestamp::from_millis(-5).unwrap(), event_id: "a:b ü".into() };
        assert_eq!(read_cursor(&write_cursor(&cursor)), Some(cursor));
        for text in ["", "!!", "YWJj", "OTk5OTk5OTk5OTk5OTk5OTk5OTk6YQ"] {
            assert_eq!(read_cursor(text), None, "{text}");
        }
    }
}
