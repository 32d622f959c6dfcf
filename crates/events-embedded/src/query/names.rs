//! `GET /v1/events`: event names, their counts, times and properties. Sorts what `groups` and
//! `property_names` have counted in the range, and adds when each name was `seen` at all.

pub(crate) mod numeric_texts;
pub(crate) mod property_names;
mod seen;

use std::cmp::Reverse;
use std::sync::Arc;

use hashbrown::HashMap;
use millimetric_core::query::{Filter, NamesQuery, NamesResponse, NamesRow, PropertySeen};

use crate::columns::Chunk;
use crate::columns::cache::CachedPart;
use crate::columns::group_column::GroupColumn;
use crate::encoding::row::instant;
use crate::query::groups;
use crate::query::groups::{Counting, NO_SPAN};
use crate::query::names::property_names::{Properties, PropertyNames};
use crate::query::run;
use crate::query::select::select;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_core::column::Column;
use millimetric_core::session;
use millimetric_events::StoreError;

/// Runs the query over a view of all that is stored.
pub(crate) fn names(
    all: &View,
    query: &NamesQuery,
    context: &QueryContext,
) -> Result<NamesResponse, StoreError> {
    let (from, to) = (query.range.from().millis(), query.range.to().millis());
    let lookback = all.sessions.as_ref().map_or(0, |_| session::LOOKBACK);
    let view = &all.part(from, to, lookback, context).with_own_sessions(context)?;
    let by = vec![GroupColumn::Column(Column::EventName)];
    let filters = &query.filters;
    // An event may pass by its session in the range and not by its session of all events.
    let spans = all.sessions.is_some();
    let counting = Counting { filters, by, uniques: true, spans, ..Counting::default() };
    let counted = groups::count(view, &counting, context)?;
    let name = |group: usize| counted.groups.text(group, 0).unwrap_or_default();
    let mut order: Vec<usize> = counted.groups.apart().collect();
    order.sort_unstable_by_key(|group| (Reverse(counted.events[*group]), name(*group)));
    let other = counted.other();
    let truncated = order.len() > query.limit.get() || other > 0;
    order.truncate(query.limit.get());
    let mut properties = order.iter().map(|group| (name(*group), Properties::default())).collect();
    count_properties(view, filters, &mut properties, context)?;
    let listed: Vec<&str> = order.iter().map(|group| name(*group)).collect();
    let spans = order.iter().map(|group| counted.spans.get(*group).copied().unwrap_or(NO_SPAN)).collect();
    let spans = seen::widen(all, filters, &listed, spans, context)?;
    let row = |(group, (first, last)): (usize, (i64, i64))| {
        let (properties, other_properties) = ranked(properties.remove(name(group)).unwrap_or_default());
        NamesRow {
            event_name: name(group).to_owned(),
            count: counted.events[group],
            uniques: counted.uniques[group],
            first_seen: instant(first),
            last_seen: instant(last),
            properties,
            other_properties,
        }
    };
    let rows = order.iter().copied().zip(spans).map(row).collect();
    Ok(NamesResponse { rows, truncated, other, approximate: counted.approximate })
}

/// Counts the properties of these event names in the view's rows that pass the filters.
fn count_properties(
    view: &View,
    filters: &[Filter],
    by_event: &mut HashMap<&str, Properties>,
    context: &QueryContext,
) -> Result<(), StoreError> {
    let rows = view.chunks.iter().map(Chunk::rows).sum();
    let of_cores = run::each_of(&view.chunks, rows, context, Vec::new, |found, chunk| {
        found.push(of_chunk(view, chunk, filters, context)?);
        Ok(())
    })?;
    let mut memory = context.memory();
    let mut bytes = 0;
    for of_chunk in of_cores.into_iter().flatten() {
        context.check()?;
        for (event, theirs) in of_chunk.by_event() {
            let Some(mine) = by_event.get_mut(event) else { continue };
            mine.other += theirs.other;
            for (name, count) in &theirs.counts {
                if let Some(known) = mine.counts.get_mut(name) {
                    *known += count;
                } else {
                    bytes += name.len() + size_of::<(String, u64)>();
                    mine.counts.insert(name.clone(), *count);
                }
            }
        }
        memory.grow_to(bytes)?;
    }
    Ok(())
}

/// The property names of the selected rows of a chunk; cached if all rows are selected.
fn of_chunk(
    view: &View,
    chunk: &Chunk,
    filters: &[Filter],
    context: &QueryContext,
) -> Result<Arc<PropertyNames>, StoreError> {
    let columns = &view.columns;
    let selected = select(view, &run::Span { chunk, rows: 0..chunk.rows() }, filters)?;
    match selected.map(|selection| selection.rows) {
        None => Ok(Arc::default()),
        Some(rows) if rows.len() == chunk.rows() => columns.derived(chunk, CachedPart::PropertyNames, || {
            PropertyNames::count(columns, chunk, &rows, context)
        }),
        Some(rows) => PropertyNames::count(columns, chunk, &rows, context).map(Arc::new),
    }
}

/// Returns the most frequent properties, and how often all others occur.
fn ranked(properties: Properties) -> (Vec<PropertySeen>, u64) {
    let Properties { counts, mut other } = properties;
    let mut seen: Vec<_> = counts.into_iter().map(|(name, count)| PropertySeen { name, count }).collect();
    seen.sort_unstable_by(|a, b| (Reverse(a.count), &a.name).cmp(&(Reverse(b.count), &b.name)));
    let cut = seen.split_off(seen.len().min(NamesRow::MAX_PROPERTIES));
    other += cut.iter().map(|property| property.count).sum::<u64>();
    (seen, other)
}
