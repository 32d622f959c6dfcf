//! Properties that hold texts which look like numbers.

use std::borrow::Cow;
use std::cmp::Reverse;

use millimetric_core::quality::is_numeric_text;
use millimetric_core::query::{Column, NumericTextsQuery, NumericTextsResponse, NumericTextsRow};
use millimetric_events::StoreError;

use super::count::groups::{Group, Groups};
use super::scan::needs::Needs;
use super::scan::visitors::Unit;
use super::scan::{Reader, Scan, properties};

/// In how many events a property is a text that looks like a number, and in how many it is a number.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    texts: u64,
    numbers: u64,
}

/// Runs the query.
pub(super) async fn numeric_texts(
    reader: &Reader<'_>,
    query: &NumericTextsQuery,
) -> Result<NumericTextsResponse, StoreError> {
    let needs = Needs::of([Column::EventName, Column::Properties]);
    let scan = Scan { needs, range: query.range, filters: &[], unit: Unit::Events };
    let mut visitors = reader.visitors(&scan);
    let mut groups: Groups<Counts> = Groups::new(reader.max_bytes());
    while let Some(visitor) = visitors.next().await? {
        for row in &visitor.events {
            let name = row.required(Column::EventName);
            for (property, value) in properties::members(row.required(Column::Properties)) {
                let is_text = value.get().starts_with('"')
                    && properties::text(value).is_some_and(|text| is_numeric_text(&text));
                let is_number = properties::number(value).is_ok();
                if is_text || is_number {
                    let texts = [Some(Cow::Borrowed(name)), Some(Cow::Owned(property))];
                    let counts = groups.of(None, &texts, Counts::default)?;
                    counts.texts += u64::from(is_text);
                    counts.numbers += u64::from(is_number);
                }
            }
        }
    }
    let row = |(group, Counts { texts, numbers }): (Group, Counts)| {
        let mut of = group.texts.into_iter().map(Option::unwrap_or_default);
        let (event_name, property) = (of.next().unwrap_or_default(), of.next().unwrap_or_default());
        NumericTextsRow { event_name, property, texts, numbers }
    };
    let mut rows: Vec<NumericTextsRow> =
        groups.sorted().into_iter().map(row).filter(|row| row.texts > 0).collect();
    rows.sort_by_key(|row| Reverse(row.texts));
    let truncated = rows.len() > query.limit.get();
    rows.truncate(query.limit.get());
    Ok(NumericTextsResponse { rows, truncated })
}
