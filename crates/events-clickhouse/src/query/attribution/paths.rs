//! The most frequent sequences of touches before conversions.

use std::borrow::Cow;
use std::cmp::Reverse;

use millimetric_core::attribution::windows;
use millimetric_core::query::{PathsQuery, PathsResponse, PathsRow, SessionColumn};
use millimetric_events::StoreError;

use super::conversions::{Converted, Converting};
use crate::query::count::groups::{Group, Groups, Texts};
use crate::query::count::numbers::median;
use crate::query::scan::Reader;

/// The conversions after one sequence.
#[derive(Debug, Clone, Default)]
struct Counts {
    value: f64,
    /// Milliseconds from the first touch to each conversion.
    durations: Vec<i64>,
}

/// Runs the query.
pub(in crate::query) async fn paths(
    reader: &Reader<'_>,
    query: &PathsQuery,
) -> Result<PathsResponse, StoreError> {
    let medium = [SessionColumn::Medium];
    let converting = Converting::new(reader, &query.conversions, query.range, medium).await?;
    let mut groups = Groups::new(reader.max_bytes());
    converting.each(reader, |visitor| add(visitor, query, &mut groups)).await?;
    let mut rows: Vec<PathsRow> = groups.sorted().into_iter().map(row).collect();
    rows.sort_by(|a, b| {
        let key = |row: &PathsRow| Reverse(row.conversions);
        (key(a), &a.path, a.cut, &a.currency).cmp(&(key(b), &b.path, b.cut, &b.currency))
    });
    let truncated = rows.len() > query.limit.get();
    rows.truncate(query.limit.get());
    Ok(PathsResponse { rows, truncated, other: 0 })
}

/// Adds the conversions of a visitor. The texts of a group are those of the touches, then the currency; its bucket
/// says whether touches are left out.
fn add(visitor: &Converted, query: &PathsQuery, groups: &mut Groups<Counts>) -> Result<(), StoreError> {
    let touches = &visitor.touches;
    for (currency, conversions) in &visitor.conversions {
        let windows = windows(touches, conversions, query.conversions.lookback.millis());
        for (conversion, window) in conversions.iter().zip(windows) {
            let mut path: Vec<usize> = window.touches().rev().take(PathsQuery::MAX_TOUCHES).collect();
            path.reverse();
            let Some(first) = window.touches().next() else { continue };
            let is_cut = path.first() != Some(&first);
            // Its source and medium.
            let of_touch = |touch: usize| visitor.texts[touch].iter().map(Option::as_deref);
            let names = path.into_iter().flat_map(of_touch);
            let names = names.map(|name| Some(Cow::Borrowed(name.unwrap_or_default())));
            let texts: Vec<_> = names.chain([currency.map(Cow::Borrowed)]).collect();
            let counts = groups.of(Some(i64::from(is_cut)), &texts, Counts::default)?;
            counts.value += conversion.value;
            counts.durations.push(conversion.at - touches[first].at);
            // A vector has up to twice the capacity that it uses.
            groups.reserve(2 * size_of::<i64>())?;
        }
    }
    Ok(())
}

fn row((group, counts): (Group, Counts)) -> PathsRow {
    let mut texts: Texts = group.texts;
    let currency = texts.pop().flatten();
    let mut names = texts.into_iter().map(Option::unwrap_or_default);
    let mut path = Vec::new();
    while let (Some(source), Some(medium)) = (names.next(), names.next()) {
        path.push((source, medium));
    }
    PathsRow {
        path,
        cut: group.bucket == Some(1),
        currency,
        conversions: counts.durations.len() as u64,
        value: counts.value,
        median_millis: median(counts.durations).unwrap_or_default(),
    }
}
