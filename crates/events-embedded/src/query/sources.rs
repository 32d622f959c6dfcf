//! `GET /v1/sources`: events and visitors by source and medium, and the share of paid events. Sorts what
//! `groups` has counted.

use std::collections::BTreeMap;

use millimetric_core::query::{SourcesQuery, SourcesResponse, SourcesRow};

use crate::columns::group_column::GroupColumn;
use crate::query::groups;
use crate::query::groups::Counting;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

const PAID: &str = "paid";

/// Rows, the number of events that are in none of them, and whether visitors are estimated.
type Rows = (Vec<SourcesRow>, u64, bool);

/// Runs the query.
pub(crate) fn sources(
    view: &View,
    query: &SourcesQuery,
    context: &QueryContext,
) -> Result<SourcesResponse, StoreError> {
    let (mut rows, other, approximate) =
        if query.by_medium { by_medium(view, query, context)? } else { by_source(view, query, context)? };
    let index = |row: &SourcesRow| (std::cmp::Reverse(row.events), row.source.clone(), row.medium.clone());
    rows.sort_by_cached_key(index);
    let truncated = rows.len() > query.limit.get() || other > 0;
    rows.truncate(query.limit.get());
    Ok(SourcesResponse { rows, truncated, other, approximate })
}

fn by_medium(view: &View, query: &SourcesQuery, context: &QueryContext) -> Result<Rows, StoreError> {
    let selected = query.events.and(&query.filters);
    let counting =
        Counting { filters: &selected, by: by(query).to_vec(), uniques: true, ..Counting::default() };
    let counted = groups::count(view, &counting, context)?;
    let row = |group: usize| {
        let text = |dimension| counted.groups.text(group, dimension).unwrap_or_default().to_owned();
        let medium = text(1);
        SourcesRow {
            source: text(0),
            events: counted.events[group],
            uniques: counted.uniques[group],
            paid_share: if medium == PAID { 1.0 } else { 0.0 },
            medium: Some(medium),
        }
    };
    Ok((counted.groups.apart().map(row).collect(), counted.other(), counted.approximate))
}

fn by_source(view: &View, query: &SourcesQuery, context: &QueryContext) -> Result<Rows, StoreError> {
    let [source, medium] = by(query);
    let selected = query.events.and(&query.filters);
    let counting = Counting { filters: &selected, by: vec![source.clone()], ..Counting::default() };
    let whole = groups::count(view, &Counting { uniques: true, ..counting.clone() }, context)?;
    let by_medium = groups::count(view, &Counting { by: vec![source, medium], ..counting }, context)?;
    let mut paid: BTreeMap<&str, u64> = BTreeMap::new();
    for group in by_medium.groups.apart().filter(|group| by_medium.groups.text(*group, 1) == Some(PAID)) {
        *paid.entry(by_medium.groups.text(group, 0).unwrap_or_default()).or_default() +=
            by_medium.events[group];
    }
    let row = |group: usize| {
        let source = whole.groups.text(group, 0).unwrap_or_default();
        SourcesRow {
            source: source.to_owned(),
            medium: None,
            events: whole.events[group],
            uniques: whole.uniques[group],
            paid_share: paid.get(source).copied().unwrap_or_default() as f64 / whole.events[group] as f64,
        }
    };
    Ok((whole.groups.apart().map(row).collect(), whole.other(), whole.approximate))
}

/// The columns of source and medium.
fn by(query: &SourcesQuery) -> [GroupColumn; 2] {
    query.attribution.columns().map(|column| GroupColumn::from(&column))
}
