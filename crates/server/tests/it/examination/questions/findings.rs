//! What a tool finds by itself: why a figure changed.

use serde_json::Value;

use super::super::recount::{DAY, Event, Stored, named};
use super::{Checked, Question, demo, same};

pub(super) const QUESTIONS: &[Question] = &[demo(
    "Why did our page views of the last 7 days change?",
    &[("explain_change", r#"{"event":"$pageview","period":"last_7_days"}"#)],
    |stored, found| {
        let ends = [14, 7, 0].map(|days| stored.today - days * DAY);
        let [before, now] = [(ends[0], ends[1]), (ends[1], ends[2])]
            .map(|(from, to)| named(&stored.between(from, to), "$pageview"));
        explained(stored, &found[0], &now, &before)
    },
)];

/// The figures of the whole and of each row, which may be of a value or of a pair of values.
pub(super) fn explained(stored: &Stored, found: &Value, now: &[&Event], before: &[&Event]) -> Checked {
    same("value", &found["value"], now.len())?;
    same("previous", &found["previous"], before.len())?;
    let rows = found["rows"].as_array().unwrap();
    if rows.is_empty() {
        return Err("nothing is explained".to_owned());
    }
    for row in rows {
        let columns = row["columns"].as_object().unwrap();
        let has = |event: &&&Event| {
            columns
                .iter()
                .all(|(name, value)| stored.value(event, name) == value.as_str().unwrap_or_default())
        };
        let [value, previous] = [now, before].map(|events| events.iter().filter(has).count());
        same(&format!("value of {columns:?}"), &row["value"], value)?;
        same(&format!("previous of {columns:?}"), &row["previous"], previous)?;
        let change = value as f64 - previous as f64;
        same(&format!("change of {columns:?}"), &row["change"], change)?;
        let noise = change.abs() / ((value + previous) as f64).sqrt() < 3.0;
        same(
            &format!("noise of {columns:?}"),
            &row["noise"],
            if noise { Value::from(true) } else { Value::Null },
        )?;
        let whole = now.len() as f64 - before.len() as f64;
        same(&format!("contribution of {columns:?}"), &row["contribution_pct"], change * 100.0 / whole)?;
    }
    Ok(())
}
