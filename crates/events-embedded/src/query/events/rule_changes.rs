//! What rules would change of stored events.
//!
//! Classifies every event of the range; nothing is written and nothing is cached.

use millimetric_core::query::{RuleChangeCounter, RuleChanges, RuleChangesQuery};
use millimetric_events::StoreError;

use crate::columns::Chunk;
use crate::columns::reclassified::{Reclassified, Samples};
use crate::query::run;
use crate::query::select::select;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;

/// Runs the query.
pub(crate) fn rule_changes(
    view: &View,
    query: &RuleChangesQuery,
    context: &QueryContext,
) -> Result<RuleChanges, StoreError> {
    let rows = view.chunks.iter().map(Chunk::rows).sum();
    let of_cores =
        run::each_of(&view.chunks, rows, context, RuleChangeCounter::default, |counter, chunk| {
            let Some(selection) = select(view, &run::Span { chunk, rows: 0..chunk.rows() }, &[])? else {
                return Ok(());
            };
            let mut memory = context.memory();
            let mut check = |bytes| {
                memory.grow_to(bytes)?;
                context.check()
            };
            let found = Reclassified::of(&view.columns, chunk, selection.rows, &query.rules, &mut check)?;
            let samples = Samples::of(&view.columns, chunk)?;
            found.count(Some(&samples), counter).map(|_| ())
        })?;
    let mut whole = RuleChangeCounter::default();
    for counter in of_cores {
        whole.add_all(counter.finish());
    }
    Ok(whole.finish())
}
