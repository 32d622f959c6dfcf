//! Random queries, each as a path of the API and as SQL of ClickHouse over the stored rows.
//!
//! The SQL follows the contract and not our code: what both get wrong in the same way would have
//! to be misread twice. A new route gets a function here and a line in [`query`].

mod changes;
mod filters;
mod journeys;
mod schema;
mod sessions;
mod stats;
mod visitors;

use std::fmt::Write as _;

use millimetric_core::time::Timestamp;
use serde_json::Value;

use super::events::{CAMPAIGNS, NAMES, PATHS, USERS, VISITORS, time};
use crate::random::Random;

/// A query in both languages.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) path: String,
    /// Returns one row more than the path may, if there is a limit: it shows what was cut.
    pub(super) sql: String,
    /// The most rows in the response; `None` where all of its pages are read.
    pub(super) limit: Option<usize>,
}

/// Any query.
pub(super) fn query(random: &mut Random) -> anyhow::Result<Question> {
    match random.below(28) {
        0 | 1 => pages(random),
        2 | 3 => sources(random),
        4 => names(random),
        5 | 6 => visitors::funnel(random),
        7 | 8 => visitors::retention(random),
        9 => sessions::pages(random),
        10 | 18 => sessions::sessions(random),
        19 => sessions::sources(random),
        20 => sessions::stats(random),
        21..=23 => sessions::attribution(random),
        24 | 25 => journeys::journeys(random),
        26 | 27 => changes::changes(random),
        11 => schema::properties(random),
        12 => schema::values(random),
        _ => stats::stats(random),
    }
}

const COLUMNS: [&str; 11] = [
    "event_name",
    "source",
    "medium",
    "country",
    "device_type",
    "browser",
    "os",
    "path",
    "campaign",
    "source_confidence",
    "source_rule_id",
];
const ZONES: [&str; 6] =
    ["UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Lord_Howe"];
/// The time in whole seconds, rounded down: ClickHouse rounds a fraction before 1970 up.
const SECONDS: &str = "toDateTime64(fromUnixTimestamp64Second(toInt64(floor(toUnixTimestamp64Milli(timestamp) / 1000)), 'UTC'), 0, 'UTC')";
/// The value of a property that is a JSON number.
const PRICE_NUMBER: &str = "JSONExtractFloat(properties, 'price')";
const PRICE_IS_A_NUMBER: &str = "JSONType(properties, 'price') in ('Int64', 'UInt64', 'Double')";
const PLAN: &str = "multiIf(JSONType(properties, 'plan') = 'Null', null, JSONType(properties, 'plan') = 'String', \
     JSONExtractString(properties, 'plan'), JSONExtractRaw(properties, 'plan'))";

/// The range and the filters, in both languages.
struct Scope {
    query: String,
    condition: String,
}

fn range(random: &mut Random) -> anyhow::Result<Scope> {
    let (mut from, mut to) =
        (Timestamp::parse("1910-01-01T00:00:00Z")?, Timestamp::parse("2200-01-01T00:00:00Z")?);
    if !random.once_in(3) {
        (from, to) = (time(random)?, time(random)?.plus_millis(1));
        if from >= to {
            (from, to) = (to.plus_millis(-1), from.plus_millis(1));
        }
    }
    let condition = format!(
        "toUnixTimestamp64Milli(timestamp) >= {} and toUnixTimestamp64Milli(timestamp) < {}",
        from.millis(),
        to.millis()
    );
    Ok(Scope { query: format!("from={from}&to={to}"), condition })
}

impl Scope {
    fn filter(&mut self, parameter: &str, column: &str, value: &str) {
        let _ = write!(self.query, "&{parameter}={}", percent_encoded(value));
        let _ = write!(self.condition, " and {column} = {}", quoted(value));
    }

    fn conditions(&mut self, random: &mut Random) {
        let count = 1 + random.below(3);
        let (filters, conditions): (Vec<Value>, Vec<String>) =
            (0..count).map(|_| filters::filter(random, 3)).unzip();
        let _ = write!(self.query, "&filters={}", percent_encoded(&Value::from(filters).to_string()));
        let _ = write!(self.condition, " and {}", conditions.join(" and "));
    }
}

fn scope(random: &mut Random) -> anyhow::Result<Scope> {
    let mut scope = range(random)?;
    let count = random.of(&[0, 0, 1, 1, 2]);
    for kind in random.several(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], count) {
        match kind {
            0 => scope.filter("event", "event_name", random.of(&NAMES)),
            1 => scope.filter("path", "path", random.of(&PATHS)),
            2 => scope.filter("campaign", "campaign", random.of(&CAMPAIGNS)),
            3 => scope.filter("source", "source", random.of(&["google", "facebook", "direct", "nowhere"])),
            4 => scope.filter("medium", "medium", random.of(&["paid", "organic", "email"])),
            5 => scope.filter("country", "country", random.of(&["US", "DE", ""])),
            6 => scope.filter("user_id", "user_id", &format!("user-{}", random.below(USERS))),
            7 => scope.filter("anonymous_id", "anonymous_id", &format!("visitor-{}", random.below(VISITORS))),
            8 => scope.filter("session_id", "session_id", &format!("session-{}", random.below(6))),
            // The parameter occurs once.
            _ if scope.query.contains("&filters=") => {}
            _ => scope.conditions(random),
        }
    }
    Ok(scope)
}

fn pages(random: &mut Random) -> anyhow::Result<Question> {
    let Scope { query, condition } = scope(random)?;
    let limit = random.of(&[7, 100, 1000]);
    let sql = format!(
        "select concat(replaceOne(toString(timestamp), ' ', 'T'), 'Z') as timestamp, event_name, event_id, \
         anonymous_id, user_id, session_id, source, medium, campaign, source_confidence, source_rule_id, \
         referrer, url, path, country, device_type, browser, os, properties \
         from events where {condition} order by events.timestamp desc, event_id desc \
         settings prefer_column_name_to_alias = 1"
    );
    Ok(Question { path: format!("/v1/query?{query}&limit={limit}"), sql, limit: None })
}

fn sources(random: &mut Random) -> anyhow::Result<Question> {
    let mut scope = range(random)?;
    if random.once_in(2) {
        scope.filter("event", "event_name", random.of(&NAMES));
    }
    let Scope { query, condition } = scope;
    let (breakdown, columns) = random.of(&[("source_medium", "source, medium"), ("source", "source")]);
    let limit = random.of(&[1, 2, 200]);
    let sql = format!(
        "select {columns}, count() as events, uniqExact(anonymous_id) as uniques, \
         countIf(medium = 'paid') / count() as paid_share \
         from events where {condition} group by {columns} order by events desc, {columns} limit {}",
        limit + 1
    );
    let path = format!("/v1/sources?{query}&breakdown={breakdown}&limit={limit}");
    Ok(Question { path, sql, limit: Some(limit) })
}

fn names(random: &mut Random) -> anyhow::Result<Question> {
    let Scope { query, condition } = range(random)?;
    let limit = random.of(&[2, 1000]);
    let time = |function: &str| format!("concat(replaceOne(toString({function}(timestamp)), ' ', 'T'), 'Z')");
    // When a name was seen first and last is asked of all events.
    let sql = format!(
        "with seen as (select event_name, groupArray(cast((name, events), 'Tuple(name String, count UInt64)')) \
         as list from (select event_name, arrayJoin(JSONExtractKeys(properties)) as name, count() as events \
         from events where {condition} group by event_name, name) group by event_name) \
         select event_name, any(total) as count, any(visitors) as uniques, any(first) as first_seen, \
         any(last) as last_seen, arraySort(p -> (-toInt64(p.2), p.1), any(seen.list)) as properties \
         from (select event_name, countIf({condition}) as total, uniqExactIf(anonymous_id, {condition}) as visitors, \
         {} as first, {} as last from events group by event_name having total > 0) as names \
         left join seen using event_name group by event_name order by count desc, event_name limit {}",
        time("min"),
        time("max"),
        limit + 1
    );
    Ok(Question { path: format!("/v1/events?{query}&limit={limit}"), sql, limit: Some(limit) })
}

/// The first instant of the bucket that an event lies in.
fn bucket(interval: &str, zone: &str) -> String {
    // Weeks and months come as dates, whose midnight in the zone is meant.
    let midnight = |date: String| format!("toDateTime64(toString({date}), 0, '{zone}')");
    match interval {
        "hour" => format!("toStartOfHour({SECONDS}, '{zone}')"),
        "day" => format!("toStartOfDay({SECONDS}, '{zone}')"),
        "week" => midnight(format!("toStartOfWeek({SECONDS}, 1, '{zone}')")),
        _ => midnight(format!("toStartOfMonth({SECONDS}, '{zone}')")),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// As a value of a query string.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() {
            out.push(byte as char);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}
