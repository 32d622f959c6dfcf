//! Sessions by filters and groups that need more than SQL.

use millimetric_core::query::{Filter, SessionsQuery};
use millimetric_core::session::Session;
use millimetric_events::StoreError;

use super::Counts;
use crate::query::count::calendar::Calendar;
use crate::query::count::groups::{Group, Groups};
use crate::query::count::numbers::median;
use crate::query::scan::needs::Needs;
use crate::query::scan::visitor::Visitor;
use crate::query::scan::visitors::Unit;
use crate::query::scan::{Reader, Scan};

/// What is collected of the sessions of a group.
#[derive(Debug, Clone, Default)]
struct Collected {
    bounces: u64,
    views: u64,
    /// The duration of each session, in milliseconds.
    durations: Vec<i64>,
}

/// Counts the sessions, of visitors with an event that passes these filters.
pub(super) async fn count(
    reader: &Reader<'_>,
    query: &SessionsQuery,
    filters: &[Filter],
) -> Result<Vec<(Group, Counts)>, StoreError> {
    let needs = Needs::default().with_sessions().with_filters(filters).with_dimensions(&query.group_by);
    let scan = Scan { needs, range: query.range, filters, unit: Unit::Sessions };
    let mut visitors = reader.visitors(&scan);
    let calendar = query.buckets.map(Calendar::new);
    let mut counter = Counter { query, calendar, groups: Groups::new(reader.max_bytes()) };
    while let Some(visitor) = visitors.next().await? {
        for session in &visitor.sessions {
            counter.add(&visitor, session)?;
        }
    }
    let counts = |(group, collected): (Group, Collected)| {
        let Collected { bounces, views, durations } = collected;
        let sessions = durations.len() as u64;
        (group, Counts { sessions, bounces, views, median_millis: median(durations) })
    };
    Ok(counter.groups.sorted().into_iter().map(counts).collect())
}

struct Counter<'a> {
    query: &'a SessionsQuery,
    calendar: Option<Calendar>,
    groups: Groups<Collected>,
}

impl Counter<'_> {
    fn add(&mut self, visitor: &Visitor, session: &Session<usize>) -> Result<(), StoreError> {
        let begins = visitor.events[session.first].timestamp();
        let Some(views) = session.views.filter(|_| self.query.range.contains(begins)) else { return Ok(()) };
        if !visitor.passes(views.entry, &self.query.filters) {
            return Ok(());
        }
        let texts = visitor.texts(views.entry, &self.query.group_by);
        let start = self.calendar.as_mut().map(|calendar| calendar.start(session.first_at));
        let collected = self.groups.of(start, &texts, Collected::default)?;
        collected.bounces += u64::from(session.is_bounce());
        collected.views += u64::from(views.count);
        collected.durations.push(session.duration());
        // A vector has up to twice the capacity that it uses.
        self.groups.reserve(2 * size_of::<i64>())
    }
}
