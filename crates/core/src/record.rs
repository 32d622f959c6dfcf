//! An event as columns of text: how it leaves in an export and comes back in an import.
//!
//! Names and order are those of the stored row, project and env left out: they are the scope's.
//! Reading one back checks every bound of the contract, and never repairs.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use url::Url;

use crate::event::{Browser, Confidence, Country, DeviceType, Event, IpHash, Os};
use crate::ingest::properties;
use crate::ingest::validate::{FieldError, MAX_AHEAD_MILLIS};
use crate::time::Timestamp;

/// How many columns a record has.
pub const COLUMN_COUNT: usize = 21;

/// The columns of a record.
pub const COLUMNS: [&str; COLUMN_COUNT] = [
    "timestamp",
    "received_at",
    "event_name",
    "event_id",
    "anonymous_id",
    "user_id",
    "session_id",
    "source",
    "medium",
    "campaign",
    "source_confidence",
    "source_rule_id",
    "referrer",
    "url",
    "path",
    "country",
    "device_type",
    "browser",
    "os",
    "ip_hash",
    "properties",
];

/// The most bytes of one row in a text file (a line of NDJSON, a record of CSV): more than any stored
/// row takes, however it is escaped.
pub const MAX_ROW_BYTES: usize = 1 << 20;
/// The most bytes of one value: more than any stored value has, however it is escaped (8192 bytes of
/// properties as `\u00xx` are 48 KiB).
pub const MAX_VALUE_BYTES: usize = 64 << 10;
/// Longest url, path, referrer, source, medium and campaign, in characters.
const MAX_TEXT: usize = 2048;

/// The event's texts, one for each of [`COLUMNS`].
pub fn texts<'a>(event: &'a Event) -> [Option<Cow<'a, str>>; COLUMN_COUNT] {
    let some = |text: &'a str| Some(Cow::Borrowed(text));
    [
        Some(Cow::Owned(event.timestamp.to_string())),
        Some(Cow::Owned(event.received_at.to_string())),
        some(&event.event_name),
        some(&event.event_id),
        some(&event.anonymous_id),
        event.user_id.as_deref().map(Cow::Borrowed),
        some(&event.session_id),
        some(&event.source),
        some(&event.medium),
        event.campaign.as_deref().map(Cow::Borrowed),
        some(event.source_confidence.as_str()),
        some(&event.source_rule_id),
        event.referrer.as_deref().map(Cow::Borrowed),
        event.url.as_deref().map(Cow::Borrowed),
        event.path.as_deref().map(Cow::Borrowed),
        some(event.country.as_str()),
        some(event.device_type.as_str()),
        some(event.browser.as_str()),
        some(event.os.as_str()),
        Some(Cow::Owned(event.ip_hash.to_string())),
        some(&event.properties),
    ]
}

/// A row on its way in. What is not set, and an empty text, is no value: formats such as CSV
/// cannot tell the two apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record([Option<String>; COLUMN_COUNT]);

impl Record {
    /// Sets the column of that number in [`COLUMNS`]; a number beyond them changes nothing.
    pub fn set(&mut self, column: usize, text: String) {
        if let Some(place) = self.0.get_mut(column) {
            *place = Some(text).filter(|text| !text.is_empty());
        }
    }

    /// Bytes of text in it.
    pub fn bytes(&self) -> usize {
        self.0.iter().flatten().map(String::len).sum()
    }

    /// The event, or every column that breaks its rule. `now` is the server's clock; properties
    /// must be valid JSON already.
    pub fn into_event(self, now: Timestamp) -> Result<Event, Vec<FieldError>> {
        let mut row = Reader { texts: self.0, errors: Vec::new() };
        let event = Event {
            timestamp: row.time(0, None, now),
            received_at: row.time(1, Some(now), now),
            event_name: row.required(2, 128),
            event_id: row.required(3, 128),
            anonymous_id: row.required(4, 128),
            user_id: row.text(5, 256),
            session_id: row.required(6, 160),
            source: Cow::Owned(row.required(7, MAX_TEXT)),
            medium: Cow::Owned(row.required(8, MAX_TEXT)),
            campaign: row.text(9, MAX_TEXT),
            source_confidence: row.word(10, Confidence::ALL, Confidence::as_str),
            source_rule_id: Cow::Owned(row.text(11, 128).unwrap_or_default()),
            referrer: row.text(12, MAX_TEXT),
            url: row.url(13),
            path: row.text(14, MAX_TEXT),
            country: row.parsed(15, |text| text.parse::<Country>().map_err(|error| error.to_string())),
            device_type: row.word(16, DeviceType::ALL, DeviceType::as_str),
            browser: row.word(17, Browser::ALL, Browser::as_str),
            os: row.word(18, Os::ALL, Os::as_str),
            ip_hash: row.parsed(19, ip_hash),
            properties: row.properties(20),
        };
        if row.errors.is_empty() { Ok(event) } else { Err(row.errors) }
    }
}

/// Takes columns one by one and remembers what is wrong with each.
struct Reader {
    texts: [Option<String>; COLUMN_COUNT],
    errors: Vec<FieldError>,
}

impl Reader {
    fn wrong(&mut self, column: usize, message: impl Into<String>) {
        self.errors.push(FieldError::new(COLUMNS[column], message));
    }

    fn text(&mut self, column: usize, max: usize) -> Option<String> {
        let text = self.texts[column].take()?;
        if text.len() > max && text.chars().count() > max {
            self.wrong(column, format!("must be at most {max} characters long"));
        }
        Some(text)
    }

    fn required(&mut self, column: usize, max: usize) -> String {
        let text = self.text(column, max);
        if text.is_none() {
            self.wrong(column, "is required");
        }
        text.unwrap_or_default()
    }

    fn time(&mut self, column: usize, absent: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let Some(text) = self.texts[column].take() else {
            if absent.is_none() {
                self.wrong(column, "is required");
            }
            return absent.unwrap_or(now);
        };
        match Timestamp::parse(&text) {
            Ok(time) if time.millis() - now.millis() > MAX_AHEAD_MILLIS => {
                self.wrong(column, "lies in the future: set the clock of this machine, or of the other");
                now
            }
            Ok(time) => time,
            Err(error) => {
                self.wrong(column, error.to_string());
                now
            }
        }
    }

    fn parsed<T: Default>(&mut self, column: usize, parse: impl Fn(&str) -> Result<T, String>) -> T {
        let Some(text) = self.texts[column].take() else { return T::default() };
        parse(&text).unwrap_or_else(|message| {
            self.wrong(column, message);
            T::default()
        })
    }

    fn word<T: Copy + Default>(&mut self, column: usize, all: &[T], as_str: fn(T) -> &'static str) -> T {
        self.parsed(column, |text| {
            all.iter().copied().find(|word| as_str(*word) == text).ok_or_else(|| {
                let words: Vec<_> = all.iter().map(|word| as_str(*word)).filter(|w| !w.is_empty()).collect();
                format!("must be one of {}, or empty", words.join(", "))
            })
        })
    }

    fn url(&mut self, column: usize) -> Option<String> {
        let text = self.text(column, MAX_TEXT)?;
        let is_absolute =
            Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !is_absolute {
            self.wrong(column, "must be an absolute http or https URL");
        }
        Some(text)
    }

    fn properties(&mut self, column: usize) -> String {
        let Some(text) = self.texts[column].take() else { return "{}".to_owned() };
        if let Err(error) = serde_json::from_str::<IgnoredAny>(&text) {
            self.wrong(column, format!("must be a JSON object: {error}"));
            return String::new();
        }
        properties::compact(&text).unwrap_or_else(|error| {
            self.wrong(column, error.to_string());
            String::new()
        })
    }
}

fn ip_hash(text: &str) -> Result<IpHash, String> {
    let number = (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok()).flatten();
    let number = number.ok_or("must be 32 hexadecimal characters")?;
    Ok(IpHash::new(number.to_be_bytes()))
}
