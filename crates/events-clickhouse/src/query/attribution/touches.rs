//! The touches of one event, with their weight under every model.

use millimetric_core::attribution::{Conversion, Touch, credits};
use millimetric_core::query::{
    Column, Dimension, Filter, SessionColumn, TouchRow, TouchesQuery, TouchesResponse,
};
use millimetric_events::StoreError;

use crate::query::before;
use crate::query::scan::needs::Needs;
use crate::query::scan::row::instant;
use crate::query::scan::visitor::Visitor;
use crate::query::scan::visitors::Unit;
use crate::query::scan::{Reader, Scan};

/// Runs the query.
pub(in crate::query) async fn touches_of(
    reader: &Reader<'_>,
    query: &TouchesQuery,
) -> Result<TouchesResponse, StoreError> {
    let is_it = [Filter::new(Column::EventId, query.event_id.as_str())];
    let by = SessionColumn::ALL.map(Dimension::Session);
    let needs = Needs::of([Column::EventId]).with_sessions().with_dimensions(&by);
    let range = before(query.range, query.lookback.millis());
    let scan = Scan { needs, range, filters: &is_it, unit: Unit::Sessions };
    let mut visitors = reader.visitors(&scan);
    while let Some(visitor) = visitors.next().await? {
        let found = visitor.events_in(query.range).find(|event| visitor.passes(*event, &is_it));
        if let Some(event) = found {
            return Ok(response(&visitor, event, query));
        }
    }
    Ok(TouchesResponse::default())
}

fn response(visitor: &Visitor, event: usize, query: &TouchesQuery) -> TouchesResponse {
    let lookback = query.lookback.millis();
    let (at, own) = (visitor.events[event].at, visitor.session_of(event));
    let conversion = Conversion { at, session: own, value: 0.0 };
    let credits = credits(&touches(visitor), &[conversion], lookback);
    let mut response = TouchesResponse::default();
    for (session, credit) in credits.into_iter().enumerate().filter(|(_, credit)| credit.touches > 0) {
        if session == own {
            response.session = response.touches.len();
        }
        let first = visitor.sessions[session].first;
        let text = |column| visitor.session_text(session, column).map(str::to_owned);
        let required = |column| text(column).unwrap_or_default();
        response.touches.push(TouchRow {
            at: instant(visitor.events[first].at),
            first_event_id: visitor.events[first].required(Column::EventId).to_owned(),
            source: required(SessionColumn::Source),
            medium: required(SessionColumn::Medium),
            campaign: text(SessionColumn::Campaign),
            confidence: required(SessionColumn::Confidence),
            rule_id: required(SessionColumn::RuleId),
            weights: credit.conversions,
        });
    }
    response
}

/// The sessions of a visitor as touches.
fn touches(visitor: &Visitor) -> Vec<Touch> {
    let is_direct = |session| visitor.session_text(session, SessionColumn::Source) == Some("direct");
    let sessions = visitor.sessions.iter().enumerate();
    sessions.map(|(index, session)| Touch { at: session.first_at, direct: is_direct(index) }).collect()
}
