//! Export: every event that passes the filters, in batches, in no order.

use futures_util::StreamExt as _;
use futures_util::stream;
use millimetric_core::event::Event;
use millimetric_core::query::{ExportQuery, Filter};
use millimetric_core::time::TimeRange;
use millimetric_events::{EventStream, StoreError};

use super::scan::needs::Needs;
use super::scan::visitors::{Unit, Visitors};
use super::scan::{Reader, Scan};

/// Streams the events of the query.
pub(super) fn export(reader: &Reader<'_>, query: &ExportQuery) -> EventStream {
    let filters = query.events.and(&query.filters);
    let needs = Needs::everything().with_filters(&filters);
    let scan = Scan { needs, range: query.range, filters: &filters, unit: Unit::Events };
    let visitors = reader.visitors(&scan);
    stream::try_unfold(Export { visitors, range: query.range, filters }, Export::next).boxed()
}

/// An export that goes on.
struct Export {
    visitors: Visitors,
    range: TimeRange,
    filters: Vec<Filter>,
}

impl Export {
    /// The next batch; `None` at the end.
    async fn next(mut self) -> Result<Option<(Vec<Event>, Self)>, StoreError> {
        while let Some(visitor) = self.visitors.next().await? {
            let passing = visitor.events_in(self.range).filter(|event| visitor.passes(*event, &self.filters));
            let events: Vec<Event> = passing.map(|event| visitor.events[event].to_event()).collect();
            if !events.is_empty() {
                return Ok(Some((events, self)));
            }
        }
        Ok(None)
    }
}
