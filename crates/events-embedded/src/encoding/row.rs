//! One event as the engine handles it: two times and a borrowed text for each field.
//!
//! It converts from and to [`Event`] and is what the hot log stores. It owns no text.

use std::borrow::Cow;

use millimetric_core::event::{Browser, Confidence, Country, DeviceType, Event, IpHash, Os};
use millimetric_core::time::Timestamp;

use crate::encoding::field::Field;

/// An event, its texts borrowed and in the order of [`Field::ALL`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row<'a> {
    /// Milliseconds since the epoch.
    pub(crate) timestamp: i64,
    /// Milliseconds since the epoch.
    pub(crate) received_at: i64,
    pub(crate) texts: [Option<&'a str>; Field::COUNT],
}

impl<'a> Row<'a> {
    /// The event's row; `ip_hash` is the event's hash as [`ip_text`] writes it.
    pub(crate) fn of(event: &'a Event, ip_hash: &'a IpText) -> Self {
        let ip_hash = std::str::from_utf8(ip_hash).unwrap_or_default();
        Self {
            timestamp: event.timestamp.millis(),
            received_at: event.received_at.millis(),
            texts: [
                Some(&event.event_name),
                Some(&event.event_id),
                Some(&event.anonymous_id),
                event.user_id.as_deref(),
                Some(&event.session_id),
                Some(&event.source),
                Some(&event.medium),
                event.campaign.as_deref(),
                Some(event.source_confidence.as_str()),
                Some(&event.source_rule_id),
                event.referrer.as_deref(),
                event.url.as_deref(),
                event.path.as_deref(),
                Some(event.country.as_str()),
                Some(event.device_type.as_str()),
                Some(event.browser.as_str()),
                Some(event.os.as_str()),
                Some(ip_hash),
                Some(&event.properties),
            ],
        }
    }

    pub(crate) fn text(&self, field: Field) -> Option<&'a str> {
        self.texts[field as usize]
    }

    /// The row as an event of its own.
    pub(crate) fn to_event(self) -> Event {
        let owned = |field: Field| self.text(field).unwrap_or_default().to_owned();
        let optional = |field: Field| self.text(field).map(str::to_owned);
        let word = |field: Field| self.text(field).unwrap_or_default();
        Event {
            timestamp: instant(self.timestamp),
            received_at: instant(self.received_at),
            event_name: owned(Field::EventName),
            event_id: owned(Field::EventId),
            anonymous_id: owned(Field::AnonymousId),
            user_id: optional(Field::UserId),
            session_id: owned(Field::SessionId),
            source: Cow::Owned(owned(Field::Source)),
            medium: Cow::Owned(owned(Field::Medium)),
            campaign: optional(Field::Campaign),
            source_confidence: Confidence::from_word(word(Field::SourceConfidence)),
            source_rule_id: Cow::Owned(owned(Field::SourceRuleId)),
            referrer: optional(Field::Referrer),
            url: optional(Field::Url),
            path: optional(Field::Path),
            country: word(Field::Country).parse().unwrap_or(Country::UNKNOWN),
            device_type: DeviceType::from_word(word(Field::DeviceType)),
            browser: Browser::from_word(word(Field::Browser)),
            os: Os::from_word(word(Field::Os)),
            ip_hash: ip_hash(word(Field::IpHash)),
            properties: owned(Field::Properties),
        }
    }
}

/// An event as it is read back from the write-ahead log: its texts are not yet known to be UTF-8.
#[derive(Debug)]
pub(crate) struct PackedRow<'a> {
    /// Milliseconds since the epoch.
    pub(crate) timestamp: i64,
    /// Milliseconds since the epoch.
    pub(crate) received_at: i64,
    /// In the order of [`Field::ALL`].
    pub(crate) texts: [Option<&'a [u8]>; Field::COUNT],
}

/// Memory that an event takes, about.
pub(crate) fn memory_of(event: &Event) -> usize {
    let optional = [&event.user_id, &event.campaign, &event.referrer, &event.url, &event.path];
    let texts =
        [&event.event_name, &event.event_id, &event.anonymous_id, &event.session_id, &event.properties];
    size_of::<Event>()
        + texts.iter().map(|text| text.len()).sum::<usize>()
        + optional.iter().filter_map(|text| text.as_ref()).map(String::len).sum::<usize>()
}

/// An instant from stored milliseconds; what lies outside the calendar is held at its edge.
pub(crate) fn instant(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap_or(if millis < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// An address hash in hexadecimal.
pub(crate) type IpText = [u8; 32];

/// The hash in lower-case hexadecimal.
pub(crate) fn ip_text(hash: &IpHash) -> IpText {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (pair, byte) in text.chunks_exact_mut(2).zip(hash.as_bytes()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

fn ip_hash(text: &str) -> IpHash {
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |c: u8| (c as char).to_digit(16).unwrap_or_default() as u8;
        *byte = digit(pair[0]) << 4 | digit(pair[1]);
    }
    IpHash::new(bytes)
}
