//! Counts properties that hold texts which look like numbers, from the shapes of rows like property names.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use millimetric_core::query::{NumericTextsQuery, NumericTextsResponse, NumericTextsRow};

use crate::columns::Chunk;
use crate::columns::cache::CachedPart;
use crate::encoding::json_properties::Keys;
use crate::query::names::property_names::PropertyNames;
use crate::query::run;
use crate::query::select::select;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// Runs the query.
pub(crate) fn numeric_texts(
    view: &View,
    query: &NumericTextsQuery,
    context: &QueryContext,
) -> Result<NumericTextsResponse, StoreError> {
    let rows = view.chunks.iter().map(Chunk::rows).sum();
    let of_cores = run::each_of(&view.chunks, rows, context, Vec::new, |found, chunk| {
        found.push(of_chunk(view, chunk, context)?);
        Ok(())
    })?;
    let mut memory = context.memory();
    let (mut bytes, mut truncated) = (0, false);
    // By name and property: texts, and numbers.
    let mut counts: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for of_chunk in of_cores.into_iter().flatten() {
        context.check()?;
        for (event, properties) in of_chunk.by_event() {
            truncated |= properties.other > 0;
            for (key, count) in &properties.counts {
                let name = Keys::Numeric.name(key);
                bytes += event.len() + name.len() + size_of::<NumericTextsRow>();
                let (texts, numbers) = counts.entry((event.to_owned(), name.to_owned())).or_default();
                *(if key.starts_with(Keys::NUMERIC_TEXT) { texts } else { numbers }) += count;
            }
        }
        memory.grow_to(bytes)?;
    }
    let row =
        |((event_name, property), (texts, numbers))| NumericTextsRow { event_name, property, texts, numbers };
    let mut rows: Vec<NumericTextsRow> = counts.into_iter().map(row).filter(|row| row.texts > 0).collect();
    rows.sort_by_key(|row| Reverse(row.texts));
    truncated |= rows.len() > query.limit.get();
    rows.truncate(query.limit.get());
    Ok(NumericTextsResponse { rows, truncated })
}

/// The numbers and numeric texts of the rows of a chunk; cached if all of them are in the range.
fn of_chunk(view: &View, chunk: &Chunk, context: &QueryContext) -> Result<Arc<PropertyNames>, StoreError> {
    let columns = &view.columns;
    let selected = select(view, &run::Span { chunk, rows: 0..chunk.rows() }, &[])?;
    let Some(rows) = selected.map(|selection| selection.rows) else { return Ok(Arc::default()) };
    let count = || PropertyNames::count_keys(Keys::Numeric, columns, chunk, &rows, context);
    if rows.len() == chunk.rows() {
        columns.derived(chunk, CachedPart::NumericProperties, count)
    } else {
        count().map(Arc::new)
    }
}
