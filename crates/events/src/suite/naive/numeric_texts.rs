//! The reference implementation of properties that hold texts which look like numbers.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use millimetric_core::event::Event;
use millimetric_core::query::{NumericTextsQuery, NumericTextsResponse, NumericTextsRow};
use regex::Regex;
use serde_json::Value;

use super::{chosen, properties};

pub(super) fn numeric_texts(events: &[Event], query: &NumericTextsQuery) -> NumericTextsResponse {
    let number = Regex::new(millimetric_core::quality::NUMERIC_TEXT).expect("a regular expression");
    let mut counts: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for event in chosen(events, query.range, &[]) {
        for (name, value) in properties(&event) {
            let (texts, numbers) = counts.entry((event.event_name.clone(), name)).or_default();
            match value {
                Value::Number(_) => *numbers += 1,
                Value::String(text) if number.is_match(&text) => *texts += 1,
                _ => {}
            }
        }
    }
    let mut rows: Vec<NumericTextsRow> = counts
        .into_iter()
        .filter(|(_, (texts, _))| *texts > 0)
        .map(|((event_name, property), (texts, numbers))| NumericTextsRow {
            event_name,
            property,
            texts,
            numbers,
        })
        .collect();
    rows.sort_by_key(|row| Reverse(row.texts));
    let truncated = rows.len() > query.limit.get();
    rows.truncate(query.limit.get());
    NumericTextsResponse { rows, truncated }
}
