//! The demo is the same everywhere, in order, inside its days, and shaped like real traffic.

use std::collections::{HashMap, HashSet};

use millimetric_core::time::Timestamp;
use sha2::{Digest, Sha256};

use super::catalogue::SITE;
use super::{DemoEvent, DemoTraffic};

fn end() -> Timestamp {
    Timestamp::parse("2026-06-01T00:00:00Z").unwrap()
}

fn month(seed: u64, events: u64) -> Vec<DemoEvent> {
    DemoTraffic::new(seed, events, 30, end()).collect()
}

fn share(events: &[DemoEvent], of: impl Fn(&DemoEvent) -> bool) -> f64 {
    events.iter().filter(|event| of(event)).count() as f64 / events.len() as f64
}

#[test]
fn the_first_ten_thousand_events_of_seed_7_are_these() {
    let mut hash = Sha256::new();
    for event in DemoTraffic::new(7, 100_000, 30, end()).take(10_000) {
        let DemoEvent { timestamp, event_id, event: name, anonymous_id, user_id, url, referrer, .. } = &event;
        hash.update(format!("{timestamp} {event_id} {name} {anonymous_id} {user_id:?} {url} {referrer:?}"));
        hash.update(format!("{} {} {}\n", event.user_agent, event.country, event.properties));
    }
    let pinned = "9a19de016cddf1ffb7c52f8e31c296b7";
    assert_eq!(format!("{:032x}", u128::from_be_bytes(hash.finalize()[..16].try_into().unwrap())), pinned);
}

#[test]
fn one_seed_is_one_traffic() {
    assert!(DemoTraffic::new(1, 5_000, 7, end()).eq(DemoTraffic::new(1, 5_000, 7, end())));
    assert!(DemoTraffic::new(1, 5_000, 7, end()).ne(DemoTraffic::new(2, 5_000, 7, end())));
}

#[test]
fn there_are_exactly_as_many_as_wanted_inside_the_days_and_in_order() {
    for (events, days) in [(0, 30), (1, 30), (2, 0), (999, 1), (20_000, 90)] {
        let all: Vec<_> = DemoTraffic::new(3, events, days, end()).collect();
        assert_eq!(all.len() as u64, events);
        assert!(all.is_sorted_by(|a, b| (a.timestamp, &a.event_id) < (b.timestamp, &b.event_id)));
        let begin = end().plus_millis(-86_400_000 * i64::from(days.max(1)));
        assert!(all.iter().all(|event| event.timestamp >= begin && event.timestamp < end()));
    }
}

#[test]
fn every_event_is_one_that_the_contract_accepts() {
    let mut ids = HashSet::new();
    for event in month(4, 20_000) {
        assert!(ids.insert(event.event_id.clone()), "{} twice", event.event_id);
        let uuid = uuid::Uuid::parse_str(event.event_id.strip_prefix("evt_").unwrap()).unwrap();
        assert_eq!(uuid.get_version_num(), 7);
        let properties: serde_json::Value = serde_json::from_str(&event.properties).unwrap();
        assert!(properties.is_object());
        assert_eq!(event.event == "purchase", properties["amount"].is_number());
        let url = event.url.strip_prefix("https://").unwrap();
        assert!(url.len() < 400 && !url.ends_with('='), "{url}");
        assert!(event.event != "$identify" || event.user_id.is_some());
        assert_eq!(event.country.as_str().len(), 2);
    }
}

#[test]
fn visitors_come_back_and_keep_their_browser_and_country() {
    let events = month(5, 50_000);
    let mut visits: HashMap<&str, Vec<&DemoEvent>> = HashMap::new();
    for event in &events {
        visits.entry(&event.anonymous_id).or_default().push(event);
    }
    let same = |own: &Vec<&DemoEvent>| {
        own.iter().all(|event| event.user_agent == own[0].user_agent && event.country == own[0].country)
    };
    assert!(visits.values().all(same));
    let most = visits.values().map(Vec::len).max().unwrap();
    assert!(most > 15 * events.len() / visits.len(), "the most faithful visitor sent {most} events");
}

#[test]
fn a_user_id_stays_from_the_sign_up_on() {
    let mut users: HashMap<String, String> = HashMap::new();
    let mut later = 0;
    for event in month(6, 50_000) {
        match (&event.user_id, users.get(&event.anonymous_id)) {
            (Some(user), None) => {
                assert_eq!(event.event, "signup");
                users.insert(event.anonymous_id, user.clone());
            }
            (Some(user), Some(known)) => {
                assert_eq!(user, known);
                later += 1;
            }
            (None, known) => assert_eq!(known, None, "{event:?}"),
        }
    }
    assert!(users.len() > 100 && later > 500, "{} users, {later} events of theirs", users.len());
}

#[test]
fn the_mix_is_that_of_a_shop() {
    let events = month(8, 100_000);
    let named = |name: &'static str| share(&events, |event| event.event == name);
    let came_from = |event: &DemoEvent, site: &str| {
        event.referrer.as_deref().is_some_and(|referrer| referrer.starts_with(site))
    };
    for (what, share, range) in [
        ("page views", named("$pageview"), 0.75..0.95),
        ("baskets", named("add_to_cart"), 0.02..0.08),
        ("purchases", named("purchase"), 0.004..0.03),
        ("sign-ups", named("signup"), 0.004..0.03),
        ("google ads", share(&events, |event| event.url.contains("gclid=")), 0.01..0.06),
        ("facebook ads", share(&events, |event| event.url.contains("fbclid=")), 0.01..0.06),
        ("newsletter", share(&events, |event| event.url.contains("utm_medium=email")), 0.01..0.06),
        ("chatgpt", share(&events, |event| event.url.contains("chatgpt.com")), 0.003..0.03),
        ("pages of the shop", share(&events, |event| came_from(event, SITE)), 0.4..0.8),
        ("payments", share(&events, |event| came_from(event, "https://checkout.stripe.com/")), 0.005..0.05),
        ("sign-ins", share(&events, |event| came_from(event, "https://accounts.google.com/")), 0.001..0.02),
        ("no referrer", share(&events, |event| event.referrer.is_none()), 0.1..0.3),
    ] {
        assert!(range.contains(&share), "{what}: {share:.4}");
    }
}

#[test]
fn nights_are_quiet_and_the_end_is_busier_than_the_beginning() {
    let events = month(9, 200_000);
    let hour = |event: &DemoEvent| event.timestamp.millis().rem_euclid(86_400_000) / 3_600_000;
    let night = share(&events, |event| (2..5).contains(&hour(event)));
    let day = share(&events, |event| (14..17).contains(&hour(event)));
    assert!(day > 3.0 * night, "day {day:.3}, night {night:.3}");
    let begin = end().millis() - 30 * 86_400_000;
    let week =
        |number: i64| share(&events, |event| (event.timestamp.millis() - begin) / 604_800_000 == number);
    assert!(week(3) > 1.2 * week(0), "first week {:.3}, fourth {:.3}", week(0), week(3));
}
