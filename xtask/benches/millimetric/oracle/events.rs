//! Random events as clients send them: few values each, so that groups, ties and empty responses
//! occur; times around clock changes and far away; texts of many scripts; properties of every
//! kind of JSON.
//!
//! Left out is what two JSON readers may rightly read in two ways: names that occur twice in an
//! object, and numbers that are written in an unusual way where they name a group.

use millimetric_core::time::Timestamp;
use serde_json::{Value, json};

use crate::random::Random;

pub(super) const NAMES: [&str; 5] = ["$pageview", "signup", "purchase", "ünïcode ✓", "it's \\ \"so\""];
pub(super) const PATHS: [&str; 4] = ["/", "/pricing", "/a/b", "/ค้นหา"];
pub(super) const CAMPAIGNS: [&str; 2] = ["Spring", "spring"];
pub(super) const VISITORS: u64 = 12;
pub(super) const USERS: u64 = 3;
const CAME_FROM: [(&str, &str); 5] = [
    ("", "https://www.google.com/"),
    ("?gclid=abc", "https://www.google.com/"),
    ("?utm_source=facebook&utm_medium=cpc", "https://l.facebook.com/"),
    ("?utm_source=newsletter&utm_medium=email", ""),
    ("", ""),
];
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "unknown",
];
const ADDRESSES: [&str; 4] = ["8.8.8.8", "141.1.1.1", "193.99.144.80", "127.0.0.1"];
/// Values of `plan`, which groups are made of.
const PLANS: [&str; 11] = [
    r#""pro""#,
    r#""free""#,
    r#""""#,
    "null",
    "7",
    "true",
    r#"["x",1]"#,
    r#"{"a":{"b":null}}"#,
    r#""a \"b\" é""#,
    r#""7""#,
    r#""null""#,
];
/// Values of `price`, which are added up: every sum of them is exact.
const PRICES: [&str; 8] = ["1.25", "-3", "0.5", "1e2", "null", r#""12""#, "0", "[4]"];
/// Values of `currency`, some of which name one.
const CURRENCIES: [&str; 5] = [r#""EUR""#, r#"" usd""#, r#""???""#, "null", "7"];
/// Times that others are near to.
const TIMES: [&str; 10] = [
    "2024-03-31T00:30:00Z",
    "2024-03-10T06:59:59.999Z",
    "2024-04-06T14:59:59.999Z",
    "2024-05-31T23:59:59.999Z",
    "2024-10-05T15:31:00Z",
    "2024-10-27T00:59:00Z",
    "2018-11-04T02:59:59.999Z",
    "1999-12-31T23:59:59.500Z",
    "1969-12-31T23:59:59.999Z",
    "1938-02-28T12:00:00Z",
];

/// So many events, each id once.
pub(super) fn events(random: &mut Random, count: u64) -> anyhow::Result<Vec<Value>> {
    (0..count).map(|number| event(random, number)).collect()
}

/// One of the times, or a while after it.
pub(super) fn time(random: &mut Random) -> anyhow::Result<Timestamp> {
    let while_after = random.of(&[1, 7_200_000, 864_000_000]);
    Ok(Timestamp::parse(random.of(&TIMES))?.plus_millis(random.below(while_after) as i64))
}

fn event(random: &mut Random, number: u64) -> anyhow::Result<Value> {
    let visitor = random.below(VISITORS);
    let (path, (query, referrer)) = (random.of(&PATHS), random.of(&CAME_FROM));
    let campaign =
        if random.once_in(3) { format!("&utm_campaign={}", random.of(&CAMPAIGNS)) } else { String::new() };
    let query = if query.is_empty() { query.to_owned() } else { format!("{query}{campaign}") };
    let mut event = json!({
        "event": random.of(&NAMES),
        // Ids in no order of time, so that ties of times are broken by them.
        "event_id": format!("{}-{number}", ["a", "é", "Z"][random.below(3) as usize]),
        "timestamp": time(random)?.to_string(),
        "anonymous_id": format!("visitor-{visitor}"),
        "properties": properties(random)?,
        "context": { "ip": random.of(&ADDRESSES), "user_agent": random.of(&AGENTS) },
    });
    if !random.once_in(4) {
        event["url"] = Value::from(format!("https://shop.example/{query}"));
        event["path"] = Value::from(path);
    }
    if !referrer.is_empty() {
        event["referrer"] = Value::from(referrer);
    }
    if random.once_in(3) {
        event["user_id"] = Value::from(format!("user-{}", random.below(USERS)));
    }
    // Most clients send no session id; some visitors have events with and without.
    if visitor.is_multiple_of(3) && random.once_in(2) {
        event["session_id"] = Value::from(format!("session-{}", random.below(3)));
    }
    Ok(event)
}

fn properties(random: &mut Random) -> anyhow::Result<Value> {
    let mut members = Vec::new();
    if !random.once_in(3) {
        members.push(format!(r#""plan":{}"#, random.of(&PLANS)));
    }
    if !random.once_in(3) {
        members.push(format!(r#""price":{}"#, random.of(&PRICES)));
    }
    if random.once_in(5) {
        members.push(format!(r#""currency":{}"#, random.of(&CURRENCIES)));
    }
    if random.once_in(4) {
        members.push(r#""wäre ✓":{"plan":"no","price":9}"#.to_owned());
    }
    Ok(serde_json::from_str(&format!("{{{}}}", members.join(",")))?)
}
