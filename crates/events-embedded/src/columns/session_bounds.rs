//! Finds the entry and the exit of each session of a chunk: its first and its last page view.

use std::cmp::Ordering;
use std::ops::Range;

use crate::columns::rows::Rows;
use crate::encoding::frame_of_reference::{FrameOfReference, NO_NUMBER};
use crate::encoding::text::TextColumn;
use crate::encoding::times::Times;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// The rows of a session's entry and exit; the same row if the session has one page view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionBounds {
    pub(crate) entry: u32,
    pub(crate) exit: u32,
}

impl SessionBounds {
    const NONE: Self = Self { entry: NO_NUMBER, exit: NO_NUMBER };

    /// The rows; `None` if the session has no page view among the selected rows.
    pub(crate) fn rows(self) -> Option<(usize, usize)> {
        (self != Self::NONE).then_some((self.entry as usize, self.exit as usize))
    }
}

/// The page views of some sessions of a chunk.
pub(crate) struct PageViews<'a> {
    /// The selected rows.
    pub(crate) rows: &'a Rows,
    pub(crate) times: &'a Times,
    /// Whether the times ascend.
    pub(crate) sorted: bool,
    /// The session number of each row of the chunk.
    pub(crate) numbers: &'a FrameOfReference,
    /// The session numbers to look for.
    pub(crate) sessions: Range<usize>,
    pub(crate) paths: &'a TextColumn,
}

impl PageViews<'_> {
    /// Returns the bounds of each session, and whether a session has several candidates for its entry. Page
    /// views of the same millisecond are ordered by path; among equal ones, one that `passes` the filters is
    /// the entry.
    pub(crate) fn bounds(
        &self,
        passes: impl Fn(usize) -> bool,
        context: &QueryContext,
    ) -> Result<(Vec<SessionBounds>, bool), StoreError> {
        if self.sorted {
            let (bounds, tied) = self.first_and_last(context)?;
            if !tied {
                return Ok((bounds, false));
            }
        }
        self.compared(passes, context)
    }

    /// Returns the first and last row of each session, and whether two page views of a session have the same
    /// time. For sorted chunks.
    fn first_and_last(&self, context: &QueryContext) -> Result<(Vec<SessionBounds>, bool), StoreError> {
        let mut bounds = vec![SessionBounds::NONE; self.sessions.len()];
        let mut tied = false;
        // Branchless: whether a row is the first of its session is unpredictable.
        self.each(context, |row, session| {
            let bounds = &mut bounds[session];
            let before = bounds.exit.min(row as u32) as usize;
            tied |= (before != row) & (self.times.at(before) == self.times.at(row));
            *bounds = SessionBounds { entry: bounds.entry.min(row as u32), exit: row as u32 };
        })?;
        Ok((bounds, tied))
    }

    /// Like [`Self::bounds`], for rows in any order: compares each row with the bounds so far.
    fn compared(
        &self,
        passes: impl Fn(usize) -> bool,
        context: &QueryContext,
    ) -> Result<(Vec<SessionBounds>, bool), StoreError> {
        let mut bounds = vec![SessionBounds::NONE; self.sessions.len()];
        let mut tied = false;
        self.each(context, |row, session| {
            let this = row as u32;
            let bounds = &mut bounds[session];
            let Some((entry, exit)) = bounds.rows() else {
                *bounds = SessionBounds { entry: this, exit: this };
                return;
            };
            let before = *bounds;
            let to_entry = self.compare(row, entry);
            tied |= to_entry.is_eq();
            if to_entry.then_with(|| passes(entry).cmp(&passes(row))).is_lt() {
                bounds.entry = this;
            }
            if self.compare(row, exit).is_gt() {
                bounds.exit = this;
            }
            // Two page views that compare as equal are entry and exit, not one.
            if bounds.entry == bounds.exit {
                bounds.exit = if bounds.entry == this { before.exit } else { this };
            }
        })?;
        Ok((bounds, tied))
    }

    fn compare(&self, row: usize, other: usize) -> Ordering {
        self.times.at(row).cmp(&self.times.at(other)).then_with(|| {
            let (code, of_other) = (self.paths.codes.get(row), self.paths.codes.get(other));
            if code == of_other {
                return Ordering::Equal;
            }
            self.paths.dictionary.get(code).cmp(&self.paths.dictionary.get(of_other))
        })
    }

    /// Calls `each` with every row of these sessions, and the index of its session among them. Rows are
    /// filtered in blocks without branches, because whether a row matches is unpredictable.
    fn each(&self, context: &QueryContext, mut each: impl FnMut(usize, usize)) -> Result<(), StoreError> {
        const BLOCK: usize = 1024;
        let (first, count) = (self.sessions.start as u32, self.sessions.len() as u32);
        let session = |row: usize| self.numbers.at(row).wrapping_sub(first);
        let mut found = [0; BLOCK];
        for start in (0..self.rows.len()).step_by(BLOCK) {
            context.check()?;
            let mut many = 0;
            let mut collect = |row: usize| {
                found[many] = row;
                many += usize::from(session(row) < count);
            };
            let indexes = start..self.rows.len().min(start + BLOCK);
            match self.rows {
                Rows::Span(rows) => indexes.for_each(|index| collect(rows.start + index)),
                Rows::List(rows) => rows[indexes].iter().for_each(|row| collect(*row as usize)),
            }
            found[..many].iter().for_each(|row| each(*row, session(*row) as usize));
        }
        Ok(())
    }
}
