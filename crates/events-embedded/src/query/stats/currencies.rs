//! Whether amounts have currencies, so that they must not be put together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use millimetric_core::query::{Filter, PropertyName, currency};

use crate::columns::group_column::GroupColumn;
use crate::query::run;
use crate::query::select::select;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// Whether a selected event that carries the property as a number has a currency that is known. Ends at the
/// first one.
pub(super) fn is_one_known(
    view: &View,
    selected: &[Filter],
    property: &PropertyName,
    context: &QueryContext,
) -> Result<bool, StoreError> {
    let (property, currencies) = (Arc::from(property.as_str()), Arc::from(currency::PROPERTY));
    let found = AtomicBool::new(false);
    run::each_span(
        view,
        context,
        || (),
        |(), span| {
            if found.load(Ordering::Relaxed) {
                return Ok(());
            }
            let texts = view.columns.property(span.chunk, &currencies)?;
            if !texts.dictionary.texts().any(|text| currency::code(text).is_some()) {
                return Ok(());
            }
            let Some(selection) = select(view, span, selected)? else { return Ok(()) };
            let numbers = view.columns.numbers(span.chunk, &property)?;
            let codes = view.column(span.chunk, &GroupColumn::Currency(None))?;
            let rows = &selection.rows;
            let is_money = |row: usize| !numbers[row].is_nan() && codes.value(row).is_some();
            if (0..rows.len()).any(|index| is_money(rows.at(index))) {
                found.store(true, Ordering::Relaxed);
            }
            Ok(())
        },
    )?;
    Ok(found.into_inner())
}
