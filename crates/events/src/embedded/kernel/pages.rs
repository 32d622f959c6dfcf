//! `GET /v1/pages`: page views by path, and where sessions begin and end. What a session is, is
//! defined at [`PagesQuestion`].

use std::cmp::Reverse;

use hashbrown::HashMap;
use millimetric_core::query::{Column, Filter, PAGE_VIEW, PagesAnswer, PagesQuestion, PagesRow, PagesSort};

use super::groups::{self, By, Counted, Counting, Visitors};
use super::labels::Labels;
use super::run::{QueryContext, Span};
use super::select::{Selection, select};
use super::sessions::{Marks, Session, Sessions};
use crate::StoreError;
use crate::embedded::field::Field;
use crate::embedded::near_numbers::NO_NUMBER;
use crate::embedded::view::View;
use crate::embedded::visitors::VisitorTable;

/// Answers the question from the view's rows.
pub(in crate::embedded) fn pages(
    view: &View,
    question: &PagesQuestion,
    context: &QueryContext,
) -> Result<PagesAnswer, StoreError> {
    let labels = Labels::default();
    let sessions = Sessions { view, filters: &question.filters, labels: &labels, context };
    let (tallies, counting) = sessions.each(Tally::default, Tally::add)?;
    let mut whole = Tally::default();
    for tally in tallies {
        whole.merge(&tally);
    }
    let labels = labels.finish();
    let mut rows: HashMap<Option<String>, PagesRow> = HashMap::new();
    for (group, path) in whole.paths.iter().enumerate() {
        let row = row(&mut rows, labels.text(group, 0));
        (row.entries, row.exits, row.bounces) = (path.entries, path.exits, path.bounces);
    }
    let views = Views { view, filtered: !question.filters.is_empty(), counting };
    for counted in views.count(context)? {
        for group in 0..counted.events.len() {
            let row = row(&mut rows, counted.groups.text(group, 0));
            row.views += counted.events[group];
            row.uniques += counted.uniques[group];
        }
    }
    let mut rows: Vec<PagesRow> = rows.into_values().filter(|row| row.views > 0).collect();
    let number = |row: &PagesRow| match question.sort {
        PagesSort::Views => row.views,
        PagesSort::Entries => row.entries,
        PagesSort::Exits => row.exits,
    };
    rows.sort_unstable_by(|a, b| (Reverse(number(a)), &a.path).cmp(&(Reverse(number(b)), &b.path)));
    let truncated = rows.len() > question.limit.get();
    rows.truncate(question.limit.get());
    Ok(PagesAnswer { rows, sessions: whole.sessions, bounces: whole.bounces, truncated })
}

/// The row of a path.
fn row<'a>(rows: &'a mut HashMap<Option<String>, PagesRow>, path: Option<&str>) -> &'a mut PagesRow {
    let path = path.map(str::to_owned);
    rows.entry(path).or_insert_with_key(|path| PagesRow { path: path.clone(), ..PagesRow::default() })
}

/// The page views of sessions that count.
struct Views<'a> {
    view: &'a View,
    /// Whether some sessions do not count.
    filtered: bool,
    counting: Marks,
}

impl Views<'_> {
    /// Counts them and their visitors by path: visitors too many to be numbered at once in several
    /// rounds, whose numbers add up.
    fn count(&self, context: &QueryContext) -> Result<Vec<Counted>, StoreError> {
        let by = vec![By::Field(Field::Path)];
        let counting = Counting { by, uniques: true, ..Counting::default() };
        let Some(visitors) = groups::visitors_if_many(self.view, &[page_view()], context)? else {
            if !self.filtered {
                let filters = &[page_view()];
                return Ok(vec![groups::count(self.view, &Counting { filters, ..counting }, context)?]);
            }
            let selected = |span: &Span<'_>| self.select(span);
            let counted =
                groups::count_selected(self.view, &counting, Visitors::Numbered, context, selected)?;
            return Ok(vec![counted]);
        };
        let rounds = visitors.div_ceil(self.view.shared.options.exact_visitors as u64);
        let count = |round| {
            let numbers = VisitorTable::new(0);
            let selected = |span: &Span<'_>| self.select_round(span, round, rounds);
            groups::count_selected(self.view, &counting, Visitors::NumberedIn(&numbers), context, selected)
        };
        (0..rounds).map(count).collect()
    }

    fn select(&self, span: &Span<'_>) -> Result<Option<Selection>, StoreError> {
        if !self.filtered {
            return select(self.view, span, &[page_view()]);
        }
        let Some(mut selection) = select(self.view, span, &[])? else { return Ok(None) };
        let numbers = self.view.shared.columns.session_numbers(span.chunk)?;
        let chunk = self.view.chunks.iter().position(|chunk| std::ptr::eq(chunk, span.chunk));
        let foreign = || StoreError::Internal("rows of another question".to_owned());
        let chunk = chunk.ok_or_else(foreign)?;
        let counts = |number: u32| number != NO_NUMBER && self.counting.has(chunk, number);
        selection.rows = selection.rows.retain(|row| counts(numbers.at(row)));
        Ok((selection.rows.len() > 0).then_some(selection))
    }

    /// Those of the visitors whose turn is in a round.
    fn select_round(
        &self,
        span: &Span<'_>,
        round: u64,
        rounds: u64,
    ) -> Result<Option<Selection>, StoreError> {
        let Some(mut selection) = self.select(span)? else { return Ok(None) };
        let hashes = self.view.shared.columns.visitor_hashes(span.chunk)?;
        selection.rows = selection.rows.retain(|row| hashes[row] % rounds == round);
        Ok((selection.rows.len() > 0).then_some(selection))
    }
}

fn page_view() -> Filter {
    Filter { column: Column::EventName, value: PAGE_VIEW.to_owned() }
}

/// What was counted of sessions, by path.
#[derive(Debug, Default)]
struct Tally {
    paths: Vec<PathTally>,
    sessions: u64,
    bounces: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct PathTally {
    entries: u64,
    exits: u64,
    bounces: u64,
}

impl Tally {
    fn add(&mut self, session: &Session) {
        let bounce = u64::from(session.bounce);
        self.sessions += 1;
        self.bounces += bounce;
        self.path(session.exit).exits += 1;
        let path = self.path(session.entry);
        path.entries += 1;
        path.bounces += bounce;
    }

    fn path(&mut self, label: u32) -> &mut PathTally {
        let place = label as usize;
        if place >= self.paths.len() {
            self.paths.resize(place + 1, PathTally::default());
        }
        &mut self.paths[place]
    }

    fn merge(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.bounces += other.bounces;
        for (label, theirs) in (0..).zip(&other.paths) {
            let mine = self.path(label);
            mine.entries += theirs.entries;
            mine.exits += theirs.exits;
            mine.bounces += theirs.bounces;
        }
    }
}
