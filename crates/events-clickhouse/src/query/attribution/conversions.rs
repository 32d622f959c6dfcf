//! The conversions of a visitor, and the sessions that can be their touches.

use std::collections::BTreeMap;

use millimetric_core::attribution::{Conversion, Touch};
use millimetric_core::query::{Column, Conversions, Dimension, Filter, SessionColumn};
use millimetric_core::time::TimeRange;

use crate::query::before;
use crate::query::scan::Scan;
use crate::query::scan::needs::Needs;
use crate::query::scan::visitor::Visitor;
use crate::query::scan::visitors::Unit;

/// Finds conversions.
pub(super) struct Converting<'a> {
    conversions: &'a Conversions,
    range: TimeRange,
    /// What an event must pass to be a conversion.
    filters: Vec<Filter>,
}

impl<'a> Converting<'a> {
    /// The conversions of a range.
    pub(super) fn new(conversions: &'a Conversions, range: TimeRange) -> Self {
        Self { conversions, range, filters: conversions.events.and(&conversions.filters) }
    }

    /// Reads what touches can begin in. `by` are the columns that are read of touches.
    pub(super) fn scan(&self, by: &[Dimension]) -> Scan<'_> {
        let value = self.conversions.value.iter().map(|_| Column::Properties);
        let needs = Needs::of(value).with_sessions().with_filters(&self.filters);
        let needs = needs.with_dimensions(by);
        let range = before(self.range, self.conversions.lookback.millis());
        Scan { needs, range, filters: &self.filters, unit: Unit::Sessions }
    }

    /// The conversions of a visitor in order of time, by currency.
    pub(super) fn by_currency(&self, visitor: &Visitor) -> BTreeMap<Option<&'static str>, Vec<Conversion>> {
        let converts = |event: &usize| visitor.passes(*event, &self.filters);
        let most = if self.conversions.once { 1 } else { usize::MAX };
        let mut found: BTreeMap<Option<&'static str>, Vec<Conversion>> = BTreeMap::new();
        for event in visitor.events_in(self.range).filter(converts).take(most) {
            let (value, currency) = match &self.conversions.value {
                Some(of) => {
                    let value = visitor.number(event, &of.property).unwrap_or_default();
                    (value, visitor.currency(event, of.currency))
                }
                None => (0.0, None),
            };
            let (at, session) = (visitor.events[event].at, visitor.session_of(event));
            found.entry(currency).or_default().push(Conversion { at, session, value });
        }
        found
    }
}

/// The sessions of a visitor as touches.
pub(super) fn touches(visitor: &Visitor) -> Vec<Touch> {
    let is_direct = |session| visitor.session_text(session, SessionColumn::Source) == Some("direct");
    let sessions = visitor.sessions.iter().enumerate();
    sessions.map(|(index, session)| Touch { at: session.first_at, direct: is_direct(index) }).collect()
}
