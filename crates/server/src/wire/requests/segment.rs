//! What Segment's libraries send (contract, section 8): messages, alone or in batches, read into the same
//! events as our own format.
//!
//! Each message is parsed once, by itself. One that does not fit is read again member by member, so that
//! every wrong type is named at its path; in a batch the others stay valid.

mod batch;
mod mapping;
mod message;
mod page;
mod properties;
mod text;
mod walk;

use millimetric_core::ingest::validate::FieldError;
use millimetric_core::time::Timestamp;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::object::Object;
use super::{not_json, repair};
use crate::error::{ApiError, ApiResult, ErrorCode, Problems};
use crate::ops::collect::Sent;

use mapping::{Mapped, Names, Shared};
use text::Text;
use walk::Walk;

pub use self::message::MessageIn;

/// The most messages of a batch.
pub const MAX_MESSAGES: usize = 2500;
/// The most bytes of one message (contract, section 8): 32 KiB.
pub const MAX_MESSAGE: usize = 32 * 1024;
/// The most bytes of a batch, also after decompression: 500 KiB.
pub const MAX_BATCH: usize = 500 * 1024;

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `track`
    Track,
    /// `identify`
    Identify,
    /// `page`
    Page,
    /// `screen`
    Screen,
    /// `group`
    Group,
    /// `alias`
    Alias,
}

impl Kind {
    const ALL: [(&'static str, Self); 6] = [
        ("track", Self::Track),
        ("identify", Self::Identify),
        ("page", Self::Page),
        ("screen", Self::Screen),
        ("group", Self::Group),
        ("alias", Self::Alias),
    ];

    fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }
}

/// Messages together.
#[derive(Debug, ToSchema)]
#[schema(as = SegmentBatch)]
#[allow(dead_code, reason = "describes what is read value by value")]
pub struct MessagesIn {
    /// 1–2500 messages, each with its `type`. Those that are valid are stored even if others are not.
    #[schema(value_type = Vec<MessageIn<'_>>, min_items = 1, max_items = 2500,
        example = json!([{"type": "track", "userId": "user-1", "event": "Order Completed"}]))]
    batch: Vec<serde_json::Value>,
    /// When the batch was sent, by the clock of the client.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[schema(rename = "sentAt")]
    sent_at: Option<String>,
    /// Of the messages that have none of their own.
    #[schema(value_type = Option<Object>)]
    context: Option<serde_json::Value>,
    /// The write key, if it is not in the header: on the paths that our own format does not have.
    #[schema(rename = "writeKey")]
    write_key: Option<String>,
}

/// What a body says, and the key that it carries, which is checked before anything is said about the rest.
#[derive(Debug)]
pub struct Keyed<T> {
    /// `writeKey`
    pub write_key: Option<String>,
    /// The rest.
    pub value: ApiResult<T>,
}

/// The messages of a request.
#[derive(Debug, Default)]
pub struct Messages {
    /// One event for each message that could be read.
    pub events: Vec<Sent>,
    /// Of each event.
    names: Vec<Names>,
    problems: Problems,
    wrong: usize,
    is_batch: bool,
}

/// Reads one message of a kind that its route names; `now` is the server's clock.
pub fn message(text: &str, kind: Kind, now: Timestamp) -> ApiResult<Keyed<Messages>> {
    let text = repair::escapes(text);
    let (mut read, wrong) = if let Ok(Object(read)) = serde_json::from_str(&text) {
        (read, Vec::new())
    } else {
        let raw: &RawValue = serde_json::from_str(&text).map_err(|error| not_json(&error))?;
        message::slowly(raw)
            .ok_or_else(|| ApiError::form(ErrorCode::InvalidPayload, "the body must be a JSON object"))?
    };
    let write_key = read.write_key.take().map(Text::into_string);
    let mut messages = Messages::default();
    let shared = Shared { now, sent_at: None, context: None };
    messages.take(if wrong.is_empty() { read.into_event(kind, &shared) } else { Err(wrong) }, 0);
    Ok(Keyed { write_key, value: Ok(messages) })
}

/// Reads a batch; `now` is the server's clock.
pub fn batch(text: &str, now: Timestamp) -> ApiResult<Keyed<Messages>> {
    let text = repair::escapes(text);
    let batch = batch::read(&mut Walk::new(&text))?;
    let write_key = batch.write_key.map(Text::into_string);
    if !batch.problems.is_empty() {
        let value = Err(ApiError::validation(ErrorCode::InvalidPayload, batch.problems));
        return Ok(Keyed { write_key, value });
    }
    let shared = Shared { now, sent_at: batch.sent_at, context: batch.context };
    let mut messages = Messages { is_batch: true, ..Messages::default() };
    for (index, read) in batch.messages.into_iter().enumerate() {
        let event = read.and_then(|message| {
            let kind = message.own_kind()?;
            message.into_event(kind, &shared)
        });
        messages.take(event, index);
    }
    Ok(Keyed { write_key, value: Ok(messages) })
}

/// What is wrong with a message: paths inside it, and what would be right.
type Wrong = Vec<(String, String)>;

impl Messages {
    fn take(&mut self, event: Result<Mapped, Wrong>, index: usize) {
        match event {
            Ok(Mapped { sent, mut names }) => {
                names.index = index;
                self.events.push(sent);
                self.names.push(names);
            }
            Err(wrong) => self.refuse(wrong, index),
        }
    }

    fn refuse(&mut self, wrong: Wrong, index: usize) {
        let is_batch = self.is_batch;
        self.wrong += 1;
        self.problems
            .event(wrong.into_iter().map(|(field, message)| (path(is_batch, index, &field), message)));
    }

    /// Nothing if every message was stored; else the error that names those that were not. `refused` has
    /// the indexes in `events` of those that did not pass validation.
    pub fn outcome(mut self, refused: Vec<(usize, Vec<FieldError>)>) -> ApiResult<()> {
        let stored = self.names.len() - refused.len();
        for (index, errors) in refused {
            let names = self.names[index];
            let theirs = errors.into_iter().map(|error| (names.field(error.field).to_owned(), error.message));
            self.refuse(theirs.collect(), names.index);
        }
        if self.wrong == 0 {
            return Ok(());
        }
        let error = ApiError::validation(ErrorCode::InvalidPayload, self.problems);
        if !self.is_batch {
            return Err(error);
        }
        let message = format!(
            "{} of {} messages are not valid and were not stored; details lists what is wrong with each. The \
             other {stored} were stored.",
            self.wrong,
            stored + self.wrong
        );
        Err(error.saying(message).detail("stored", stored))
    }
}

fn path(is_batch: bool, index: usize, field: &str) -> String {
    match (is_batch, field) {
        (false, field) => field.to_owned(),
        (true, "") => format!("batch.{index}"),
        (true, field) => format!("batch.{index}.{field}"),
    }
}

#[cfg(test)]
#[path = "segment/tests.rs"]
mod tests;
