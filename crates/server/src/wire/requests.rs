//! What clients send to the ingest routes.
//!
//! A body that fits is read in one pass. One that does not is read again, event by event and
//! field by field, so that the response names every wrong type at its path. Either way members that
//! nobody knows are skipped and never kept.

mod members;
mod object;
mod refused;
pub mod segment;

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;

use millimetric_core::ingest::validate::EventInput;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::repair;
use crate::client_info::parse_address;
use crate::error::{ApiError, ApiResult, ErrorCode, Problems};

pub use self::refused::{not_collected, not_identified};
use members::Fields;
use object::Object;

/// The most events of a batch (contract, section 3).
pub const MAX_BATCH: usize = 1000;

/// One event. Unknown fields are ignored; `null` counts as absent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Event)]
pub struct EventIn {
    /// Name, 1–128 characters; `$` marks system events such as `$pageview`. Required.
    #[schema(required, nullable = false, min_length = 1, max_length = 128, example = "$pageview")]
    pub event: Option<String>,
    /// Your own id for this event, 1–128 characters; the same id is stored once.
    #[schema(min_length = 1, max_length = 128, example = "evt_0190f3c0-a1b2-7c4d-8e9f-a0b1c2d3e4f6")]
    pub event_id: Option<String>,
    /// When it happened, ISO 8601 with an offset; absent: now.
    #[schema(format = DateTime)]
    pub timestamp: Option<String>,
    /// The visitor, 1–128 characters; absent: the server invents one.
    #[schema(min_length = 1, max_length = 128, example = "visitor-1")]
    pub anonymous_id: Option<String>,
    /// The signed-in user, 1–256 characters.
    #[schema(min_length = 1, max_length = 256)]
    pub user_id: Option<String>,
    /// The session, 1–128 characters; absent: one for each visitor and half hour.
    #[schema(min_length = 1, max_length = 128)]
    pub session_id: Option<String>,
    /// The page, an absolute http(s) URL of at most 2048 characters.
    #[schema(
        format = "uri",
        min_length = 1,
        max_length = 2048,
        example = "https://shop.example/sale?utm_source=facebook&utm_medium=cpc"
    )]
    pub url: Option<String>,
    /// The page's path; absent: the url's.
    #[schema(max_length = 2048)]
    pub path: Option<String>,
    /// Where the visitor came from.
    #[schema(max_length = 2048)]
    pub referrer: Option<String>,
    /// Anything else: a JSON object of at most 8192 bytes, at most 32 levels deep.
    #[schema(value_type = Option<Object>, nullable = false, example = json!({ "plan": "pro", "seats": 3 }))]
    pub properties: Option<Box<RawValue>>,
    /// The visitor, when a server sends for a browser; honoured for sk keys only.
    #[schema(nullable = false)]
    #[serde(default, deserialize_with = "object::optional")]
    pub context: Option<ContextIn>,
}

/// The visitor behind a server's request.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(as = Context)]
pub struct ContextIn {
    /// The visitor's address, with or without a port; hashed and located, never stored. What is no
    /// address counts as absent.
    #[schema(value_type = Option<String>)]
    #[serde(default, deserialize_with = "address")]
    pub ip: Option<IpAddr>,
    /// The visitor's `User-Agent`; never stored.
    pub user_agent: Option<String>,
}

/// The body of `POST /v1/batch`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Batch)]
pub struct BatchIn {
    /// 1–1000 events, all stored or none.
    #[schema(value_type = Vec<EventIn>, min_items = 1, max_items = 1000, example = json!([
        { "event": "$pageview", "event_id": "evt_1", "anonymous_id": "visitor-1", "url": "https://shop.example/sale" },
        { "event": "purchase", "event_id": "evt_2", "anonymous_id": "visitor-1", "properties": { "amount": 49.9, "currency": "EUR" } },
    ]))]
    events: AtMost<Object<EventIn>>,
}

/// The body of `POST /v1/identify`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Identify)]
pub struct IdentifyIn {
    /// The visitor. Required.
    #[schema(required, nullable = false, min_length = 1, max_length = 128, example = "visitor-1")]
    pub anonymous_id: Option<String>,
    /// The user that the visitor turned out to be. Required.
    #[schema(required, nullable = false, min_length = 1, max_length = 256, example = "user-1")]
    pub user_id: Option<String>,
    /// Facts about the user: a JSON object, kept as the event's properties.
    #[schema(value_type = Option<Object>, nullable = false, example = json!({ "plan": "pro" }))]
    pub traits: Option<Box<RawValue>>,
    /// As in an event: makes a retry harmless.
    #[schema(min_length = 1, max_length = 128)]
    pub event_id: Option<String>,
    /// As in an event.
    #[schema(format = DateTime)]
    pub timestamp: Option<String>,
    /// As in an event.
    #[schema(nullable = false)]
    #[serde(default, deserialize_with = "object::optional")]
    pub context: Option<ContextIn>,
}

/// The body of `POST /v1/forget`: one of the two ids.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Forget)]
pub struct ForgetIn {
    /// The user to forget.
    #[schema(min_length = 1, max_length = 256, example = "user-1")]
    pub user_id: Option<String>,
    /// The visitor to forget.
    #[schema(min_length = 1, max_length = 128)]
    pub anonymous_id: Option<String>,
    /// With `user_id`: also forget the visitors that `$identify` linked to the user.
    #[schema(example = true)]
    pub include_linked: Option<bool>,
}

/// Reads one event.
pub fn event(text: &str) -> ApiResult<EventIn> {
    read(text, |raw| read_event(raw, ""))
}

/// Reads a batch; never more than [`MAX_BATCH`] events are kept in memory.
pub fn batch(text: &str) -> ApiResult<Vec<EventIn>> {
    let text = repair::escapes(text);
    let events = match serde_json::from_str::<Object<BatchIn>>(&text) {
        Ok(Object(BatchIn { events: AtMost { kept, count } })) => {
            AtMost { kept: kept.into_iter().map(|event| event.0).collect(), count }
        }
        Err(_) => read_batch_slowly(&text)?,
    };
    if events.kept.is_empty() || events.count > MAX_BATCH {
        let mut problems = Problems::default();
        problems.field("events", format!("must hold 1 to {MAX_BATCH} events, not {}", events.count));
        return Err(ApiError::validation(ErrorCode::InvalidPayload, problems));
    }
    Ok(events.kept)
}

/// Reads a link between a visitor and a user.
pub fn identify(text: &str) -> ApiResult<IdentifyIn> {
    read(text, |raw| {
        Fields::of(raw, "", IDENTIFY).map(|mut fields| {
            let read = IdentifyIn {
                anonymous_id: fields.take("anonymous_id", "a string"),
                user_id: fields.take("user_id", "a string"),
                traits: fields.raw("traits").map(ToOwned::to_owned),
                event_id: fields.take("event_id", "a string"),
                timestamp: fields.take("timestamp", "a string"),
                context: fields.context(),
            };
            (read, fields.wrong)
        })
    })
}

/// Reads whom to forget.
pub fn forget(text: &str) -> ApiResult<ForgetIn> {
    read(text, |raw| {
        Fields::of(raw, "", FORGET).map(|mut fields| {
            let read = ForgetIn {
                user_id: fields.take("user_id", "a string"),
                anonymous_id: fields.take("anonymous_id", "a string"),
                include_linked: fields.take("include_linked", "true or false"),
            };
            (read, fields.wrong)
        })
    })
}

/// What was read member by member, and what is wrong with it: paths and messages.
type Slowly<T> = (T, Vec<(String, String)>);

fn read<T: DeserializeOwned>(text: &str, slowly: impl Fn(&RawValue) -> Option<Slowly<T>>) -> ApiResult<T> {
    let text = repair::escapes(text);
    if let Ok(Object(read)) = serde_json::from_str(&text) {
        return Ok(read);
    }
    let raw: &RawValue = serde_json::from_str(&text).map_err(|error| not_json(&error))?;
    let (read, wrong) = slowly(raw)
        .ok_or_else(|| ApiError::form(ErrorCode::InvalidPayload, "the body must be a JSON object"))?;
    let mut problems = Problems::default();
    problems.event(wrong);
    problems.or(ErrorCode::InvalidPayload, read)
}

fn read_batch_slowly(text: &str) -> ApiResult<AtMost<EventIn>> {
    #[derive(Deserialize)]
    struct Outer<'a> {
        #[serde(borrow)]
        events: Option<&'a RawValue>,
    }
    let invalid = |field: &str, message: &str| {
        let mut problems = Problems::default();
        problems.field(field, message);
        ApiError::validation(ErrorCode::InvalidPayload, problems)
    };
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    let Object(outer): Object<Outer<'_>> = serde_json::from_str(whole.get()).map_err(|_| {
        ApiError::form(ErrorCode::InvalidPayload, "the body must be a JSON object with `events`")
    })?;
    let events = outer.events.ok_or_else(|| invalid("events", "is required"))?;
    let raw: AtMost<&RawValue> =
        serde_json::from_str(events.get()).map_err(|_| invalid("events", "must be an array"))?;
    let mut problems = Problems::default();
    let mut kept = Vec::with_capacity(raw.kept.len());
    for (index, event) in raw.kept.into_iter().enumerate() {
        match read_event(event, &format!("events.{index}")) {
            Some((read, wrong)) => {
                problems.event(wrong);
                kept.push(read);
            }
            None => problems.event([(format!("events.{index}"), "must be a JSON object".to_owned())]),
        }
    }
    problems.or(ErrorCode::InvalidPayload, AtMost { kept, count: raw.count })
}

fn not_json(error: &serde_json::Error) -> ApiError {
    let message = format!("the body is not valid JSON (line {}, column {})", error.line(), error.column());
    ApiError::form(ErrorCode::InvalidPayload, message)
}

fn read_event(raw: &RawValue, path: &str) -> Option<Slowly<EventIn>> {
    let mut fields = Fields::of(raw, path, EVENT)?;
    let read = EventIn {
        event: fields.take("event", "a string"),
        event_id: fields.take("event_id", "a string"),
        timestamp: fields.take("timestamp", "a string"),
        anonymous_id: fields.take("anonymous_id", "a string"),
        user_id: fields.take("user_id", "a string"),
        session_id: fields.take("session_id", "a string"),
        url: fields.take("url", "a string"),
        path: fields.take("path", "a string"),
        referrer: fields.take("referrer", "a string"),
        properties: fields.raw("properties").map(ToOwned::to_owned),
        context: fields.context(),
    };
    Some((read, fields.wrong))
}

/// The members that are read.
const EVENT: &[&str] = &[
    "event",
    "event_id",
    "timestamp",
    "anonymous_id",
    "user_id",
    "session_id",
    "url",
    "path",
    "referrer",
    "properties",
    "context",
];
const IDENTIFY: &[&str] = &["anonymous_id", "user_id", "traits", "event_id", "timestamp", "context"];
const FORGET: &[&str] = &["user_id", "anonymous_id", "include_linked"];
const CONTEXT: &[&str] = &["ip", "user_agent"];

impl Fields<'_> {
    fn context(&mut self) -> Option<ContextIn> {
        let raw = self.raw("context")?;
        let path = self.path_of("context");
        let Some(mut inner) = Fields::of(raw, &path, CONTEXT) else {
            self.wrong.push((path, "must be a JSON object".to_owned()));
            return None;
        };
        let context = ContextIn {
            ip: inner.raw("ip").and_then(|raw| address(raw).ok().flatten()),
            user_agent: inner.take("user_agent", "a string"),
        };
        self.wrong.append(&mut inner.wrong);
        Some(context)
    }
}

/// An address as proxies write it; of any other JSON value none (contract, section 3).
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpAddr>, D::Error> {
    struct Address;

    impl<'de> Visitor<'de> for Address {
        type Value = Option<IpAddr>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(parse_address(text))
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(None)
        }
    }

    deserializer.deserialize_any(Address)
}

/// An array of which at most [`MAX_BATCH`] elements are kept, and all are counted.
#[derive(Debug)]
struct AtMost<T> {
    kept: Vec<T>,
    count: usize,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AtMost<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Elements<T> {
            type Value = AtMost<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<AtMost<T>, A::Error> {
                let mut kept = Vec::new();
                while kept.len() < MAX_BATCH {
                    match seq.next_element()? {
                        Some(element) => kept.push(element),
                        None => return Ok(AtMost { count: kept.len(), kept }),
                    }
                }
                let mut count = kept.len();
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(AtMost { kept, count })
            }
        }

        deserializer.deserialize_seq(Elements(PhantomData))
    }
}

impl EventIn {
    /// What `core` validates, and whom the event speaks for.
    pub fn into_input(self) -> (EventInput, Option<ContextIn>) {
        let input = EventInput {
            event: self.event,
            event_id: self.event_id,
            timestamp: self.timestamp,
            anonymous_id: self.anonymous_id,
            user_id: self.user_id,
            session_id: self.session_id,
            url: self.url,
            path: self.path,
            referrer: self.referrer,
            properties: self.properties.map(into_text),
        };
        (input, self.context)
    }
}

impl IdentifyIn {
    /// The `$identify` event that records the link.
    pub fn into_event(self) -> ApiResult<EventIn> {
        let mut problems = Problems::default();
        for (field, value) in [("anonymous_id", &self.anonymous_id), ("user_id", &self.user_id)] {
            if value.is_none() {
                problems.field(field, "is required");
            }
        }
        let event = EventIn {
            event: Some("$identify".to_owned()),
            anonymous_id: self.anonymous_id,
            user_id: self.user_id,
            properties: self.traits,
            event_id: self.event_id,
            timestamp: self.timestamp,
            context: self.context,
            ..EventIn::default()
        };
        problems.or(ErrorCode::InvalidPayload, event)
    }
}

fn into_text(raw: Box<RawValue>) -> String {
    Box::<str>::from(raw).into_string()
}

#[cfg(test)]
#[path = "requests/tests.rs"]
mod tests;
