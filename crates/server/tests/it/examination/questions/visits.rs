//! Where visits come from, and what they are like.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::recount::{DAY, Event, Session, Stored, counts, named};
use super::{Checked, Question, demo, figures, quantile, rows, rows_by, same};

pub(super) const QUESTIONS: &[Question] = &[
    demo(
        "How many visits did we have in the last 7 days, and how many left after one page?",
        &[("sessions", r#"{"period":"last_7_days"}"#)],
        |stored, found| {
            let sessions = stored.sessions_of_last(7);
            let bounces = sessions.iter().filter(|session| session.is_bounce()).count();
            let row = &found[0]["rows"][0];
            same("sessions", &row["sessions"], sessions.len())?;
            same("bounces", &row["bounces"], bounces)?;
            same("bounce rate", &row["bounce_rate"], bounces as f64 / sessions.len() as f64)
        },
    ),
    demo(
        "How long do people stay, and how many pages do they look at?",
        &[("sessions", r#"{"period":"last_30_days"}"#)],
        |stored, found| {
            let sessions = stored.sessions_of_last(30);
            let views: usize = sessions.iter().map(|session| session.views().count()).sum();
            let mut seconds: Vec<f64> = sessions.iter().map(|session| seconds(session)).collect();
            seconds.sort_by(f64::total_cmp);
            let row = &found[0]["rows"][0];
            same("views per session", &row["views_per_session"], views as f64 / sessions.len() as f64)?;
            same("median duration", &row["median_duration_seconds"], quantile(&seconds, 0.5))
        },
    ),
    demo(
        "Is the bounce rate of this week's visits different from the week before?",
        &[("sessions", r#"{"period":"last_7_days","compare":"previous"}"#)],
        |stored, found| {
            let rate = |from: i64, to: i64| {
                let sessions = stored.sessions_between(stored.today - from * DAY, stored.today - to * DAY);
                sessions.iter().filter(|session| session.is_bounce()).count() as f64 / sessions.len() as f64
            };
            let row = &found[0]["rows"][0];
            same("now", &row["bounce_rate"], rate(7, 0))?;
            same("before", &row["previous"]["bounce_rate"], rate(14, 7))
        },
    ),
    demo(
        "Which channels bring the most visits?",
        &[(
            "sessions",
            r#"{"group_by":["session_source","session_medium"],"period":"last_30_days","limit":5}"#,
        )],
        |stored, found| {
            let key = |session: &&Session| format!("{} / {}", session.source(), session.medium());
            for (index, (name, count)) in
                counts(stored.sessions_of_last(30).iter().map(key)).iter().take(5).enumerate()
            {
                let row = &found[0]["rows"][index];
                let (source, medium) = name.split_once(" / ").unwrap();
                same("sessions", &row["sessions"], *count)?;
                same("source", &row["session_source"], source)?;
                same("medium", &row["session_medium"], medium)?;
            }
            Ok(())
        },
    ),
    demo(
        "How much of Facebook's traffic is paid?",
        &[(
            "top_sources",
            r#"{"breakdown":"source","filters":{"session_source":"facebook"},"event":"$pageview","period":"last_30_days"}"#,
        )],
        |stored, found| {
            let events = stored.last_days(30);
            let mut views = named(&events, "$pageview");
            views.retain(|view| stored.session_of(view).source() == "facebook");
            let paid = views.iter().filter(|view| stored.session_of(view).medium() == "paid").count();
            let row = &found[0]["rows"][0];
            same("events", &row["events"], views.len())?;
            same("paid share", &row["paid_share"], paid as f64 / views.len() as f64)
        },
    ),
    demo(
        "Do AI assistants send us visitors?",
        &[(
            "sessions",
            r#"{"group_by":["session_source"],"filters":{"session_medium":"ai_assistant"},"period":"last_30_days"}"#,
        )],
        |stored, found| {
            let mut sessions = stored.sessions_of_last(30);
            sessions.retain(|session| session.medium() == "ai_assistant");
            rows_by(
                &found[0],
                ["session_source", "sessions"],
                &figures(counts(sessions.iter().map(|one| one.source()))),
            )
        },
    ),
    demo(
        "On which pages do visits begin?",
        &[("top_pages", r#"{"by":"entry","period":"last_30_days","limit":5}"#)],
        |stored, found| {
            let entries =
                counts(stored.sessions_of_last(30).iter().map(|session| session.entry().to_owned()));
            rows(&found[0], ["path", "entries"], &figures(entries.into_iter().take(5).collect()))
        },
    ),
    demo(
        "Which landing page keeps the fewest of those who come through Google?",
        &[(
            "top_pages",
            r#"{"by":"entry","filters":{"session_source":"google"},"period":"last_30_days","limit":3}"#,
        )],
        |stored, found| {
            let mut sessions = stored.sessions_of_last(30);
            sessions.retain(|session| session.source() == "google");
            let entries = counts(sessions.iter().map(|session| session.entry().to_owned()));
            for (index, (path, count)) in entries.iter().take(3).enumerate() {
                let here = || sessions.iter().filter(|session| session.entry() == path);
                let bounces = here().filter(|session| session.is_bounce()).count();
                let row = &found[0]["rows"][index];
                same("path", &row["path"], path.as_str())?;
                same("bounce rate", &row["bounce_rate"], bounces as f64 / *count as f64)?;
            }
            Ok(())
        },
    ),
    demo(
        "How many people come back in the weeks after their first visit?",
        &[("retention", r#"{"interval":"week","event":"$pageview","period":"last_28_days"}"#)],
        returning,
    ),
    demo(
        "Where do visitors go after they have seen the prices?",
        &[("journeys", r#"{"start":"page:/pricing","period":"last_30_days","limit":3}"#)],
        |stored, found| {
            journeys(stored, &found[0], true, |event| event.is_view() && event.text("path") == "/pricing")
        },
    ),
    demo(
        "What do people do right before they sign up?",
        &[("journeys", r#"{"start":"signup","direction":"backwards","period":"last_30_days","limit":3}"#)],
        |stored, found| journeys(stored, &found[0], false, |event| event.name == "signup"),
    ),
    demo(
        "Why was the newest purchase credited where it was?",
        &[
            ("query_events", r#"{"event":"purchase","limit":1,"period":"last_30_days"}"#),
            ("explain_attribution", r#"{"event_id":"{rows/0/event_id}"}"#),
        ],
        |stored, found| {
            let events = stored.last_days(30);
            let purchase = *named(&events, "purchase").last().unwrap();
            let session = stored.session_of(purchase);
            let explained = &found[1]["session"];
            same("source", &explained["source"], session.source())?;
            same("medium", &explained["medium"], session.medium())
        },
    ),
];

fn seconds(session: &Session) -> f64 {
    let last = session.events.iter().map(|event| event.at).max().unwrap_or_default();
    (last - session.begin()) as f64 / 1000.0
}

/// The most frequent paths of three steps from a start, or to it.
fn journeys(stored: &Stored, found: &Value, forwards: bool, is_start: fn(&Event) -> bool) -> Checked {
    let range = stored.today - 30 * DAY..stored.today;
    let path = |session: &Session| {
        let mut events: Vec<&Event> = session.events.iter().filter(|event| event.at < range.end).collect();
        if !forwards {
            events.reverse();
        }
        let start = events.iter().position(|event| range.contains(&event.at) && is_start(event))?;
        let mut path: Vec<String> = Vec::new();
        for (index, event) in events[start..].iter().enumerate() {
            let step = match event.is_view() {
                true => event.text("path"),
                false if index > 0 && event.name.starts_with('$') => continue,
                false => &event.name,
            };
            if path.last().is_none_or(|last| last != step) {
                path.push(step.to_owned());
            }
        }
        path.truncate(3);
        if !forwards {
            path.reverse();
        }
        Some(path)
    };
    let expected = counts(stored.sessions.iter().filter_map(path));
    if expected.len() < 3 {
        return Err("too few paths: the question is none".to_owned());
    }
    for (row, (path, sessions)) in expected.iter().take(3).enumerate() {
        let row = &found["rows"][row];
        same("path", &row["path"], json!(path))?;
        same("sessions", &row["sessions"], *sessions)?;
    }
    same(
        "sessions with a start",
        &found["sessions"],
        expected.iter().map(|(_, sessions)| sessions).sum::<u64>(),
    )
}

/// Cohorts by the week of the first page view ever, and how many of them came back in each week of the range.
fn returning(stored: &Stored, found: &[Value]) -> Checked {
    // Weeks begin on Monday; 1970-01-01 was a Thursday.
    let week = |at: i64| (at + 3 * DAY).div_euclid(7 * DAY);
    let (from, to) = (stored.today - 28 * DAY, stored.today);
    let mut first: BTreeMap<&str, &Event> = BTreeMap::new();
    for event in stored.events.iter().filter(|event| event.is_view()) {
        first.entry(&event.visitor).or_insert(event);
    }
    let mut expected: BTreeMap<i64, (u64, BTreeMap<i64, u64>)> = BTreeMap::new();
    for (visitor, event) in first.into_iter().filter(|(_, event)| (from..to).contains(&event.at)) {
        let (size, returned) = expected.entry(week(event.at)).or_default();
        *size += 1;
        let events = stored.between(from, to).into_iter().filter(|event| event.visitor == visitor);
        for (week, _) in counts(events.map(|event| week(event.at))) {
            *returned.entry(week).or_default() += 1;
        }
    }
    let rows = found[0]["rows"].as_array().unwrap();
    same("cohorts", &json!(rows.len()), expected.len())?;
    for (row, (start, (size, returned))) in rows.iter().zip(&expected) {
        same("visitors", &row["visitors"], *size)?;
        for (index, figure) in row["returned"].as_array().unwrap().iter().enumerate() {
            same("returned", figure, returned.get(&(start + index as i64)).copied().unwrap_or_default())?;
        }
    }
    Ok(())
}
