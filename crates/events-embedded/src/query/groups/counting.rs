//! What is counted: which rows, by which groups, and what of them.

use std::ops::Range;
use std::sync::Arc;

use millimetric_core::query::{Aggregate, Column, Filter, Skipped, StatsBuckets};

use crate::columns::Chunk;
use crate::columns::group_column::{GroupColumn, SummaryKey};
use crate::columns::rows::Rows;
use crate::encoding::json_properties::is_missing;
use crate::encoding::text::TextColumn;
use crate::query::groups::local_groups::LocalGroups;
use crate::query::groups::series::ChosenGroups;
use crate::query::run::Span;
use crate::query::select::{Selection, select};
use crate::query::view::View;
use millimetric_events::StoreError;

/// What to count: events, and optionally visitors; also either time spans or an aggregate.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counting<'a> {
    pub(crate) filters: &'a [Filter],
    /// The columns to group by; at most five.
    pub(crate) by: Vec<GroupColumn>,
    pub(crate) buckets: Option<StatsBuckets>,
    /// If set, all other groups are counted together.
    pub(crate) only: Option<Arc<ChosenGroups>>,
    /// If set, only this part of the view's time range is counted.
    pub(crate) within: Option<Range<i64>>,
    pub(crate) uniques: bool,
    /// Whether to find the earliest and latest event of each group.
    pub(crate) spans: bool,
    /// The numbers to aggregate.
    pub(crate) numbers: Option<NumbersOf>,
}

/// The numbers of a property.
#[derive(Debug, Clone)]
pub(crate) struct NumbersOf {
    pub(crate) property: Arc<str>,
    pub(crate) aggregate: Aggregate,
    /// Whether events without a number are not counted.
    pub(crate) alone: bool,
}

impl Counting<'_> {
    /// The key of the summaries that this count can use. `None` unless it counts all events, or those of one
    /// name, without buckets, time spans and aggregates.
    pub(super) fn summary_key(&self, view: &View) -> Option<SummaryKey> {
        let event = match self.filters {
            [] => None,
            [only] if only.is_on(Column::EventName) => Some(only.value()?.to_owned()),
            _ => return None,
        };
        let plain = self.buckets.is_none()
            && self.only.is_none()
            && self.within.is_none()
            && !self.spans
            && self.numbers.is_none();
        let visitors = self.uniques.then_some(view.visitors.generation);
        plain.then(|| SummaryKey { by: self.by.clone(), event, visitors })
    }

    /// The rows of a span that are counted, and the selected ones that have no number. `None` if no row is
    /// selected.
    pub(super) fn select(
        &self,
        view: &View,
        span: &Span<'_>,
    ) -> Result<Option<(Selection, Skipped)>, StoreError> {
        if self.within.as_ref().is_some_and(|within| is_outside(span.chunk, within)) {
            return Ok(None);
        }
        let Some(mut selection) = select(view, span, self.filters)? else { return Ok(None) };
        if let Some(within) = &self.within {
            selection = selection.within(within);
        }
        let Some(numbers) = &self.numbers else { return Ok(Some((selection, Skipped::default()))) };
        let values = view.columns.numbers(span.chunk, &numbers.property)?;
        let skipped = skipped(&selection.rows, &values);
        if numbers.alone {
            selection.rows = selection.rows.retain(|row| !values[row].is_nan());
        }
        Ok(Some((selection, skipped)))
    }

    /// Divides the rows by the columns, and returns the number of events of each local group.
    pub(super) fn divide(
        &self,
        local: &mut LocalGroups,
        selection: &Selection,
        texts: &[Arc<TextColumn>],
    ) -> Vec<u32> {
        let only_events = !self.uniques && !self.spans && self.numbers.is_none();
        let (last, others) = match texts.split_last() {
            Some((last, others)) if only_events => (Some(last), others),
            _ => (None, texts),
        };
        for column in others {
            local.divide(selection, column);
        }
        let counts = last.and_then(|column| {
            let counts = local.divide_and_count(selection, column);
            if counts.is_none() {
                local.divide(selection, column);
            }
            counts
        });
        counts.unwrap_or_else(|| local.counts(selection))
    }
}

fn is_outside(chunk: &Chunk, range: &Range<i64>) -> bool {
    chunk.latest() < range.start || chunk.earliest() >= range.end
}

/// The rows whose number is a NaN, by the reason.
fn skipped(rows: &Rows, numbers: &[f64]) -> Skipped {
    let mut skipped = Skipped::default();
    rows.each(|row| {
        if numbers[row].is_nan() {
            let missing = is_missing(numbers[row]);
            skipped.missing += u64::from(missing);
            skipped.not_numeric += u64::from(!missing);
        }
    });
    skipped
}
