//! Sessions by filters and groups that SQL decides.

use std::borrow::Cow;

use millimetric_core::query::SessionsQuery;
use millimetric_core::session;
use millimetric_events::StoreError;
use serde_json::Value;

use super::Counts;
use crate::query::count::calendar;
use crate::query::count::groups::{Group, Groups};
use crate::query::scan::in_sessions::{self, InSessions};
use crate::query::scan::values::{integer, number, text};
use crate::query::scan::{Reader, pushdown};

/// Counts the sessions; `None` if SQL cannot.
pub(super) async fn count(
    reader: &Reader<'_>,
    query: &SessionsQuery,
) -> Result<Option<Vec<(Group, Counts)>>, StoreError> {
    let Some(columns) = InSessions::of(&query.filters, &query.group_by) else { return Ok(None) };
    let starts = query.buckets.map(|buckets| calendar::starts(buckets, query.range, calendar::MOST_IN_SQL));
    let (Some(starts), true) =
        (starts.unwrap_or(Some(Vec::new())), pushdown::decides_in_sessions(&query.filters))
    else {
        return Ok(None);
    };
    let mut conditions = reader.of_visitors(query.range, &query.filters, session::LOOKBACK);
    let relation = columns.entries(&mut conditions);
    let from = conditions.bind("Int64", query.range.from().millis().to_string());
    conditions.and(format!("begins >= {from}"));
    let passes = pushdown::all_of(&query.filters, &mut conditions);
    conditions.and(passes);
    let bucket = match query.buckets {
        Some(_) => calendar::start_of("begins", &starts, &mut conditions),
        None => "toInt64(0)".to_owned(),
    };
    let by = query.group_by.iter().filter_map(in_sessions::name);
    let texts: Vec<String> = by.enumerate().map(|(n, name)| format!(", {name} AS g{n}")).collect();
    let names: Vec<String> = (0..texts.len()).map(|n| format!(", g{n}")).collect();
    let counted = "count(), sum(bounce), sum(view_count), quantileExactInclusive(0.5)(duration)";
    let statement = conditions.select_from(
        &format!("({relation})"),
        &format!("{bucket} AS bucket{}, {counted}", texts.concat()),
        &format!("GROUP BY bucket{}", names.concat()),
    );
    let mut groups = Groups::new(reader.max_bytes());
    for row in reader.rows(&statement).await? {
        let bucket = query.buckets.map(|_| integer(&row, 0)).transpose()?;
        let keys: Vec<_> = (1..=names.len()).map(|column| text(&row, column).map(Cow::Borrowed)).collect();
        *groups.of(bucket, &keys, Counts::default)? = counts(&row, names.len() + 1)?;
    }
    Ok(Some(groups.sorted()))
}

fn counts(row: &[Value], first: usize) -> Result<Counts, StoreError> {
    Ok(Counts {
        sessions: number(row, first)?,
        bounces: number(row, first + 1)?,
        views: number(row, first + 2)?,
        median_millis: row.get(first + 3).and_then(Value::as_f64),
    })
}
