//! Ready-made requests: realistic events, laid out so that only their ids and times have to be
//! written anew before each sending.

use std::net::SocketAddr;
use std::ops::Range;

use millimetric::demo::{DemoEvent, DemoTraffic};
use millimetric_core::time::Timestamp;
use serde_json::{Value, json};

use crate::machine;

/// Each event of a body begins with the name of its id, and then this, so that its id and its time lie at
/// known offsets.
const HEAD: &str = r#""evt_00000000-0000-7000-8000-000000000000","timestamp":"0000-00-00T00:00:00.000Z","#;
/// Offsets in [`HEAD`]: the first two groups of the id, its last one, and the time's date, hour,
/// minute and second. The fraction of the second stays as it is, different for each event.
const ID_FIRST: Range<usize> = 5..13;
const ID_SECOND: Range<usize> = 14..18;
const ID_LAST: Range<usize> = 29..41;
const SECOND: Range<usize> = 56..75;

/// A request that can be sent again and again, each time with new events.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    events: Vec<usize>,
}

impl Request {
    /// `POST /v1/batch` of all the events.
    pub(crate) fn batch(address: SocketAddr, key: &str, events: &[DemoEvent]) -> Self {
        let bodies: Vec<_> = events.iter().map(event_json).collect();
        Self::new(address, key, "/v1/batch", &format!(r#"{{"events":[{}]}}"#, bodies.join(",")))
    }

    /// `POST /v1/import` of all the events, as a library of Segment sends them.
    pub(crate) fn segment_batch(address: SocketAddr, key: &str, events: &[DemoEvent]) -> Self {
        let bodies: Vec<_> = events.iter().map(segment_message).collect();
        let body = format!(r#"{{"batch":[{}],"sentAt":"2026-05-16T19:00:00.000Z"}}"#, bodies.join(","));
        Self::new(address, key, "/v1/import", &body)
    }

    /// `POST /v1/track` of one event.
    pub(crate) fn track(address: SocketAddr, key: &str, event: &DemoEvent) -> Self {
        Self::new(address, key, "/v1/track", &event_json(event))
    }

    fn new(address: SocketAddr, key: &str, path: &str, body: &str) -> Self {
        let length = body.len();
        let text = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let events = text.match_indices(&HEAD[..ID_FIRST.end]).map(|(at, _)| at).collect();
        Self { bytes: text.into_bytes(), events }
    }

    /// Events in one sending.
    pub(crate) fn event_count(&self) -> u64 {
        self.events.len() as u64
    }

    /// The request with ids never used before and the time of now. Like UUIDs of version 7, the
    /// ids begin with the time and end in no order.
    pub(crate) fn renewed(&mut self, now: Timestamp, ids: &mut Ids) -> &[u8] {
        let time = now.to_string();
        let millis = now.millis() as u64;
        for &at in &self.events {
            let event = &mut self.bytes[at..at + HEAD.len()];
            write_hex(&mut event[ID_FIRST], millis >> 16);
            write_hex(&mut event[ID_SECOND], millis);
            write_hex(&mut event[ID_LAST], ids.next());
            event[SECOND].copy_from_slice(&time.as_bytes()[..SECOND.len()]);
        }
        &self.bytes
    }
}

/// 48-bit numbers, each once in a run, in no order.
#[derive(Debug)]
pub(crate) struct Ids(u64);

impl Ids {
    /// Ids that no other member of a run draws.
    pub(crate) fn of_member(member: u64) -> Self {
        Self(member << 36)
    }

    fn next(&mut self) -> u64 {
        self.0 += 1;
        // An odd factor makes a permutation of the 48-bit numbers.
        self.0.wrapping_mul(0x5851_f42d_4c95) & 0xffff_ffff_ffff
    }
}

/// The lowest digits of a number, as many as there is room for.
fn write_hex(room: &mut [u8], number: u64) {
    for (place, digit) in room.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (4 * place) & 0xf) as usize];
    }
}

/// The event as a server sends it on behalf of a browser: with the visitor's address and agent.
fn event_json(event: &DemoEvent) -> String {
    let mut body = json!({
        "event": event.event,
        "anonymous_id": event.anonymous_id,
        "url": event.url,
        "context": { "ip": address_of(&event.anonymous_id), "user_agent": event.user_agent },
    });
    let optional = [("user_id", &event.user_id), ("referrer", &event.referrer)];
    for (name, value) in optional.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        body[name] = Value::from(value.as_str());
    }
    format!("{{\"event_id\":{}\"properties\":{},{}", head_of(event), event.properties, &body.to_string()[1..])
}

/// The same event as a message of a Segment library for servers: what becomes the same row, and what such a
/// library adds that is not stored.
fn segment_message(event: &DemoEvent) -> String {
    let page = json!({ "url": event.url, "referrer": event.referrer });
    let mut context = json!({
        "ip": address_of(&event.anonymous_id),
        "userAgent": event.user_agent,
        "library": { "name": "@segment/analytics-node", "version": "3.1.0" },
    });
    let mut message =
        json!({ "anonymousId": event.anonymous_id, "userId": event.user_id, "integrations": {} });
    let mut properties = event.properties.clone();
    message["type"] = Value::from(match event.event {
        "$pageview" => {
            let own = properties.strip_prefix('{').unwrap_or("}");
            let comma = if own == "}" { "" } else { "," };
            let page = page.to_string();
            properties = format!("{}{comma}{own}", page.strip_suffix('}').unwrap_or(&page));
            "page"
        }
        "$identify" => "identify",
        name => {
            message["event"] = Value::from(name);
            "track"
        }
    });
    if message["type"] != "page" {
        context["page"] = page;
    }
    let of = if message["type"] == "identify" { "traits" } else { "properties" };
    message["context"] = context;
    format!("{{\"messageId\":{}\"{of}\":{properties},{}", head_of(event), &message.to_string()[1..])
}

/// [`HEAD`] with the fraction of the second that is the event's own.
fn head_of(event: &DemoEvent) -> String {
    HEAD.replacen(".000Z", &event.timestamp.to_string()[19..], 1)
}

/// A public address for each visitor.
fn address_of(visitor: &str) -> String {
    let sum = visitor.bytes().fold(17_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let [a, b, c, d] = sum.to_be_bytes();
    // From 11 to 99: no private, loopback or reserved network begins with these but 10.
    format!("{}.{b}.{c}.{d}", 11 + a % 89)
}

/// So many consecutive events of the demo's traffic, to be dealt out to the connections.
pub(crate) fn traffic(events: usize) -> Vec<DemoEvent> {
    DemoTraffic::new(1, events as u64, 1, machine::now()).collect()
}
