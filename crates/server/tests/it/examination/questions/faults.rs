//! Questions about data with faults: no figure without its warning.

use serde_json::{Value, json};

use super::super::faults::BROKEN_DAY;
use super::super::recount::{DAY, Stored, counts, named, numbers};
use super::findings::explained;
use super::{Checked, Question, Site, rows_by, same, warned};

const fn faulty(
    text: &'static str,
    calls: &'static [(&'static str, &'static str)],
    check: fn(&Stored, &[Value]) -> Checked,
) -> Question {
    Question { text, site: Site::Faults, calls, check }
}

pub(super) const QUESTIONS: &[Question] = &[
    faulty(
        "How much did we sell in the last 7 days?",
        &[("get_stats", r#"{"metric":"sum","property":"amount","event":"purchase","period":"last_7_days"}"#)],
        |stored, found| {
            let events = stored.last_days(7);
            let purchases = named(&events, "purchase");
            for currency in ["EUR", "USD"] {
                let in_currency: Vec<_> = purchases
                    .iter()
                    .copied()
                    .filter(|event| event.properties["currency"] == currency)
                    .collect();
                let rows = found[0]["rows"].as_array().unwrap();
                let row =
                    rows.iter().find(|row| row["currency"] == currency).ok_or("a currency is missing")?;
                same(currency, &row["value"], numbers(&in_currency, "amount").iter().sum::<f64>())?;
            }
            let texts = purchases.iter().filter(|event| event.properties["amount"].is_string()).count();
            same("not numeric", &found[0]["skipped"]["not_numeric"], texts)?;
            warned(&found[0], "not_numeric")
        },
    ),
    faulty(
        "How many people subscribed to the newsletter?",
        &[("get_stats", r#"{"metric":"uniques","event":"newsletter_subscribe","period":"last_7_days"}"#)],
        |_, found| {
            same("value", &found[0]["rows"][0]["value"], 0)?;
            warned(&found[0], "unknown_event")
        },
    ),
    faulty(
        "What share of visitors goes from the pricing page to a sale?",
        &[("funnel", r#"{"steps":["page:/pricing","purchases"],"period":"last_7_days"}"#)],
        |_, found| {
            same("sales", &found[0]["rows"][1]["uniques"], 0)?;
            warned(&found[0], "unknown_event")
        },
    ),
    faulty(
        "How many visitors from Germany did we have?",
        &[("get_stats", r#"{"metric":"uniques","filters":{"country":"DE"},"period":"last_7_days"}"#)],
        |_, found| {
            same("value", &found[0]["rows"][0]["value"], 0)?;
            warned(&found[0], "unknown_value")
        },
    ),
    faulty(
        "What does the average discount look like?",
        &[(
            "get_stats",
            r#"{"metric":"avg","property":"discount","event":"purchase","period":"last_7_days"}"#,
        )],
        |_, found| {
            same("value", &found[0]["rows"][0]["value"], Value::Null)?;
            warned(&found[0], "unknown_property")
        },
    ),
    faulty(
        "Which sources sell, by purchases?",
        &[("top_sources", r#"{"event":"purchase","breakdown":"source","period":"last_7_days"}"#)],
        |stored, found| {
            let events = stored.last_days(7);
            let sources =
                counts(named(&events, "purchase").into_iter().map(|event| stored.session_of(event).source()));
            if sources.iter().any(|(source, _)| source.contains("stripe")) {
                return Err("the recount credits the payment page".to_owned());
            }
            let expected: Vec<_> =
                sources.into_iter().map(|(source, count)| (source, count as f64)).collect();
            rows_by(&found[0], ["source", "events"], &expected)
        },
    ),
    faulty(
        "Why were there so few purchases three days ago?",
        &[(
            "explain_change",
            r#"{"event":"purchase","from":"{3 days ago}","to":"{2 days ago}","compare":"{10 days ago}/{9 days ago}"}"#,
        )],
        |stored, found| {
            let day = |back: i64| {
                let from = stored.today - back * DAY;
                named(&stored.between(from, from + DAY), "purchase")
            };
            explained(stored, &found[0], &day(BROKEN_DAY), &day(BROKEN_DAY + 7))?;
            let row = &found[0]["rows"][0];
            same("the cause", &row["columns"]["device_type"], "mobile")?;
            same("purchases on phones", &row["value"], 0)?;
            same("is no noise", &row["noise"], Value::Null)
        },
    ),
    faulty(
        "Is anything wrong with our data?",
        &[("data_quality", r#"{"period":"last_7_days"}"#)],
        |stored, found| {
            let events = stored.last_days(7);
            let count_of = |code: &str| {
                let rows = found[0]["rows"].as_array().unwrap();
                let row = rows.iter().find(|row| row["code"] == code);
                row.map(|row| row["count"].clone()).ok_or_else(|| format!("no {code}"))
            };
            let as_text = events.iter().filter(|event| event.properties["amount"].is_string()).count();
            same("numbers as text", &count_of("numbers_as_text")?, as_text)?;
            same("misspelt", &count_of("similar_event_names")?, named(&events, "purchse").len())?;
            for code in ["tagging_variants", "mixed_currencies"] {
                count_of(code)?;
            }
            Ok(())
        },
    ),
    faulty(
        "How did purchases on phones develop over the last 7 days?",
        &[(
            "get_stats",
            r#"{"event":"purchase","interval":"day","filters":{"device_type":"mobile"},"period":"last_7_days"}"#,
        )],
        |stored, found| {
            let events = stored.last_days(7);
            let mut purchases = named(&events, "purchase");
            purchases.retain(|event| event.text("device_type") == "mobile");
            let rows = found[0]["rows"].as_array().unwrap();
            let days = counts(purchases.iter().map(|event| event.at.div_euclid(DAY)));
            same("days", &json!(rows.len()), days.len())?;
            let broken = stored.today / DAY - BROKEN_DAY;
            if days.iter().any(|(day, _)| *day == broken) {
                return Err("phones could pay on the broken day".to_owned());
            }
            Ok(())
        },
    ),
];
