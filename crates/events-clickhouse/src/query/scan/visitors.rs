//! Reads the events of a query visitor by visitor, in bounded memory.

use std::pin::Pin;

use futures_util::StreamExt as _;
use futures_util::stream::Stream;
use millimetric_core::column::Column;
use millimetric_events::{QueryLimit, StoreError};

use super::row::StoredRow;
use super::visitor::Visitor;

/// Most events that are returned at once, if not all events of a visitor are needed at once.
const PART: usize = 1024;

/// What is returned at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Some events, in no order; all have the same number of a visitor.
    Events,
    /// Some events of one visitor.
    Parts,
    /// All events of one visitor, in order of time, then `event_id`.
    Visitors,
    /// The same, with their sessions.
    Sessions,
}

/// The visitors of a scan.
pub(crate) struct Visitors {
    rows: Pin<Box<dyn Stream<Item = Result<StoredRow, StoreError>> + Send>>,
    unit: Unit,
    /// Most bytes of the events of a visitor.
    max_bytes: usize,
    /// The first event of the next visitor.
    ahead: Option<StoredRow>,
    number: u64,
    id: Option<String>,
}

impl Visitors {
    /// `rows` are ordered by visitor, unless only events are returned.
    pub(super) fn new(
        rows: impl Stream<Item = Result<StoredRow, StoreError>> + Send + 'static,
        unit: Unit,
        max_bytes: usize,
    ) -> Self {
        Self { rows: Box::pin(rows), unit, max_bytes, ahead: None, number: 0, id: None }
    }

    /// The next visitor, or the next events; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Visitor>, StoreError> {
        let Some(first) = self.row().await? else { return Ok(None) };
        if self.number == 0 || !self.is_of_visitor(&first) {
            self.number += 1;
            self.id = first.text(Column::AnonymousId).map(str::to_owned);
        }
        let (mut bytes, mut events) = (first.bytes(), vec![first]);
        while matches!(self.unit, Unit::Visitors | Unit::Sessions) || events.len() < PART {
            let Some(row) = self.row().await? else { break };
            if !self.is_of_visitor(&row) {
                self.ahead = Some(row);
                break;
            }
            bytes += row.bytes();
            if bytes > self.max_bytes {
                return Err(StoreError::QueryTooLarge(QueryLimit::Memory));
            }
            events.push(row);
        }
        Ok(Some(match self.unit {
            Unit::Sessions => Visitor::with_sessions(self.number, events),
            Unit::Events | Unit::Parts | Unit::Visitors => Visitor::of_events(self.number, events),
        }))
    }

    fn is_of_visitor(&self, row: &StoredRow) -> bool {
        self.unit == Unit::Events || row.text(Column::AnonymousId) == self.id.as_deref()
    }

    async fn row(&mut self) -> Result<Option<StoredRow>, StoreError> {
        match self.ahead.take() {
            Some(row) => Ok(Some(row)),
            None => self.rows.next().await.transpose(),
        }
    }
}
