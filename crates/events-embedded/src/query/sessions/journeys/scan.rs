//! Finds the sessions with a start, and follows each.

use std::ops::Range;

use millimetric_core::query::{Filter, JourneyDirection, JourneysQuery};
use millimetric_events::StoreError;

use super::across_chunks;
use super::in_chunk::Piece;
use super::steps::{Paths, StepTexts};
use crate::columns::Chunk;
use crate::query::run;
use crate::query::sessions::SessionKey;
use crate::query::view::View;
use crate::resources::query_context::{QueryContext, Reservation};

/// Sessions of a unit of work.
const UNIT: usize = 65_536;

/// What is looked for.
pub(super) struct Scan<'a> {
    pub(super) view: &'a View,
    pub(super) query: &'a JourneysQuery,
    /// What an event must pass to be a start.
    pub(super) conditions: Vec<Filter>,
}

/// What one core has found beside the paths within one chunk.
pub(super) struct Found {
    /// The sessions with a start whose rows are not all in one chunk, or are in one without order.
    pub(super) elsewhere: Vec<SessionKey>,
    pub(super) memory: Reservation,
}

impl<'a> Scan<'a> {
    pub(super) fn new(view: &'a View, query: &'a JourneysQuery) -> Self {
        Self { view, query, conditions: query.conditions() }
    }

    pub(super) fn is_forwards(&self) -> bool {
        self.query.direction == JourneyDirection::Forwards
    }

    /// Calls `each` with the paths of all sessions with a start, some at a time, on as many cores as are worth
    /// it and idle. Returns what each core collected.
    pub(super) fn each<A: Send>(
        &self,
        context: &QueryContext,
        start: impl Fn() -> A + Sync,
        each: impl Fn(&mut A, &Paths, &dyn StepTexts) -> Result<(), StoreError> + Sync,
    ) -> Result<Vec<A>, StoreError> {
        let rows = self.view.chunks.iter().map(Chunk::rows).sum();
        let begin = || (start(), Found { elsewhere: Vec::new(), memory: context.memory() });
        let of_cores = run::each_of(&self.units()?, rows, context, begin, |(collected, found), unit| {
            let (index, numbers) = unit;
            let piece = Piece { scan: self, index: *index, numbers: numbers.clone() };
            match piece.paths(found)? {
                Some((paths, steps)) => each(collected, &paths, &steps),
                None => Ok(()),
            }
        })?;
        let (mut collected, found): (Vec<A>, Vec<Found>) = of_cores.into_iter().unzip();
        let elsewhere = found.iter().flat_map(|found| &found.elsewhere).copied().collect();
        let (paths, texts) = across_chunks::paths(self, elsewhere, context)?;
        if let Some(first) = collected.first_mut() {
            each(first, &paths, &texts)?;
        }
        Ok(collected)
    }

    /// The sessions of every chunk, by the index of the chunk and their numbers.
    fn units(&self) -> Result<Vec<(usize, Range<usize>)>, StoreError> {
        let pieces = |count: usize| (0..count).step_by(UNIT).map(move |at| at..count.min(at + UNIT));
        let chunks = self.view.sessions()?.chunks.iter().enumerate();
        Ok(chunks
            .flat_map(|(index, chunk)| pieces(chunk.sessions.len()).map(move |numbers| (index, numbers)))
            .collect())
    }
}
