//! `GET /v1/pages`: views, entries and exits by path. [`PagesQuery`] defines sessions.

use std::cmp::Reverse;
use std::sync::Arc;

use hashbrown::HashMap;
use millimetric_core::query::{Column, Filter, PAGE_VIEW, PagesQuery, PagesResponse, PagesRow, PagesSort};

use crate::columns::group_column::GroupColumn;
use crate::columns::visitor_table::VisitorTable;
use crate::query::groups;
use crate::query::groups::frequent;
use crate::query::groups::frequent::Frequent;
use crate::query::groups::{Counted, Counting, Visitors};
use crate::query::run::Span;
use crate::query::select::{Selection, select};
use crate::query::sessions;
use crate::query::sessions::{Passing, SessionGroups};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// Runs the query.
pub(crate) fn pages(
    view: &View,
    query: &PagesQuery,
    context: &QueryContext,
) -> Result<PagesResponse, StoreError> {
    let by_path = Counting { filters: &[page_view()], by: by_path(), ..Counting::default() };
    let (found, whole, other) = frequent::with_frequent(
        view.limits.groups,
        context,
        |frequent| count(view, query, frequent, context),
        |frequent| groups::sketch(view, &by_path, frequent, context),
    )?;
    let mut rows: Vec<PagesRow> = found.into_values().collect();
    let number = |row: &PagesRow| match query.sort {
        PagesSort::Views => row.views,
        PagesSort::Entries => row.entries,
        PagesSort::Exits => row.exits,
    };
    rows.sort_unstable_by(|a, b| (Reverse(number(a)), &a.path).cmp(&(Reverse(number(b)), &b.path)));
    let truncated = rows.len() > query.limit.get() || other > 0;
    rows.truncate(query.limit.get());
    Ok(PagesResponse { rows, sessions: whole.sessions, bounces: whole.bounces, truncated, other })
}

/// Rows by path.
type Rows = HashMap<Option<String>, PagesRow>;

/// Returns the rows, the sums over all sessions, the number of page views without a row, and whether there
/// are too many paths.
fn count(
    view: &View,
    query: &PagesQuery,
    frequent: Option<Arc<Frequent>>,
    context: &QueryContext,
) -> Result<((Rows, PageAccumulator, u64), bool), StoreError> {
    let dictionary = groups::dictionary(view, frequent.clone());
    let passing = Passing::of(view, &query.filters)?;
    let paths = SessionGroups::of(view, &by_path(), &dictionary)?;
    let start = || (PageAccumulator::default(), paths.start());
    let accumulators = sessions::each(view, context, start, |(accumulator, known), session| {
        let in_range = (view.from..view.to).contains(&session.first_at);
        if let Some((entry, exit)) = session.ends.filter(|(entry, _)| in_range && passing.passes(*entry)) {
            let [entry, exit] = [entry, exit].map(|row| paths.group(0, row, known));
            accumulator.add(entry, exit, session.bounce);
        }
        Ok(())
    })?;
    let mut whole = PageAccumulator::default();
    for (accumulator, _) in accumulators {
        whole.merge(&accumulator);
    }
    let (mut too_many, mut other) = (dictionary.too_many(), 0);
    let dictionary = dictionary.finish();
    let mut rows = Rows::new();
    for group in dictionary.apart() {
        let Some(path) = whole.paths.get(group) else { continue };
        let row = row(&mut rows, dictionary.text(group, 0));
        (row.entries, row.exits, row.bounces) = (path.entries, path.exits, path.bounces);
    }
    let views = Views { view, filtered: !query.filters.is_empty(), passing, frequent };
    for (counted, more) in views.count(context)? {
        too_many |= more;
        other += counted.other();
        for group in counted.groups.apart() {
            let row = row(&mut rows, counted.groups.text(group, 0));
            row.views += counted.events[group];
            row.uniques += counted.uniques[group];
        }
    }
    Ok(((rows, whole, other), too_many))
}

/// The row of a path; a new one if absent.
fn row<'a>(rows: &'a mut Rows, path: Option<&str>) -> &'a mut PagesRow {
    let path = path.map(str::to_owned);
    rows.entry(path).or_insert_with_key(|path| PagesRow { path: path.clone(), ..PagesRow::default() })
}

/// The page views of the sessions whose entry passes the filters.
struct Views<'a> {
    view: &'a View,
    /// Whether there are filters.
    filtered: bool,
    passing: Passing,
    /// The paths that are counted separately, if there are too many.
    frequent: Option<Arc<Frequent>>,
}

impl Views<'_> {
    /// Counts page views and visitors by path. If there are too many visitors to be numbered at once, they
    /// are counted in several rounds, whose results are to be added up.
    fn count(&self, context: &QueryContext) -> Result<Vec<(Counted, bool)>, StoreError> {
        let counting = Counting { by: by_path(), uniques: true, ..Counting::default() };
        let frequent = || self.frequent.clone();
        let Some(visitors) = groups::visitors_if_many(self.view, &[page_view()], context)? else {
            if !self.filtered {
                let filters = &[page_view()];
                let counting = Counting { filters, ..counting };
                return Ok(vec![groups::count_with(self.view, &counting, frequent(), context)?]);
            }
            let selected = |span: &Span<'_>| self.select(span);
            let counted = groups::count_selected(
                self.view,
                &counting,
                Visitors::Numbered,
                frequent(),
                context,
                selected,
            )?;
            return Ok(vec![counted]);
        };
        let rounds = visitors.div_ceil(self.view.limits.exact_visitors as u64);
        let count = |round| {
            let numbers = VisitorTable::new(0);
            let selected = |span: &Span<'_>| self.select_round(span, round, rounds);
            groups::count_selected(
                self.view,
                &counting,
                Visitors::NumberedIn(&numbers),
                frequent(),
                context,
                selected,
            )
        };
        (0..rounds).map(count).collect()
    }

    fn select(&self, span: &Span<'_>) -> Result<Option<Selection>, StoreError> {
        if !self.filtered {
            return select(self.view, span, &[page_view()]);
        }
        let Some(mut selection) = select(self.view, span, &[page_view()])? else { return Ok(None) };
        let sessions = self.view.sessions()?;
        let chunk = sessions.index(span.chunk)?;
        let passes =
            |row: usize| sessions.entry(chunk, row as u32).is_some_and(|entry| self.passing.passes(entry));
        selection.rows = selection.rows.retain(passes);
        Ok((selection.rows.len() > 0).then_some(selection))
    }

    /// The rows of the visitors of a round.
    fn select_round(
        &self,
        span: &Span<'_>,
        round: u64,
        rounds: u64,
    ) -> Result<Option<Selection>, StoreError> {
        let Some(mut selection) = self.select(span)? else { return Ok(None) };
        let hashes = self.view.columns.visitor_hashes(span.chunk)?;
        selection.rows = selection.rows.retain(|row| hashes[row] % rounds == round);
        Ok((selection.rows.len() > 0).then_some(selection))
    }
}

fn by_path() -> Vec<GroupColumn> {
    vec![GroupColumn::Column(Column::Path)]
}

fn page_view() -> Filter {
    Filter::new(Column::EventName, PAGE_VIEW)
}

/// Entries, exits and bounces, by path and in total.
#[derive(Debug, Default)]
struct PageAccumulator {
    paths: Vec<PathAccumulator>,
    sessions: u64,
    bounces: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct PathAccumulator {
    entries: u64,
    exits: u64,
    bounces: u64,
}

impl PageAccumulator {
    fn add(&mut self, entry: u32, exit: u32, bounce: bool) {
        let bounce = u64::from(bounce);
        self.sessions += 1;
        self.bounces += bounce;
        self.path(exit).exits += 1;
        let path = self.path(entry);
        path.entries += 1;
        path.bounces += bounce;
    }

    fn path(&mut self, group: u32) -> &mut PathAccumulator {
        let index = group as usize;
        if index >= self.paths.len() {
            self.paths.resize(index + 1, PathAccumulator::default());
        }
        &mut self.paths[index]
    }

    fn merge(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.bounces += other.bounces;
        for (group, theirs) in (0..).zip(&other.paths) {
            let mine = self.path(group);
            mine.entries += theirs.entries;
            mine.exits += theirs.exits;
            mine.bounces += theirs.bounces;
        }
    }
}
