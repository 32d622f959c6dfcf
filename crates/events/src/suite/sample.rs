//! Events and scopes for tests, from small sets of values, so that groups and ties occur.

use std::borrow::Cow;

use millimetric_core::event::{Browser, Confidence, DeviceType, Event, EventScope, IpHash, Os};
use millimetric_core::ids::ProjectId;
use millimetric_core::key::Env;
use millimetric_core::query::RowLimit;
use millimetric_core::session;
use millimetric_core::time::{TimeRange, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

/// The scope of project number `n`, live.
pub fn scope(n: u128) -> EventScope {
    EventScope { project: ProjectId::new(Uuid::from_u128(n)), env: Env::Live }
}

/// Parses a time or date.
pub fn at(text: &str) -> Timestamp {
    Timestamp::parse_or_date(text).expect("the tests write valid times")
}

/// The range from `from`, inclusive, to `to`, exclusive.
pub fn range(from: &str, to: &str) -> TimeRange {
    TimeRange::new(at(from), at(to)).expect("the tests write valid ranges")
}

/// All times.
pub fn ever() -> TimeRange {
    TimeRange::new(Timestamp::MIN, Timestamp::MAX).expect("all times are a range")
}

/// A limit.
pub fn limit(rows: u64) -> RowLimit {
    RowLimit::new(rows).expect("the tests write valid limits")
}

/// A page view by visitor `v1` at noon of 2026-05-16, with the id given.
pub fn event(id: &str) -> Event {
    Event {
        timestamp: at("2026-05-16T12:00:00Z"),
        received_at: at("2026-05-16T12:00:01Z"),
        event_name: "$pageview".to_owned(),
        event_id: id.to_owned(),
        anonymous_id: "v1".to_owned(),
        user_id: None,
        session_id: "v1-988000".to_owned(),
        source: Cow::Borrowed("google"),
        medium: Cow::Borrowed("organic"),
        campaign: None,
        source_confidence: Confidence::High,
        source_rule_id: Cow::Borrowed("referrer.search"),
        referrer: Some("https://www.google.com/".to_owned()),
        url: Some("https://example.com/pricing".to_owned()),
        path: Some("/pricing".to_owned()),
        country: "DE".parse().expect("DE is a country"),
        device_type: DeviceType::Desktop,
        browser: Browser::Firefox,
        os: Os::Linux,
        ip_hash: IpHash::new([0xab; 16]),
        properties: "{}".to_owned(),
    }
}

/// The event of [`event`] at another time, by another visitor and user.
pub fn by(id: &str, time: &str, visitor: &str, user: Option<&str>) -> Event {
    Event {
        timestamp: at(time),
        anonymous_id: visitor.to_owned(),
        user_id: user.map(str::to_owned),
        ..event(id)
    }
}

/// The values that vary in [`events`].
pub const NAMES: [&str; 4] = ["$pageview", "signup", "purchase", "ünïcode ✓"];
pub const SOURCES: [(&str, &str); 5] = [
    ("google", "organic"),
    ("google", "paid"),
    ("facebook", "paid"),
    ("direct", "direct"),
    ("internal", "direct"),
];
/// The rule of each of the sources, and another one that gives the same.
const RULES: [[&str; 2]; 5] = [
    ["ref_search", "utm_source"],
    ["google_click_id", "paid_utm_source"],
    ["fb_click_id", "project:ads"],
    ["direct", "utm_source"],
    ["ref_internal", "utm_source"],
];
/// Landing pages, and referrers: some with tags, some that lost what a rule needs.
const VISITS: [(Option<&str>, Option<&str>); 9] = [
    (None, None),
    (Some("https://shop.example/?ref=acme"), None),
    (Some("https://shop.example/?ref="), Some("https://docs.google.com/")),
    (Some("https://shop.example/?gclid=abc&utm_campaign=Spring"), Some("https://www.google.com/")),
    (Some("https://shop.example/?utm_source=ig&utm_medium=social&fbclid=1"), None),
    (Some("https://shop.example/b"), Some("https://shop.example/a")),
    (None, Some("https://pay.example/")),
    (
        Some(
            "https://www.Shop.example:8443/?utm_source=News%20Letter&UTM_Medium=E-Mail&utm_term=&utm_term=b+c",
        ),
        Some("android-app://com.example.reader/"),
    ),
    (Some("http://blog.example/?utm_content=%C3%BC&utm_campaign=Spring"), Some("somewhere")),
];
pub const PATHS: [&str; 3] = ["/", "/pricing", "/a/b"];
const PROPERTIES: [&str; 10] = [
    "{}",
    r#"{"plan":"pro","price":1.25,"currency":"EUR"}"#,
    r#"{"plan":"free","price":-3,"currency":"USD"}"#,
    r#"{"plan":"free","plan":"team"}"#,
    r#"{"plan":null,"price":"12"}"#,
    r#"{"plan":7,"price":0.5,"currency":"???"}"#,
    r#"{"plan":true,"nested":{"plan":"no","price":9}}"#,
    r#"{"\u0070lan":"a \"b\" é","price":1e2}"#,
    r#"{"plan":"","price":null}"#,
    r#"{"plan":["x",1],"other":[]}"#,
];

/// The times of [`events`]: around clock changes of several time zones, and distant ones.
const TIMES: [&str; 9] = [
    "2026-03-29T00:30:00Z",
    "2026-04-04T14:59:59.999Z",
    "2026-04-05T03:00:00Z",
    "2026-05-16T12:00:00Z",
    "2026-05-31T23:59:59.999Z",
    "2026-10-03T15:31:00Z",
    "2026-10-25T00:59:00Z",
    "2018-11-04T03:00:00Z",
    "1969-12-31T23:59:59.999Z",
];

/// Random events with distinct ids, some in the format of the server and some in others.
pub fn events(most: usize) -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec((any_event(), any::<bool>()), 1..most).prop_map(|events| {
        let with_id = |(index, (event, ours)): (usize, (Event, bool))| {
            let (kind, time) = (&event.event_id, event.timestamp.millis().max(0));
            let event_id = if ours {
                format!("evt_{:08x}-{:04x}-7000-8000-{index:012x}", time >> 16, time & 0xffff)
            } else {
                format!("{kind}-{index}")
            };
            Event { event_id, ..event }
        };
        events.into_iter().enumerate().map(with_id).collect()
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    let later =
        prop_oneof![Just(0), (0..9_i64).prop_map(|n| n * 900_000), 0..7_200_000_i64, 0..864_000_000_i64];
    let time = (0..TIMES.len(), later);
    let who = (0..12_u8, prop_oneof![Just(None), (0..3_u8).prop_map(Some)]);
    let what = (0..NAMES.len(), 0..SOURCES.len(), prop_oneof![Just(None), (0..PATHS.len()).prop_map(Some)]);
    let how = (0..PROPERTIES.len(), 0..3_usize, 0..3_usize, prop_oneof![Just(None), Just(Some("Spring"))]);
    (time, who, what, how).prop_map(|((base, later), (visitor, user), (name, source, path), how)| {
        let (properties, country, device, campaign) = how;
        let timestamp = at(TIMES[base]).plus_millis(later);
        let anonymous_id = format!("visitor-{visitor}");
        // Most clients send no session id; some visitors have events with and without.
        let session_id = if visitor % 3 == 0 && properties % 2 == 0 {
            format!("session-{}", properties / 4)
        } else {
            session::derived_id(&anonymous_id, timestamp)
        };
        Event {
            timestamp,
            event_name: NAMES[name].to_owned(),
            anonymous_id,
            user_id: user.map(|user| format!("user-{user}")),
            session_id,
            source: Cow::Borrowed(SOURCES[source].0),
            medium: Cow::Borrowed(SOURCES[source].1),
            campaign: campaign.map(str::to_owned),
            url: VISITS[(properties + device) % VISITS.len()].0.map(str::to_owned),
            referrer: VISITS[(properties + device) % VISITS.len()].1.map(str::to_owned),
            path: path.map(|path| PATHS[path].to_owned()),
            country: ["", "DE", "US"][country].parse().expect("these are countries"),
            device_type: DeviceType::ALL[device],
            browser: Browser::ALL[device * 2],
            source_confidence: Confidence::ALL[country],
            source_rule_id: Cow::Borrowed(RULES[source][device % 2]),
            properties: PROPERTIES[properties].to_owned(),
            ..event(&format!("e{}", visitor % 3))
        }
    })
}
