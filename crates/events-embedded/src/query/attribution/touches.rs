//! The touches of one event, with their weight under every model.

use millimetric_core::attribution::{Conversion, Model, Touch, credits};
use millimetric_core::column::SessionColumn;
use millimetric_core::query::{TouchRow, TouchesQuery, TouchesResponse};
use millimetric_events::StoreError;

use super::journeys::DirectRows;
use crate::columns::group_column::GroupColumn;
use crate::encoding::row::instant;
use crate::query::events::find;
use crate::query::sessions;
use crate::query::sessions::order::{event_ids, sort_by_event};
use crate::query::sessions::{RowRef, Session};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;

/// Runs the query.
pub(crate) fn touches(
    view: &View,
    query: &TouchesQuery,
    context: &QueryContext,
) -> Result<TouchesResponse, StoreError> {
    let of_view = view.sessions()?;
    let Some((chunk, row)) = find::row(view, &query.event_id, context)? else {
        return Ok(TouchesResponse::default());
    };
    let at = view.columns.times(&view.chunks[chunk])?.at(row);
    let chunk = of_view.index(&view.chunks[chunk])?;
    let Some((key, visitor)) = of_view.session(chunk, row as u32) else {
        return Ok(TouchesResponse::default());
    };
    let from = at - query.lookback.millis();
    let of_cores = sessions::each(view, context, Vec::new, |found: &mut Vec<Session>, session| {
        let is_touch = (from..=at).contains(&session.first_at) || session.key == key;
        if session.visitor == visitor && is_touch {
            found.push(*session);
        }
        Ok(())
    })?;
    let mut found: Vec<Session> = of_cores.concat();
    sort_by_event(view, &of_view.chunks, &mut found, |session| {
        (session.visitor, session.first_at, session.first)
    })?;
    let direct = DirectRows::of(view)?;
    let touches: Vec<Touch> = found
        .iter()
        .map(|session| Touch { at: session.first_at, direct: direct.has(session.first) })
        .collect();
    let session = found.iter().position(|session| session.key == key).unwrap_or_default();
    let conversion = Conversion { at, session, value: 0.0 };
    let credits = credits(&touches, &[conversion], query.lookback.millis());
    let rows = found.iter().zip(credits).map(|(session, credit)| row_of(view, session, credit.conversions));
    Ok(TouchesResponse { touches: rows.collect::<Result<_, _>>()?, session })
}

fn row_of(view: &View, session: &Session, weights: [f64; Model::ALL.len()]) -> Result<TouchRow, StoreError> {
    let RowRef { chunk, row } = session.first;
    let chunk = &view.sessions()?.chunks[chunk as usize].chunk;
    let text = |column: SessionColumn| -> Result<Option<String>, StoreError> {
        let column = view.column(chunk, &GroupColumn::Session(column))?;
        Ok(column.value(row as usize).map(str::to_owned))
    };
    let required = |column| Ok::<_, StoreError>(text(column)?.unwrap_or_default());
    Ok(TouchRow {
        at: instant(session.first_at),
        first_event_id: event_ids(view, chunk, &[row])?.pop().unwrap_or_default(),
        source: required(SessionColumn::Source)?,
        medium: required(SessionColumn::Medium)?,
        campaign: text(SessionColumn::Campaign)?,
        confidence: required(SessionColumn::Confidence)?,
        rule_id: required(SessionColumn::RuleId)?,
        weights,
    })
}
