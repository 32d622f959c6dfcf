//! Tables of single visitors: what belongs to one session, and what the session says.

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn an_id_of_the_derived_form_counts_as_not_sent_for_its_own_time_alone() {
    let time = at("2026-05-16T19:29:59.999Z");
    assert_eq!(derived_id("v", time), derived_id("v", at("2026-05-16T19:00:00Z")));
    assert_ne!(derived_id("v", time), derived_id("v", at("2026-05-16T19:30:00Z")));
    assert_eq!(derived_id("v", at("1969-12-31T23:59:59Z")), "v--1");
    for (id, visitor, time, expected) in [
        ("v-988310", "v", "2026-05-16T19:00:00Z", true),
        ("v-988310", "v", "2026-05-16T19:29:59.999Z", true),
        ("v-988310", "v", "2026-05-16T19:30:00Z", false),
        ("v--1", "v", "1969-12-31T23:59:59Z", true),
        ("v-0", "v", "1970-01-01T00:00:00Z", true),
        ("a-b-988310", "a-b", "2026-05-16T19:00:00Z", true),
        ("w-988310", "v", "2026-05-16T19:00:00Z", false),
        ("v988310", "v", "2026-05-16T19:00:00Z", false),
        ("v-+988310", "v", "2026-05-16T19:00:00Z", false),
        ("v-0988310", "v", "2026-05-16T19:00:00Z", false),
        ("v--0", "v", "1970-01-01T00:00:00Z", false),
        ("v-00", "v", "1970-01-01T00:00:00Z", false),
        ("v-", "v", "1970-01-01T00:00:00Z", false),
        ("", "v", "1970-01-01T00:00:00Z", false),
        ("v-99999999999999999999", "v", "1970-01-01T00:00:00Z", false),
    ] {
        assert_eq!(is_derived_id(id, visitor, at(time)), expected, "{id} of {visitor} at {time}");
    }
}

/// The session of each event: `minutes[ id]`, of one visitor.
fn sessions(events: &[&str]) -> Vec<u32> {
    let mut sessionizer = Sessionizer::<_, _, std::hash::RandomState>::default();
    let session = |text: &str| {
        let (minutes, id) = text.split_once(' ').map_or((text, None), |(at, id)| (at, Some(id)));
        let at = (minutes.parse::<f64>().unwrap() * 60_000.0) as i64;
        sessionizer.session("v", at, id.map(str::to_owned))
    };
    events.iter().copied().map(session).collect()
}

#[test]
fn a_session_ends_after_half_an_hour_without_an_event() {
    assert_eq!(sessions(&["0", "29", "30", "60", "90"]), [0; 5], "a pause of exactly 30 minutes joins");
    assert_eq!(sessions(&["0", "30.001"]), [0, 1]);
    assert_eq!(sessions(&["-1", "1"]), [0, 0], "half hours of the clock do not matter");
    assert_eq!(sessions(&["0", "0", "0"]), [0, 0, 0]);
}

#[test]
fn ids_that_a_client_sent_decide_and_events_without_one_follow_the_event_before() {
    assert_eq!(sessions(&["0 a", "600 a"]), [0, 0], "however long the pause");
    assert_eq!(sessions(&["0 a", "1 b", "2 a"]), [0, 1, 0]);
    assert_eq!(sessions(&["0 a", "5", "10 b", "15", "50 a", "55"]), [0, 0, 1, 1, 0, 0]);
    assert_eq!(sessions(&["0", "1 a", "2", "40"]), [0, 1, 1, 2]);
}

#[test]
fn visitors_have_sessions_of_their_own() {
    let mut sessionizer = Sessionizer::<_, _, std::hash::RandomState>::default();
    let sessions = [("v", 0, None), ("w", 1, None), ("v", 2, Some("a")), ("w", 3, Some("a")), ("v", 4, None)]
        .map(|(visitor, at, id)| sessionizer.session(visitor, at, id));
    assert_eq!(sessions, [0, 1, 2, 3, 2]);
}

/// A session of the events `second name path source rule`, each referred to by its index.
fn session(events: &[&str]) -> Session<usize> {
    let parse = |event: usize| {
        let [at, name, path, source, rule] = events[event].split(' ').collect::<Vec<_>>()[..] else {
            panic!("{}", events[event])
        };
        let at = at.parse::<i64>().unwrap() * 1000;
        (SessionEvent { event, at, kind: EventKind::of(name), origin: Origin::of(source, rule) }, path)
    };
    let mut session = Session::new(parse(0).0);
    for event in 1..events.len() {
        session.add(parse(event).0, |a, b| parse(a).1.cmp(parse(b).1));
    }
    session
}

#[test]
fn entry_and_exit_are_the_first_and_last_page_view_and_ties_go_by_path() {
    let ends = |events: &[&str]| session(events).views.map(|views| (views.entry, views.exit, views.count));
    assert_eq!(ends(&["0 signup - direct direct", "1 $identify - direct direct"]), None);
    assert_eq!(ends(&["0 signup - direct direct", "1 $pageview /a direct direct"]), Some((1, 1, 1)));
    assert_eq!(
        ends(&[
            "0 $pageview /b direct direct",
            "0 $pageview /a direct direct",
            "0 $pageview /c direct direct"
        ]),
        Some((1, 2, 3))
    );
    assert_eq!(
        ends(&[
            "0 $pageview /b direct direct",
            "1 $pageview /z direct direct",
            "2 $pageview /a direct direct"
        ]),
        Some((0, 2, 3))
    );
    let twice = session(&["0 $pageview /a direct direct", "0 $pageview /a direct direct"]);
    assert!(!twice.is_bounce());
}

#[test]
fn a_bounce_has_one_page_view_and_no_event_of_the_sites_own() {
    let view = "0 $pageview / direct direct";
    assert!(session(&[view]).is_bounce());
    assert!(session(&[view, "9 $identify - direct direct"]).is_bounce());
    assert!(!session(&[view, "9 signup - direct direct"]).is_bounce());
    assert!(!session(&["0 signup - direct direct"]).is_bounce());
    assert_eq!(session(&[view, "9 $identify - direct direct"]).duration(), 9000);
}

#[test]
fn the_first_event_decides_unless_it_names_no_source() {
    let source = |events: &[&str]| session(events).source;
    let (direct, internal) = ("0 $pageview / direct direct", "0 $pageview / internal ref_internal");
    let search = "1 $pageview / google ref_search";
    let ad = "2 $pageview / google google_click_id";
    assert_eq!(source(&[direct]), None);
    assert_eq!(source(&[internal]), None);
    assert_eq!(source(&[search, ad]), Some(0), "a source by referrer stays");
    assert_eq!(source(&[direct, search]), None, "a referrer later on changes nothing");
    assert_eq!(source(&[direct, search, ad]), Some(2));
    assert_eq!(source(&[internal, ad, "3 $pageview / bing bing_click_id"]), Some(1));
    assert_eq!(source(&["0 $pageview / internal utm_source", ad]), Some(1), "never credited to internal");
    assert_eq!(source(&["0 $pageview / direct utm_source", ad]), Some(0), "a tag is a source");
}
