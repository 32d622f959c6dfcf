//! Sessions: the page views of one visitor that carry one `session_id`, as
//! [`PagesQuestion`](millimetric_core::query::PagesQuestion) defines them; and `GET /v1/sessions`, which
//! counts them over time.

use std::cmp::Ordering;

use hashbrown::HashMap;
use millimetric_core::query::{Buckets, Filter, PAGE_VIEW, SessionsAnswer, SessionsQuestion, SessionsRow};

use super::calendar::{self, Bucket};
use super::journeys::{self, Gatherer, Moment, Plan};
use super::labels::Labels;
use super::local::Local;
use super::run::{Span, Stop};
use super::select::{Selection, Wanted};
use crate::StoreError;
use crate::embedded::field::Field;
use crate::embedded::row::instant;
use crate::embedded::view::View;

/// Answers the question from the view's rows.
pub(in crate::embedded) fn sessions(
    view: &View,
    question: &SessionsQuestion,
    stop: &Stop,
) -> Result<SessionsAnswer, StoreError> {
    let start = || Tally::new(question.buckets);
    let tallies = follow(view, &question.filters, &Labels::default(), stop, start, |tally, views| {
        views.chunk_by(same_session).filter(|session| counts(session)).for_each(|session| tally.add(session));
    })?;
    let mut rows: Vec<SessionsRow> = Tally::merged(start(), tallies).rows.into_values().collect();
    rows.sort_unstable_by_key(|row| row.bucket);
    if question.buckets.is_none() && rows.is_empty() {
        rows.push(SessionsRow::default());
    }
    let truncated = rows.len() > question.limit.get();
    rows.truncate(question.limit.get());
    Ok(SessionsAnswer { rows, truncated })
}

/// One page view.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageView {
    session: u64,
    /// The number of its path's label.
    pub(super) path: u32,
    /// Whether it passes the filters.
    passes: bool,
}

/// Whether two page views of a visitor are of one session.
pub(super) fn same_session(a: &Moment<PageView>, b: &Moment<PageView>) -> bool {
    a.what.session == b.what.session
}

/// Whether the question is about a session: by its entry.
pub(super) fn counts(session: &[Moment<PageView>]) -> bool {
    session.first().is_some_and(|entry| entry.what.passes)
}

/// Calls `each` with the page views of one visitor after the other, session by session, each in
/// order; gives what was collected, core by core and round by round. Paths get their labels.
pub(super) fn follow<A: Send>(
    view: &View,
    filters: &[Filter],
    labels: &Labels,
    stop: &Stop,
    start: impl Fn() -> A + Sync,
    each: impl Fn(&mut A, &[Moment<PageView>]) + Sync,
) -> Result<Vec<A>, StoreError> {
    let plan = Plan::of(view, stop)?;
    let mut collected = Vec::new();
    for round in plan.rounds() {
        let gathered = journeys::gather(view, &plan, round, stop, |span, selection, gatherer| {
            gather(view, filters, labels, span, selection, gatherer)
        })?;
        let ranks = labels.ranks(1);
        let rank = |view: &PageView| (view.session, ranks[view.path as usize], !view.passes);
        let order = |a: &PageView, b: &PageView| -> Ordering { rank(a).cmp(&rank(b)) };
        collected.extend(gathered.follow(stop, order, &start, |collected, moments| {
            // They stand in order of time, which this sort keeps.
            if !moments.is_sorted_by_key(|moment| moment.what.session) {
                moments.sort_by_key(|moment| moment.what.session);
            }
            each(collected, moments);
        })?);
    }
    Ok(collected)
}

/// Takes the page views.
fn gather(
    view: &View,
    filters: &[Filter],
    labels: &Labels,
    span: &Span<'_>,
    selection: &Selection,
    gatherer: &mut Gatherer<'_, PageView>,
) -> Result<(), StoreError> {
    let columns = &view.shared.columns;
    let events = columns.text(span.chunk, Field::EventName)?;
    let Some(page_view) = events.dictionary.find(PAGE_VIEW) else { return Ok(()) };
    let wanted = Wanted::of(columns, span.chunk, filters)?;
    let (sessions, paths) = (columns.sessions(span.chunk)?, columns.text(span.chunk, Field::Path)?);
    let mut local = Local::new(selection, None);
    local.divide(selection, &paths);
    let (groups, _) = local.groups(&local.counts(selection), &[paths], labels);
    let group_at = local.group_at(selection, &groups);
    let mut marks = Vec::with_capacity(selection.rows.len());
    selection.rows.each(|row| marks.push(u8::from(events.codes.get(row) == page_view)));
    gatherer.take(selection, &marks, |place, row| PageView {
        session: sessions[row],
        path: group_at(place),
        passes: wanted.passes(row),
    });
    Ok(())
}

/// What was counted, by bucket.
struct Tally {
    buckets: Option<Buckets>,
    /// The bucket of the session before: those of one visitor often begin in the same one.
    last: Option<Bucket>,
    rows: HashMap<Option<i64>, SessionsRow>,
}

impl Tally {
    fn new(buckets: Option<Buckets>) -> Self {
        Self { buckets, last: None, rows: HashMap::new() }
    }

    fn add(&mut self, session: &[Moment<PageView>]) {
        let bucket = self.buckets.map(|buckets| self.bucket(buckets, session[0].at));
        let row = self.row(bucket);
        row.sessions += 1;
        row.bounces += u64::from(session.len() == 1);
    }

    fn bucket(&mut self, buckets: Buckets, at: i64) -> i64 {
        let known = self.last.filter(|bucket| bucket.from <= at && at < bucket.to);
        self.last.insert(known.unwrap_or_else(|| calendar::bucket_at(buckets, at))).start
    }

    fn row(&mut self, bucket: Option<i64>) -> &mut SessionsRow {
        let new = || SessionsRow { bucket: bucket.map(instant), ..SessionsRow::default() };
        self.rows.entry(bucket).or_insert_with(new)
    }

    fn merged(mut self, others: Vec<Self>) -> Self {
        for (bucket, theirs) in others.into_iter().flat_map(|other| other.rows) {
            let row = self.row(bucket);
            row.sessions += theirs.sessions;
            row.bounces += theirs.bounces;
        }
        self
    }
}
