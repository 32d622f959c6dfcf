//! How many come, when, and with what.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::recount::{DAY, Event, counts, named, visitors};
use super::{Question, demo, figures, rows, rows_by, same};

pub(super) const QUESTIONS: &[Question] = &[
    demo(
        "How many people visited in the last 30 days?",
        &[("get_stats", r#"{"metric":"uniques","period":"last_30_days"}"#)],
        |stored, found| same("visitors", &found[0]["rows"][0]["value"], visitors(stored.last_days(30))),
    ),
    demo(
        "How many page views did we have yesterday?",
        &[("get_stats", r#"{"event":"$pageview","period":"yesterday"}"#)],
        |stored, found| {
            let views = named(&stored.last_days(1), "$pageview").len();
            same("views", &found[0]["rows"][0]["value"], views)
        },
    ),
    demo(
        "Did we have more page views in the last 7 days than in the 7 days before?",
        &[("get_stats", r#"{"event":"$pageview","period":"last_7_days","compare":"previous"}"#)],
        |stored, found| {
            let week = |from: i64, to: i64| {
                named(&stored.between(stored.today - from * DAY, stored.today - to * DAY), "$pageview").len()
                    as f64
            };
            let (now, before) = (week(7, 0), week(14, 7));
            let row = &found[0]["rows"][0];
            same("now", &row["value"], now)?;
            same("before", &row["previous"], before)?;
            same("change", &row["change_pct"], ((now - before) / before * 10_000.0).round() / 100.0)
        },
    ),
    demo(
        "Show me the visitors of each day of the last 14 days.",
        &[("get_stats", r#"{"metric":"uniques","interval":"day","from":"{14 days ago}","to":"{today}"}"#)],
        |stored, found| {
            let of_day = |day: i64| stored.today - (14 - day) * DAY;
            for day in 0..14 {
                let value = &found[0]["rows"][day as usize]["value"];
                same("visitors", value, visitors(stored.between(of_day(day), of_day(day + 1))))?;
            }
            Ok(())
        },
    ),
    demo(
        "At which hour of the day do people look at our pages most?",
        &[("get_stats", r#"{"event":"$pageview","interval":"hour_of_day","period":"last_28_days"}"#)],
        |stored, found| {
            let hour = |event: &&Event| event.at.rem_euclid(DAY) / (60 * 60 * 1000);
            let by_hour: BTreeMap<i64, u64> =
                counts(named(&stored.last_days(28), "$pageview").iter().map(hour)).into_iter().collect();
            for of_hour in 0..24 {
                let row = &found[0]["rows"][of_hour as usize];
                let count = by_hour.get(&of_hour).copied().unwrap_or_default();
                same("hour", &row["hour_of_day"], of_hour)?;
                same("views", &row["value"], count)?;
                same("mean", &row["mean"], count as f64 / 28.0)?;
            }
            Ok(())
        },
    ),
    demo(
        "On which day of the week do most people sign up?",
        &[("get_stats", r#"{"event":"signup","interval":"day_of_week","period":"last_28_days"}"#)],
        |stored, found| {
            // 1970-01-01 was a Thursday.
            let weekday = |event: &&Event| (event.at.div_euclid(DAY) + 3).rem_euclid(7) + 1;
            let by_day: BTreeMap<i64, u64> =
                counts(named(&stored.last_days(28), "signup").iter().map(weekday)).into_iter().collect();
            for day in 1..=7 {
                let row = &found[0]["rows"][day as usize - 1];
                same("day", &row["day_of_week"], day)?;
                same("signups", &row["value"], by_day.get(&day).copied().unwrap_or_default())?;
            }
            Ok(())
        },
    ),
    demo(
        "Which devices do our visitors use?",
        &[("get_stats", r#"{"metric":"uniques","group_by":["device_type"],"period":"last_30_days"}"#)],
        |stored, found| {
            rows_by(&found[0], ["device_type", "value"], &uniques_by(&stored.last_days(30), "device_type"))
        },
    ),
    demo(
        "Which five countries have the most visitors?",
        &[("get_stats", r#"{"metric":"uniques","group_by":["country"],"period":"last_30_days","limit":5}"#)],
        |stored, found| {
            let mut expected = uniques_by(&stored.last_days(30), "country");
            expected.truncate(5);
            rows(&found[0], ["country", "value"], &expected)
        },
    ),
    demo(
        "How often are pages of products viewed?",
        &[(
            "get_stats",
            r#"{"event":"$pageview","filters":[["starts_with","path",["/products/"]]],"period":"last_30_days"}"#,
        )],
        |stored, found| {
            let mut views = named(&stored.last_days(30), "$pageview");
            views.retain(|view| view.text("path").starts_with("/products/"));
            same("views", &found[0]["rows"][0]["value"], views.len())
        },
    ),
    demo(
        "What events do we collect, and how many of each?",
        &[("describe_schema", r#"{"period":"last_30_days"}"#)],
        |stored, found| {
            let events = stored.last_days(30);
            let expected = figures(counts(events.iter().map(|event| event.name.clone())));
            rows_by(&found[0], ["event_name", "count"], &expected)
        },
    ),
    demo(
        "What do we know about a purchase?",
        &[("describe_schema", r#"{"kind":"properties","event":"purchase","period":"last_30_days"}"#)],
        |stored, found| {
            let events = stored.last_days(30);
            let purchases = named(&events, "purchase");
            let names =
                purchases.iter().flat_map(|event| event.properties.as_object().unwrap().keys().cloned());
            rows_by(&found[0], ["name", "count"], &figures(counts(names)))
        },
    ),
    demo(
        "Show me the last three purchases.",
        &[("query_events", r#"{"event":"purchase","limit":3,"period":"last_30_days"}"#)],
        |stored, found| {
            let events = stored.last_days(30);
            for (row, event) in named(&events, "purchase").iter().rev().take(3).enumerate() {
                same("id", &found[0]["rows"][row]["event_id"], json!(event.id))?;
            }
            Ok(())
        },
    ),
];

/// Distinct visitors by a column, most first.
fn uniques_by(events: &[&Event], column: &str) -> Vec<(String, f64)> {
    let mut values: Vec<String> = events.iter().map(|event| event.text(column).to_owned()).collect();
    values.sort();
    values.dedup();
    let of = |value: &String| visitors(events.iter().copied().filter(|event| event.text(column) == value));
    let mut uniques: Vec<(String, f64)> =
        values.iter().map(|value| (value.clone(), of(value) as f64)).collect();
    uniques.sort_by(|(name, count), (other_name, other)| {
        other.total_cmp(count).then_with(|| name.cmp(other_name))
    });
    uniques
}
