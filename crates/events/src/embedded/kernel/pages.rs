//! `GET /v1/pages`: page views by path, and where sessions begin and end. What a session is, is
//! defined at [`PagesQuestion`].

use std::cmp::Reverse;

use millimetric_core::query::{PagesAnswer, PagesQuestion, PagesRow, PagesSort};

use super::journeys::Moment;
use super::labels::{Finished, Labels};
use super::run::Stop;
use super::sessions::{self, PageView, same_session};
use crate::StoreError;
use crate::embedded::view::View;

/// Answers the question from the view's rows.
pub(in crate::embedded) fn pages(
    view: &View,
    question: &PagesQuestion,
    stop: &Stop,
) -> Result<PagesAnswer, StoreError> {
    let labels = Labels::default();
    let tallies = sessions::follow(view, &question.filters, &labels, stop, Tally::default, Tally::add)?;
    let mut whole = Tally::default();
    for tally in tallies {
        whole.merge(tally);
    }
    Ok(whole.answer(question, &labels.finish()))
}

/// What was counted, by path.
#[derive(Debug, Default)]
struct Tally {
    paths: Vec<PathTally>,
    visitors: u64,
    sessions: u64,
    bounces: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct PathTally {
    views: u64,
    uniques: u64,
    entries: u64,
    exits: u64,
    bounces: u64,
    /// The last visitor who was counted in `uniques`, by the order in which this core met them.
    last_visitor: u64,
}

impl Tally {
    /// Adds one visitor.
    fn add(&mut self, views: &[Moment<PageView>]) {
        self.visitors += 1;
        let sessions = views.chunk_by(same_session);
        sessions.filter(|session| sessions::counts(session)).for_each(|session| self.add_session(session));
    }

    fn add_session(&mut self, views: &[Moment<PageView>]) {
        let (Some(entry), Some(exit)) = (views.first(), views.last()) else { return };
        let bounce = u64::from(views.len() == 1);
        let visitor = self.visitors;
        self.sessions += 1;
        self.bounces += bounce;
        for view in views {
            let path = self.path(view);
            path.views += 1;
            path.uniques += u64::from(path.last_visitor != visitor);
            path.last_visitor = visitor;
        }
        self.path(exit).exits += 1;
        let path = self.path(entry);
        path.entries += 1;
        path.bounces += bounce;
    }

    fn path(&mut self, view: &Moment<PageView>) -> &mut PathTally {
        let place = view.what.path as usize;
        if place >= self.paths.len() {
            self.paths.resize(place + 1, PathTally::default());
        }
        &mut self.paths[place]
    }

    fn merge(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.bounces += other.bounces;
        self.paths.resize(self.paths.len().max(other.paths.len()), PathTally::default());
        for (mine, theirs) in self.paths.iter_mut().zip(other.paths) {
            mine.views += theirs.views;
            mine.uniques += theirs.uniques;
            mine.entries += theirs.entries;
            mine.exits += theirs.exits;
            mine.bounces += theirs.bounces;
        }
    }

    fn answer(self, question: &PagesQuestion, labels: &Finished) -> PagesAnswer {
        let mut rows: Vec<PagesRow> = (0..)
            .zip(&self.paths)
            .filter(|(_, path)| path.views > 0)
            .map(|(group, path)| PagesRow {
                path: labels.text(group, 0).map(str::to_owned),
                views: path.views,
                uniques: path.uniques,
                entries: path.entries,
                exits: path.exits,
                bounces: path.bounces,
            })
            .collect();
        let number = |row: &PagesRow| match question.sort {
            PagesSort::Views => row.views,
            PagesSort::Entries => row.entries,
            PagesSort::Exits => row.exits,
        };
        rows.sort_unstable_by(|a, b| (Reverse(number(a)), &a.path).cmp(&(Reverse(number(b)), &b.path)));
        let truncated = rows.len() > question.limit.get();
        rows.truncate(question.limit.get());
        PagesAnswer { rows, sessions: self.sessions, bounces: self.bounces, truncated }
    }
}
