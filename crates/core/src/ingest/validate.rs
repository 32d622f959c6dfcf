//! First stage: what a client sent, checked field by field against the contract.
//!
//! Every rule that is broken is named, not just the first. Nothing is stored, looked up or
//! changed here beyond defaults that need no outside world.

use url::Url;

use super::page_path;
use crate::properties;
use crate::time::{MINUTE_MILLIS, Timestamp};

/// How far ahead of the server's clock an event may claim to be, in milliseconds.
pub const MAX_AHEAD_MILLIS: i64 = 10 * MINUTE_MILLIS;
/// Longest url, path and referrer, in characters.
pub const MAX_ADDRESS: usize = 2048;
/// The property that remembers by how much a clock was ahead, in milliseconds.
const CLOCK_SKEW: &str = "$clock_skew_ms";

/// One event as a client sent it: typed, not yet checked. Absent and `null` are both `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventInput {
    /// `event`
    pub event: Option<String>,
    /// `event_id`
    pub event_id: Option<String>,
    /// `timestamp`
    pub timestamp: Option<String>,
    /// `anonymous_id`
    pub anonymous_id: Option<String>,
    /// `user_id`
    pub user_id: Option<String>,
    /// `session_id`
    pub session_id: Option<String>,
    /// `url`
    pub url: Option<String>,
    /// `path`
    pub path: Option<String>,
    /// `referrer`
    pub referrer: Option<String>,
    /// `properties`, as the JSON text that was sent.
    pub properties: Option<String>,
}

/// An event whose every field obeys the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidEvent {
    /// 1–128 characters.
    pub event_name: String,
    /// 1–128 characters, when the client made one.
    pub event_id: Option<String>,
    /// Never more than [`MAX_AHEAD_MILLIS`] ahead of the server.
    pub timestamp: Timestamp,
    /// 1–128 characters, when the client knows the visitor.
    pub anonymous_id: Option<String>,
    /// 1–256 characters.
    pub user_id: Option<String>,
    /// 1–128 characters.
    pub session_id: Option<String>,
    /// An absolute http(s) URL.
    pub url: Option<String>,
    /// The client's, or the url's; normalised.
    pub path: Option<String>,
    /// Not empty.
    pub referrer: Option<String>,
    /// A compact JSON object.
    pub properties: String,
}

/// A field that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name.
    pub field: &'static str,
    /// What would be right.
    pub message: String,
}

impl FieldError {
    /// A field and what would be right.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

/// Checks one event; `now` is the server's clock.
pub fn validate(sent: EventInput, now: Timestamp) -> Result<ValidEvent, Vec<FieldError>> {
    let mut check = Check { errors: Vec::new() };
    let event_name = check.required("event", sent.event, 128);
    let event_id = check.text("event_id", sent.event_id, 1, 128);
    let sent_time = check.parsed("timestamp", sent.timestamp, |text| {
        Timestamp::parse(text).map_err(|error| error.to_string())
    });
    let anonymous_id = check.text("anonymous_id", sent.anonymous_id, 1, 128);
    let user_id = check.text("user_id", sent.user_id, 1, 256);
    let session_id = check.text("session_id", sent.session_id, 1, 128);
    let url = check.text("url", sent.url, 1, MAX_ADDRESS);
    let parsed_url = check.parsed("url", url.clone(), absolute_url);
    let path = check.text("path", sent.path, 0, MAX_ADDRESS);
    let referrer = check.text("referrer", sent.referrer, 0, MAX_ADDRESS).filter(|text| !text.is_empty());
    let properties = check.parsed("properties", sent.properties, |json| {
        properties::compact(json).map_err(|error| error.to_string())
    });
    if !check.errors.is_empty() {
        return Err(check.errors);
    }
    let (timestamp, skew) = not_ahead(sent_time, now);
    let properties = properties.unwrap_or_else(|| "{}".to_owned());
    Ok(ValidEvent {
        event_name,
        event_id,
        timestamp,
        anonymous_id,
        user_id,
        session_id,
        path: path_of(path.as_deref(), parsed_url.as_ref()),
        url,
        referrer,
        properties: match skew {
            Some(millis) => properties::with_number(&properties, CLOCK_SKEW, millis),
            None => properties,
        },
    })
}

struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    fn required(&mut self, field: &'static str, value: Option<String>, max: usize) -> String {
        if value.is_none() {
            self.errors.push(FieldError::new(field, "is required"));
        }
        self.text(field, value, 1, max).unwrap_or_default()
    }

    fn text(&mut self, field: &'static str, value: Option<String>, min: usize, max: usize) -> Option<String> {
        let value = value?;
        let characters = if value.len() <= max { value.len() } else { value.chars().count() };
        if characters < min || characters > max {
            self.errors.push(FieldError::new(field, format!("must be {min} to {max} characters long")));
            return None;
        }
        Some(value)
    }

    fn parsed<T>(
        &mut self,
        field: &'static str,
        value: Option<String>,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        parse(&value?).map_err(|message| self.errors.push(FieldError::new(field, message))).ok()
    }
}

/// The path that was sent, else the url's; normalised.
fn path_of(sent: Option<&str>, url: Option<&Url>) -> Option<String> {
    let sent = sent.map(page_path::normalised).filter(|path| !path.is_empty());
    Some(sent.or_else(|| Some(page_path::normalised(url?.path())))?.into_owned())
}

fn absolute_url(text: &str) -> Result<Url, String> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
        .ok_or_else(|| "must be an absolute http or https URL, like https://example.com/page".to_owned())
}

/// A timestamp too far in the future is set to the server's time, and the difference is returned.
fn not_ahead(sent: Option<Timestamp>, now: Timestamp) -> (Timestamp, Option<i64>) {
    match sent {
        None => (now, None),
        Some(time) if time.millis() - now.millis() > MAX_AHEAD_MILLIS => {
            (now, Some(time.millis() - now.millis()))
        }
        Some(time) => (time, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-05-16T19:00:00Z";

    fn sent() -> EventInput {
        EventInput { event: Some("$pageview".into()), ..EventInput::default() }
    }

    fn run(change: impl FnOnce(&mut EventInput)) -> Result<ValidEvent, Vec<FieldError>> {
        let mut input = sent();
        change(&mut input);
        validate(input, Timestamp::parse(NOW).unwrap())
    }

    fn fields(result: Result<ValidEvent, Vec<FieldError>>) -> Vec<&'static str> {
        result.err().unwrap_or_default().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn a_name_is_enough() {
        let event = run(|_| {}).unwrap();
        assert_eq!(event.timestamp.to_string(), "2026-05-16T19:00:00.000Z");
        assert_eq!((event.path, event.properties.as_str()), (None, "{}"));
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        type Set = fn(&mut EventInput, String);
        let cases: [(&str, usize, Set); 8] = [
            ("event", 128, |s, v| s.event = Some(v)),
            ("event_id", 128, |s, v| s.event_id = Some(v)),
            ("anonymous_id", 128, |s, v| s.anonymous_id = Some(v)),
            ("user_id", 256, |s, v| s.user_id = Some(v)),
            ("session_id", 128, |s, v| s.session_id = Some(v)),
            ("path", 2048, |s, v| s.path = Some(v)),
            ("referrer", 2048, |s, v| s.referrer = Some(v)),
            ("url", 2048, |s, v| s.url = Some(format!("http://a/{}", &v[..v.len().saturating_sub(18)]))),
        ];
        for (field, max, set) in cases {
            assert!(run(|s| set(s, "ü".repeat(max))).is_ok(), "{field} of {max}");
            assert_eq!(fields(run(|s| set(s, "ü".repeat(max + 10)))), [field]);
        }
    }

    #[test]
    fn empty_texts_are_refused_where_they_mean_nothing() {
        assert_eq!(
            fields(run(|s| {
                s.event = Some(String::new());
                s.event_id = Some(String::new());
                s.anonymous_id = Some(String::new());
                s.user_id = Some(String::new());
                s.session_id = Some(String::new());
                s.url = Some(String::new());
                s.path = Some(String::new());
                s.referrer = Some(String::new());
            })),
            ["event", "event_id", "anonymous_id", "user_id", "session_id", "url"]
        );
        assert_eq!(fields(run(|s| s.event = None)), ["event"]);
    }

    #[test]
    fn a_url_is_absolute_and_gives_the_path() {
        for url in [
            "/pricing",
            "example.com",
            "ftp://example.com",
            "javascript:alert(1)",
            "http://",
            "https://exa mple.com",
        ] {
            assert_eq!(fields(run(|s| s.url = Some(url.into()))), ["url"], "{url}");
        }
        let with_url = |s: &mut EventInput| s.url = Some("https://example.com/a?b=1#c".into());
        assert_eq!(run(with_url).unwrap().path.as_deref(), Some("/a"));
        let own_path = run(|s| {
            with_url(s);
            s.path = Some("/own".into());
        });
        assert_eq!(own_path.unwrap().path.as_deref(), Some("/own"));
    }

    #[test]
    fn however_a_path_is_written_it_is_stored_alike() {
        let path = |url: Option<&str>, path: Option<&str>| {
            let event = run(|s| (s.url, s.path) = (url.map(Into::into), path.map(Into::into)));
            event.unwrap().path
        };
        for (url, sent, stored) in [
            (Some("https://a.example/%D8%B3%D9%84%D8%A7%D9%85?x=1"), None, Some("/سلام")),
            (Some("https://a.example/%d8%b3%d9%84%d8%a7%d9%85"), None, Some("/سلام")),
            (Some("https://a.example/سلام"), None, Some("/سلام")),
            (None, Some("/سلام#top"), Some("/سلام")),
            (Some("https://a.example/other"), Some("/%D8%B3%D9%84%D8%A7%D9%85"), Some("/سلام")),
            // A path that is a query alone is none.
            (Some("https://a.example/page"), Some("?tab=1"), Some("/page")),
            (Some("https://a.example"), Some(""), Some("/")),
            (None, Some("#top"), None),
        ] {
            assert_eq!(path(url, sent).as_deref(), stored, "{url:?} {sent:?}");
        }
        let blanks = format!("https://a.example/a{}b", " ".repeat(2000));
        assert!(path(Some(&blanks), None).unwrap().len() <= 2048, "escapes count");
    }

    #[test]
    fn the_past_is_kept_and_the_future_is_not() {
        let at = |text: &str| run(|s| s.timestamp = Some(text.into())).unwrap();
        assert_eq!(at("1999-01-01T00:00:00Z").timestamp.to_string(), "1999-01-01T00:00:00.000Z");
        assert_eq!(at("2026-05-16T19:10:00Z").timestamp.to_string(), "2026-05-16T19:10:00.000Z");
        let ahead = at("2026-05-16T19:10:00.001Z");
        assert_eq!(ahead.timestamp.to_string(), "2026-05-16T19:00:00.000Z");
        assert_eq!(ahead.properties, "{\"$clock_skew_ms\":600001}");
        assert_eq!(fields(run(|s| s.timestamp = Some("yesterday".into()))), ["timestamp"]);
    }

    #[test]
    fn every_broken_rule_is_named() {
        let result = run(|s| {
            s.event = Some("x".repeat(129));
            s.url = Some("nope".into());
            s.properties = Some("[1]".into());
        });
        assert_eq!(fields(result), ["event", "url", "properties"]);
    }
}
