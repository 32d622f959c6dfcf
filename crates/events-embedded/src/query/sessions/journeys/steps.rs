//! The steps of journeys: as codes while sessions are followed, and as texts.

use std::borrow::Cow;
use std::sync::Arc;

use hashbrown::HashMap;
use millimetric_core::column::Column;
use millimetric_core::query::{JourneyStep, JourneySteps, JourneysQuery};
use millimetric_core::session::EventKind;
use millimetric_events::StoreError;

use crate::columns::Chunk;
use crate::encoding::text::{Dictionary, TextColumn};
use crate::query::view::View;

/// Sentinel: the path has no more steps.
pub(super) const NO_STEP: u32 = u32::MAX;

/// The codes of a path's steps from the start on, then [`NO_STEP`].
pub(super) type Steps = [u32; JourneySteps::MOST];

/// A path that is being followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path {
    pub(super) steps: Steps,
    count: u32,
}

impl Path {
    /// A path with its start.
    pub(super) fn new(start: u32) -> Self {
        let mut steps = [NO_STEP; JourneySteps::MOST];
        steps[0] = start;
        Self { steps, count: 1 }
    }

    /// Adds a step, unless it is equal to the last one.
    pub(super) fn add(&mut self, step: u32) {
        let count = self.count as usize;
        if self.steps[count - 1] != step {
            self.steps[count] = step;
            self.count += 1;
        }
    }

    /// Whether it has that many steps.
    pub(super) const fn is_full(&self, most: usize) -> bool {
        self.count as usize >= most
    }
}

/// The paths of some sessions.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// Each path once.
    pub(super) distinct: Vec<Steps>,
    indexes: HashMap<Steps, u32>,
    /// The index of each session's path in `distinct`, and its visitor.
    pub(super) sessions: Vec<(u32, u64)>,
}

impl Paths {
    /// Adds the path of a session.
    pub(super) fn add(&mut self, path: &Path, visitor: u64) {
        let index = *self.indexes.entry(path.steps).or_insert_with(|| {
            self.distinct.push(path.steps);
            self.distinct.len() as u32 - 1
        });
        self.sessions.push((index, visitor));
    }

    /// Upper limit of the memory that so many sessions take, in bytes.
    pub(super) const fn bytes(sessions: usize) -> usize {
        // Vectors and maps have up to twice the capacity that they use.
        2 * sessions * (2 * size_of::<Steps>() + size_of::<u32>() + size_of::<(u32, u64)>())
    }
}

/// The texts of steps, by their codes.
pub(super) trait StepTexts {
    /// The text of a step.
    fn text(&self, step: u32) -> Cow<'_, str>;
}

impl StepTexts for Dictionary {
    fn text(&self, step: u32) -> Cow<'_, str> {
        self.get(step).unwrap_or_default().into()
    }
}

/// The steps in the rows of a chunk. The code of a page view is that of its path; the codes of other events
/// follow those of all paths.
pub(super) struct ChunkSteps {
    names: Arc<TextColumn>,
    paths: Arc<TextColumn>,
    /// The kind of each event name, by its code.
    kinds: Vec<EventKind>,
    page_views: bool,
}

impl ChunkSteps {
    pub(super) fn of(view: &View, chunk: &Chunk, query: &JourneysQuery) -> Result<Self, StoreError> {
        let names = view.columns.text(chunk, Column::EventName)?;
        let kinds = std::iter::once("").chain(names.dictionary.texts()).map(EventKind::of).collect();
        let paths = view.columns.text(chunk, Column::Path)?;
        Ok(Self { names, paths, kinds, page_views: query.page_views })
    }

    /// The step that a row is; `None` if it is none.
    pub(super) fn step(&self, row: usize) -> Option<u32> {
        let name = self.names.codes.get(row);
        match self.kinds[name as usize] {
            EventKind::PageView if self.page_views => Some(self.paths.codes.get(row)),
            EventKind::PageView | EventKind::System => None,
            EventKind::Custom => Some(self.event(name)),
        }
    }

    /// The step that a row is as a start.
    pub(super) fn start(&self, row: usize) -> u32 {
        let name = self.names.codes.get(row);
        match self.kinds[name as usize] {
            EventKind::PageView => self.paths.codes.get(row),
            EventKind::System | EventKind::Custom => self.event(name),
        }
    }

    fn event(&self, name: u32) -> u32 {
        self.paths.dictionary.len() as u32 + name
    }
}

impl StepTexts for ChunkSteps {
    fn text(&self, step: u32) -> Cow<'_, str> {
        match step.checked_sub(self.paths.dictionary.len() as u32) {
            None => JourneyStep::Page(self.paths.dictionary.get(step)).text(),
            Some(name) => JourneyStep::Event(self.names.dictionary.get(name).unwrap_or_default()).text(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_steps_that_follow_each_other_are_one() {
        let mut path = Path::new(7);
        for step in [7, 7, 3, 3, 7] {
            assert!(!path.is_full(3));
            path.add(step);
        }
        assert_eq!((path.steps, path.is_full(3)), ([7, 3, 7, NO_STEP, NO_STEP], true));
    }

    #[test]
    fn each_path_is_there_once_with_all_of_its_sessions() {
        let mut paths = Paths::default();
        let longer = |mut path: Path| {
            path.add(2);
            path
        };
        paths.add(&Path::new(1), 10);
        paths.add(&longer(Path::new(1)), 11);
        paths.add(&Path::new(1), 10);
        assert_eq!(paths.distinct, [Path::new(1).steps, longer(Path::new(1)).steps]);
        assert_eq!(paths.sessions, [(0, 10), (1, 11), (0, 10)]);
    }
}
