//! The body of a batch, whose messages are parsed one after the other.

use serde_json::value::RawValue;

use super::super::object::Object;
use super::message::{ContextIn, MessageIn, context_slowly, slowly};
use super::text::Text;
use super::walk::Walk;
use super::{MAX_MESSAGE, MAX_MESSAGES, Wrong};
use crate::error::{ApiError, ApiResult, ErrorCode, Problems};

/// A batch as it was sent.
#[derive(Debug, Default)]
pub(super) struct BatchIn<'a> {
    /// At least one, if there are no problems.
    pub(super) messages: Vec<Result<MessageIn<'a>, Wrong>>,
    pub(super) sent_at: Option<Text<'a>>,
    pub(super) context: Option<ContextIn<'a>>,
    pub(super) write_key: Option<Text<'a>>,
    /// What is wrong with the whole.
    pub(super) problems: Problems,
}

/// Reads a batch; an error if the text is not JSON, or not an object.
pub(super) fn read<'a>(walk: &mut Walk<'a>) -> ApiResult<BatchIn<'a>> {
    let mut batch = BatchIn::default();
    if !walk.token('{') {
        walk.raw()?;
        let message = "the body must be a JSON object with `batch`";
        return Err(ApiError::form(ErrorCode::InvalidPayload, message));
    }
    if !walk.token('}') {
        loop {
            let name: String = walk.value().map_err(|_| walk.not_json())?;
            walk.expect(':')?;
            batch.member(&name, walk)?;
            if walk.token('}') {
                break;
            }
            walk.expect(',')?;
        }
    }
    walk.end()?;
    if batch.messages.is_empty() {
        let message = format!("must be an array of 1 to {MAX_MESSAGES} messages");
        batch.problems.field("batch", message);
    }
    Ok(batch)
}

impl<'a> BatchIn<'a> {
    fn member(&mut self, name: &str, walk: &mut Walk<'a>) -> ApiResult<()> {
        match name {
            "batch" => return self.elements(walk),
            "sentAt" => self.sent_at = self.text(name, walk.raw()?),
            "writeKey" => self.write_key = self.text(name, walk.raw()?),
            "context" => {
                let raw = walk.raw()?;
                let (read, wrong) = if is_null(raw) { (None, Wrong::new()) } else { context_slowly(raw) };
                self.context = read;
                self.problems.event(wrong);
            }
            _ => drop(walk.raw()?),
        }
        Ok(())
    }

    fn text(&mut self, name: &str, raw: &'a RawValue) -> Option<Text<'a>> {
        let read = serde_json::from_str(raw.get());
        read.unwrap_or_else(|_| {
            self.problems.field(name, "must be a string");
            None
        })
    }

    fn elements(&mut self, walk: &mut Walk<'a>) -> ApiResult<()> {
        self.messages.clear();
        if !walk.token('[') {
            return walk.raw().map(drop);
        }
        if walk.token(']') {
            return Ok(());
        }
        loop {
            if self.messages.len() == MAX_MESSAGES {
                let mut problems = Problems::default();
                problems.field("batch", format!("must hold at most {MAX_MESSAGES} messages"));
                return Err(ApiError::validation(ErrorCode::InvalidPayload, problems));
            }
            self.messages.push(element(walk)?);
            if walk.token(']') {
                return Ok(());
            }
            walk.expect(',')?;
        }
    }
}

/// Reads one message; the outer error says that the text is not JSON.
fn element<'a>(walk: &mut Walk<'a>) -> ApiResult<Result<MessageIn<'a>, Wrong>> {
    let refused = |message: &str| Ok(Err(vec![(String::new(), message.to_owned())]));
    let start = walk.position();
    if let Ok(Object(message)) = walk.value() {
        let bytes = walk.position() - start;
        if bytes > MAX_MESSAGE { refused(TOO_LARGE) } else { Ok(Ok(message)) }
    } else {
        let raw = walk.raw()?;
        if raw.get().len() > MAX_MESSAGE {
            return refused(TOO_LARGE);
        }
        match slowly(raw) {
            Some((message, wrong)) if wrong.is_empty() => Ok(Ok(message)),
            Some((_, wrong)) => Ok(Err(wrong)),
            None => refused("must be a JSON object"),
        }
    }
}

const TOO_LARGE: &str = "must be at most 32768 bytes";

fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}
