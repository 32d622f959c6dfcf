//! Times, zones and filters that every route reads alike.

use millimetric_core::query::{Column, Filter, Query};
use millimetric_core::time::TimeRange;
use serde_json::json;

use super::*;
use crate::wire::reports::{
    EventsParams, FunnelParams, NamesParams, PagesParams, RetentionParams, SessionsParams, SourcesParams,
    StatsParams, UsageParams,
};

/// The range of a query, read from a query string and from JSON.
fn range_of<P: Parameters<Query: Query>>(from: &str, to: &str, timezone: &str, more: &str) -> TimeRange {
    let pairs = [("from", from), ("to", to), ("timezone", timezone)];
    let text = form_urlencoded::Serializer::new(more.to_owned()).extend_pairs(pairs).finish();
    let read = from_query_string::<P>(Some(&text)).unwrap().into().range();
    let mut object: Map<String, Value> =
        pairs.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect();
    object.extend(
        form_urlencoded::parse(more.as_bytes()).map(|(name, value)| (name.into_owned(), value.into())),
    );
    assert_eq!(from_json::<P>(object).unwrap().into().range(), read);
    read
}

#[test]
fn a_date_alone_is_midnight_in_the_zone_whatever_is_asked() {
    let (from, to) = ("2026-03-01", "2026-03-31");
    let ranges = [
        range_of::<StatsParams>(from, to, "Europe/Berlin", "interval=day"),
        range_of::<StatsParams>(from, to, "Europe/Berlin", ""),
        range_of::<SessionsParams>(from, to, "Europe/Berlin", ""),
        range_of::<RetentionParams>(from, to, "Europe/Berlin", ""),
        range_of::<EventsParams>(from, to, "Europe/Berlin", ""),
        range_of::<SourcesParams>(from, to, "Europe/Berlin", ""),
        range_of::<PagesParams>(from, to, "Europe/Berlin", ""),
        range_of::<FunnelParams>(from, to, "Europe/Berlin", "steps=a,b"),
        range_of::<NamesParams>(from, to, "Europe/Berlin", ""),
    ];
    for range in ranges {
        // Clocks went forward on the 29th.
        assert_eq!(range.from().to_string(), "2026-02-28T23:00:00.000Z");
        assert_eq!(range.to().to_string(), "2026-03-30T22:00:00.000Z");
    }
    let mixed = range_of::<EventsParams>("2026-04-24", "2026-04-24T12:00+02", "Africa/Cairo", "");
    assert_eq!(mixed.from().to_string(), "2026-04-23T22:00:00.000Z", "a day without a midnight");
    assert_eq!(mixed.to().to_string(), "2026-04-24T10:00:00.000Z", "a time has an offset of its own");
}

#[test]
fn a_zone_that_is_none_is_refused_whatever_is_asked() {
    fn refusal<P: Parameters>(query: &str) -> Value {
        let query = format!("from=2026-03-01&to=2026-03-31&timezone={query}");
        let error = from_query_string::<P>(Some(&query)).map(drop).unwrap_err();
        Value::Object(error.details)
    }
    let expected = json!(["must be an IANA time zone like Europe/Berlin"]);
    for zone in ["", "X", "%2B02:00"] {
        assert_eq!(refusal::<StatsParams>(zone)["fieldErrors"]["timezone"], expected, "{zone}");
        assert_eq!(refusal::<UsageParams>(zone)["fieldErrors"]["timezone"], expected, "{zone}");
    }
    for (zone, meant) in
        [("Berlin", "Europe/Berlin"), ("europe/berln", "Europe/Berlin"), ("new_york", "America/New_York")]
    {
        let problem = refusal::<StatsParams>(zone)["fieldErrors"]["timezone"][0].to_string();
        assert!(problem.contains(&format!("did you mean `{meant}`?")), "{zone}: {problem}");
    }
    for details in [refusal::<StatsParams>("UTC&timezone=UTC"), refusal::<UsageParams>("UTC&timezone=UTC")] {
        assert!(details["formErrors"][0].as_str().unwrap().contains("timezone"), "{details}");
    }
}

#[test]
fn the_ends_of_a_range_are_read_like_timestamps() {
    let from = |text: &str| {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("from", text), ("to", "2026-12-01")])
            .finish();
        from_query_string::<UsageParams>(Some(&query)).map(|range| range.from().to_string()).ok()
    };
    for (text, read) in [
        ("2026-05-16T19:00+02", Some("2026-05-16T17:00:00.000Z")),
        ("2026-05-16T19:00:00+0530", Some("2026-05-16T13:30:00.000Z")),
        // As a `+` is read that was not escaped.
        ("2026-05-16T19:00:00 02:00", Some("2026-05-16T17:00:00.000Z")),
        ("2026-05-16 19:00 02", Some("2026-05-16T17:00:00.000Z")),
        ("2026-05-16 19:00", None),
        ("2026-05-16T19:00:00", None),
        ("2026-05-16 ", None),
    ] {
        assert_eq!(from(text).as_deref(), read, "{text}");
    }
}

#[test]
fn a_path_is_found_however_it_is_written() {
    for path in ["/سلام", "/%d8%b3%d9%84%d8%a7%d9%85", "/%D8%B3%D9%84%D8%A7%D9%85?x=1#y"] {
        let text = form_urlencoded::Serializer::new("from=2026-03-01&to=2026-03-31".to_owned())
            .append_pair("path", path)
            .finish();
        let filters = from_query_string::<EventsParams>(Some(&text)).unwrap().filters;
        assert_eq!(filters, [Filter::new(Column::Path, "/سلام")], "{path}");
    }
}
