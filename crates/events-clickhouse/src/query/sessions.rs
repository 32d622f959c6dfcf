//! `GET /v1/sessions`: the number of sessions and bounces, by group and over time.

use std::cmp::Reverse;

use millimetric_core::query::{
    Column, Filter, Limit, PAGE_VIEW, SessionsQuery, SessionsResponse, SessionsRow,
};
use millimetric_core::session::Session;
use millimetric_events::StoreError;

use super::count::calendar::Calendar;
use super::count::groups::{Group, Groups};
use super::count::numbers::median;
use super::count::series;
use super::scan::needs::Needs;
use super::scan::row::instant;
use super::scan::visitor::Visitor;
use super::scan::visitors::Unit;
use super::scan::{Reader, Scan};

/// What is counted of the sessions of a group.
#[derive(Debug, Clone, Default)]
struct Counts {
    bounces: u64,
    views: u64,
    /// The duration of each session, in milliseconds.
    durations: Vec<i64>,
}

/// Runs the query.
pub(super) async fn sessions(
    reader: &Reader<'_>,
    query: &SessionsQuery,
) -> Result<SessionsResponse, StoreError> {
    // A session that begins in the range has its entry there.
    let mut filters = vec![Filter::new(Column::EventName, PAGE_VIEW)];
    filters.extend_from_slice(&query.filters);
    let needs = Needs::default().with_sessions().with_filters(&filters).with_dimensions(&query.group_by);
    let scan = Scan { needs, range: query.range, filters: &filters, unit: Unit::Sessions };
    let mut visitors = reader.visitors(&scan);
    let mut counter = Counter::new(reader, query);
    while let Some(visitor) = visitors.next().await? {
        for session in &visitor.sessions {
            counter.add(&visitor, session)?;
        }
    }
    Ok(counter.response())
}

struct Counter<'a> {
    query: &'a SessionsQuery,
    calendar: Option<Calendar>,
    groups: Groups<Counts>,
    /// By group alone, if whole series are returned.
    series: Option<Groups<Counts>>,
}

impl<'a> Counter<'a> {
    fn new(reader: &Reader<'_>, query: &'a SessionsQuery) -> Self {
        let is_series = query.limit == Limit::Series && query.buckets.is_some();
        Self {
            query,
            calendar: query.buckets.map(Calendar::new),
            groups: Groups::new(reader.max_bytes()),
            series: is_series.then(|| Groups::new(reader.max_bytes())),
        }
    }

    fn add(&mut self, visitor: &Visitor, session: &Session<usize>) -> Result<(), StoreError> {
        let begins = visitor.events[session.first].timestamp();
        let Some(views) = session.views.filter(|_| self.query.range.contains(begins)) else { return Ok(()) };
        if !visitor.passes(views.entry, &self.query.filters) {
            return Ok(());
        }
        let texts = visitor.texts(views.entry, &self.query.group_by);
        let start = self.calendar.as_mut().map(|calendar| calendar.start(session.first_at));
        for (groups, bucket) in [(Some(&mut self.groups), start), (self.series.as_mut(), None)] {
            let Some(groups) = groups else { continue };
            let counts = groups.of(bucket, &texts, Counts::default)?;
            counts.bounces += u64::from(session.is_bounce());
            counts.views += u64::from(views.count);
            counts.durations.push(session.duration());
            // A vector has up to twice the capacity that it uses.
            groups.reserve(2 * size_of::<i64>())?;
        }
        Ok(())
    }

    fn response(self) -> SessionsResponse {
        let mut rows = rows(self.query, self.query.buckets.is_some(), self.groups);
        let keys = match self.series {
            Some(series) => self::rows(self.query, false, series).into_iter().map(|row| row.keys).collect(),
            None => rows.iter().map(|row| row.keys.clone()).collect(),
        };
        let truncated = series::cut(&mut rows, self.query.limit, |row| &row.keys, || keys);
        SessionsResponse { rows, truncated, other: 0 }
    }
}

/// All rows, in their order.
fn rows(query: &SessionsQuery, has_buckets: bool, groups: Groups<Counts>) -> Vec<SessionsRow> {
    let mut groups = groups.sorted();
    if groups.is_empty() && !has_buckets && query.group_by.is_empty() {
        groups.push((Group { bucket: None, texts: Vec::new() }, Counts::default()));
    }
    let row = |(group, counts): (Group, Counts)| SessionsRow {
        bucket: group.bucket.map(instant),
        keys: group.texts,
        sessions: counts.durations.len() as u64,
        bounces: counts.bounces,
        views: counts.views,
        median_millis: median(counts.durations),
    };
    let mut rows: Vec<SessionsRow> = groups.into_iter().map(row).collect();
    // They are in order of their groups.
    rows.sort_by_key(|row| (row.bucket, Reverse(row.sessions)));
    rows
}
