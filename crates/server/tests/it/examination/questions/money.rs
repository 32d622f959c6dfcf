//! What visitors do, what it is worth, and who gets the credit.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::recount::{DAY, Event, Session, Stored, counts, named, numbers};
use super::{Checked, Question, demo, quantile, same};

/// How long before a conversion a session may have begun to be a touch.
const LOOKBACK: i64 = 30 * DAY;
const WINDOW: i64 = 7 * DAY;

pub(super) const QUESTIONS: &[Question] = &[
    demo(
        "How much did we sell in the last 30 days?",
        &[(
            "get_stats",
            r#"{"metric":"sum","property":"amount","event":"purchase","period":"last_30_days"}"#,
        )],
        |stored, found| {
            let amounts: f64 = numbers(&named(&stored.last_days(30), "purchase"), "amount").iter().sum();
            let row = &found[0]["rows"][0];
            same("amount", &row["value"], amounts)?;
            same("currency", &row["currency"], "EUR")
        },
    ),
    demo(
        "What is the average order worth, and the median?",
        &[
            (
                "get_stats",
                r#"{"metric":"avg","property":"amount","event":"purchase","period":"last_30_days"}"#,
            ),
            (
                "get_stats",
                r#"{"metric":"median","property":"amount","event":"purchase","period":"last_30_days"}"#,
            ),
        ],
        |stored, found| {
            let amounts = numbers(&named(&stored.last_days(30), "purchase"), "amount");
            let mean = amounts.iter().sum::<f64>() / amounts.len() as f64;
            same("mean", &found[0]["rows"][0]["value"], mean)?;
            same("median", &found[1]["rows"][0]["value"], quantile(&amounts, 0.5))
        },
    ),
    demo(
        "How many visitors put something into the cart, and how many of them buy?",
        &[("funnel", r#"{"steps":["$pageview","add_to_cart","purchase"],"period":"last_30_days"}"#)],
        |stored, found| {
            let progress = funnel(&stored.last_days(30), &["$pageview", "add_to_cart", "purchase"]);
            (0..3).try_for_each(|step: usize| {
                let reached = progress.values().filter(|reached| **reached > step).count();
                same("visitors", &found[0]["rows"][step]["uniques"], reached)
            })
        },
    ),
    demo(
        "What share of visitors buys, by source?",
        &[(
            "funnel",
            r#"{"steps":["$pageview","purchase"],"group_by":["session_source"],"period":"last_30_days"}"#,
        )],
        conversion_by_source,
    ),
    demo(
        "Which sources get the credit for purchases?",
        &[("attribution", r#"{"event":"purchase","models":["last_non_direct"],"period":"last_30_days"}"#)],
        |stored, found| {
            credited(stored, &found[0], "last_non_direct", |touches| {
                let tagged = touches.iter().rposition(|touch| touch.source() != "direct");
                tagged.unwrap_or(touches.len() - 1)
            })
        },
    ),
    demo(
        "Which way do buyers come to us most often?",
        &[("attribution", r#"{"event":"purchase","paths":true,"period":"last_30_days","limit":3}"#)],
        |stored, found| {
            let events = stored.last_days(30);
            let paths = named(&events, "purchase").into_iter().map(|purchase| {
                let names = touches(stored, purchase).into_iter();
                names.map(|touch| format!("{} / {}", touch.source(), touch.medium())).collect::<Vec<_>>()
            });
            for (index, (path, count)) in counts(paths).iter().take(3).enumerate() {
                let row = &found[0]["rows"][index];
                same("conversions", &row["conversions"], *count)?;
                same("path", &row["path"], json!(path))?;
            }
            Ok(())
        },
    ),
];

/// The steps that each visitor reached, in order, each at most the window after the first.
fn funnel<'a>(events: &[&'a Event], steps: &[&str]) -> BTreeMap<&'a str, usize> {
    let mut by_visitor: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        by_visitor.entry(&event.visitor).or_default().push(event);
    }
    let furthest = |events: &[&Event]| {
        let starts = (0..events.len()).filter(|index| events[*index].name == steps[0]);
        let reached = starts.map(|start| {
            let mut reached = 1;
            for event in &events[start + 1..] {
                if reached == steps.len() || event.at - events[start].at > WINDOW {
                    break;
                }
                reached += usize::from(event.name == steps[reached]);
            }
            reached
        });
        reached.max()
    };
    by_visitor.into_iter().filter_map(|(visitor, events)| Some((visitor, furthest(&events)?))).collect()
}

/// Each visitor is in the group of their first page view.
fn conversion_by_source(stored: &Stored, found: &[Value]) -> Checked {
    let events = stored.last_days(30);
    let progress = funnel(&events, &["$pageview", "purchase"]);
    let mut groups: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for view in named(&events, "$pageview") {
        if seen.insert(&view.visitor) {
            let group = groups.entry(stored.session_of(view).source()).or_default();
            group[0] += 1;
            group[1] += u64::from(progress[view.visitor.as_str()] == 2);
        }
    }
    for (source, visitors) in groups {
        for (step, expected) in visitors.into_iter().enumerate() {
            let rows = found[0]["rows"].as_array().unwrap();
            let is_meant = |row: &&Value| row["session_source"] == source.as_str() && row["step"] == step + 1;
            let row = rows.iter().find(is_meant).ok_or_else(|| format!("no row for {source}"))?;
            same(&source, &row["uniques"], expected)?;
        }
    }
    Ok(())
}

/// The sessions of a visitor that began at most the lookback before a conversion.
fn touches<'a>(stored: &'a Stored, conversion: &Event) -> Vec<&'a Session> {
    let since = conversion.at - LOOKBACK..=conversion.at;
    let mut touches: Vec<&Session> = stored
        .sessions
        .iter()
        .filter(|session| session.visitor == conversion.visitor && since.contains(&session.begin()))
        .collect();
    touches.sort_by_key(|session| session.begin());
    touches
}

/// The whole credit of each purchase goes to one touch.
fn credited(stored: &Stored, found: &Value, model: &str, touch: impl Fn(&[&Session]) -> usize) -> Checked {
    let events = stored.last_days(30);
    let credited = named(&events, "purchase").into_iter().map(|purchase| {
        let touches = touches(stored, purchase);
        let touch = touches[touch(&touches)];
        (touch.source(), touch.medium())
    });
    for ((source, medium), count) in counts(credited) {
        let rows = found["rows"].as_array().unwrap();
        let is_meant = |row: &&Value| {
            row["session_source"] == source.as_str() && row["session_medium"] == medium.as_str()
        };
        let row = rows.iter().find(is_meant).ok_or_else(|| format!("no row for {source} / {medium}"))?;
        same(&format!("{source} / {medium}"), &row["conversions"][model], count)?;
    }
    Ok(())
}
