//! Names and properties by filters that SQL decides.

use std::collections::HashMap;

use millimetric_core::query::{NamesQuery, NamesRow};
use millimetric_core::time::TimeRange;
use millimetric_events::StoreError;
use serde_json::Value;

use super::{CountedName, Seen, ever};
use crate::query::scan::values::{integer, number, text};
use crate::query::scan::{Reader, pushdown};

/// The distinct names of an event's properties.
const PROPERTIES: &str = "arrayDistinct(JSONExtractKeys(properties))";

/// The names of the range, and those with events whose properties SQL cannot read, because a number in them is too
/// large.
pub(super) async fn names(
    reader: &Reader<'_>,
    query: &NamesQuery,
) -> Result<(Vec<CountedName>, Vec<String>), StoreError> {
    let mut properties = properties(reader, query).await?;
    let columns = format!(
        "event_name AS g0, count() AS events, uniqExact(anonymous_id), \
         min(toUnixTimestamp64Milli(timestamp)), max(toUnixTimestamp64Milli(timestamp)), \
         sum(length({PROPERTIES})), countIf(properties != '{{}}' AND empty({PROPERTIES}))"
    );
    let rest = format!("GROUP BY g0 ORDER BY events DESC, g0 LIMIT {}", query.limit.get() + 1);
    let (mut names, mut unread) = (Vec::new(), Vec::new());
    for row in rows(reader, query, query.range, &columns, &rest).await? {
        let name = text(&row, 0).unwrap_or_default().to_owned();
        let properties = properties.remove(&name).unwrap_or_default();
        let shown: u64 = properties.iter().map(|(_, count)| count).sum();
        if number(&row, 6)? > 0 {
            unread.push(name.clone());
        }
        names.push(CountedName {
            name,
            count: number(&row, 1)?,
            uniques: number(&row, 2)?,
            first: integer(&row, 3)?,
            last: integer(&row, 4)?,
            properties,
            other_properties: number(&row, 5)?.saturating_sub(shown),
        });
    }
    Ok((names, unread))
}

/// The most frequent properties of each name.
async fn properties(
    reader: &Reader<'_>,
    query: &NamesQuery,
) -> Result<HashMap<String, Vec<(String, u64)>>, StoreError> {
    let columns = format!("event_name AS g0, arrayJoin({PROPERTIES}) AS g1, count() AS events");
    // Longer names are not those of properties that can be asked for.
    let rest = format!(
        "GROUP BY g0, g1 HAVING length(g1) BETWEEN 1 AND 128 ORDER BY g0, events DESC, g1 LIMIT {} BY g0",
        NamesRow::MAX_PROPERTIES
    );
    let mut properties: HashMap<String, Vec<(String, u64)>> = HashMap::new();
    let mut bytes = 0;
    for row in rows(reader, query, query.range, &columns, &rest).await? {
        let [event, property] = [0, 1].map(|column| text(&row, column).unwrap_or_default().to_owned());
        bytes += event.len() + property.len() + size_of::<(String, u64)>();
        reader.check(bytes)?;
        properties.entry(event).or_default().push((property, number(&row, 2)?));
    }
    Ok(properties)
}

/// When the events of each name were first and last seen, in the range or not.
pub(super) async fn seen(reader: &Reader<'_>, query: &NamesQuery) -> Result<Seen, StoreError> {
    let columns = "event_name AS g0, min(toUnixTimestamp64Milli(timestamp)), \
                   max(toUnixTimestamp64Milli(timestamp))";
    let seen = |row: Vec<Value>| {
        Ok((text(&row, 0).unwrap_or_default().to_owned(), (integer(&row, 1)?, integer(&row, 2)?)))
    };
    rows(reader, query, ever(), columns, "GROUP BY g0").await?.into_iter().map(seen).collect()
}

async fn rows(
    reader: &Reader<'_>,
    query: &NamesQuery,
    range: TimeRange,
    columns: &str,
    rest: &str,
) -> Result<Vec<Vec<Value>>, StoreError> {
    let mut conditions = reader.conditions(range);
    let filters = pushdown::all_of(&query.filters, &mut conditions);
    conditions.and(filters);
    reader.rows(&conditions.select(columns, rest)).await
}
