//! Finds every session of a query once, whether its events are in one chunk or in several.
//!
//! It does not follow visitors from event to event: each chunk has the bounds of its sessions in a column.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::ops::Range;
use std::sync::Arc;

use millimetric_core::query::Filter;

use crate::columns::Chunk;
use crate::columns::rows::Rows;
use crate::columns::session_bounds::{PageViews, SessionBounds};
use crate::columns::sessions::{PARTITIONS, SessionColumn, SessionHashes};
use crate::encoding::text::TextColumn;
use crate::query::groups::group_dictionary::{Code, GroupDictionary};
use crate::query::run;
use crate::query::run::Span;
use crate::query::select::{FilterCodes, Selection, select};
use crate::query::sessions::Session;
use crate::query::sessions::marks::Marks;
use crate::query::sessions::shared::Shared;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_core::column::Column;
use millimetric_events::StoreError;

/// Approximate number of rows whose sessions are compared in one round, which limits memory.
const ROUND_ROWS: usize = 16 << 20;
/// Most fragments of shared sessions in one round. If there are more, the query takes more rounds.
const MAX_SHARED: usize = 1 << 20;
/// Number of sessions between two checks of the query's limits.
const BLOCK: usize = 65_536;

/// The sessions of a query.
pub(crate) struct Sessions<'a> {
    pub(crate) view: &'a View,
    /// Conditions on a session's entry; all must hold.
    pub(crate) filters: &'a [Filter],
    /// Numbers the paths.
    pub(crate) dictionary: &'a GroupDictionary,
    pub(crate) context: &'a QueryContext,
}

impl Sessions<'_> {
    /// Calls `each` with every session that passes the filters. Returns what was collected, and the set of
    /// these sessions if there are filters.
    pub(crate) fn each<A: Send>(
        &self,
        start: impl Fn() -> A + Sync,
        each: impl Fn(&mut A, &Session) + Sync,
    ) -> Result<(Vec<A>, Marks), StoreError> {
        let mut rounds = self.rows().div_ceil(ROUND_ROWS).clamp(1, PARTITIONS);
        loop {
            if let Some(done) = self.in_rounds(rounds, MAX_SHARED, &start, &each)? {
                return Ok(done);
            }
            rounds = (4 * rounds).min(PARTITIONS);
        }
    }

    fn rows(&self) -> usize {
        self.view.chunks.iter().map(Chunk::rows).sum()
    }

    /// `None` if a round has too many shared sessions or needs too much memory, and there can be more
    /// rounds.
    fn in_rounds<A: Send>(
        &self,
        rounds: usize,
        max_shared: usize,
        start: impl Fn() -> A + Sync,
        each: impl Fn(&mut A, &Session) + Sync,
    ) -> Result<Option<(Vec<A>, Marks)>, StoreError> {
        let max_shared = if rounds < PARTITIONS { max_shared } else { usize::MAX };
        let Self { view, filters, dictionary, context } = *self;
        let (mut collected, mut several, mut counting) = (Vec::new(), Marks::default(), Marks::default());
        for (round, partitions) in split(0..PARTITIONS, rounds).enumerate() {
            let loaded = load(view, (rounds > 1).then_some(&partitions), context)?;
            let mut memory = context.memory();
            match memory.grow_to(loaded.iter().map(|loaded| loaded.hashes.bytes()).sum()) {
                Err(_) if rounds < PARTITIONS => return Ok(None),
                reserved => reserved?,
            }
            let hashes: Vec<&SessionHashes> = loaded.iter().map(|loaded| &*loaded.hashes).collect();
            let Some(shared) = Shared::find(&hashes, &partitions.collect::<Vec<_>>(), max_shared, context)?
            else {
                return Ok(None);
            };
            several.grow(loaded.iter().map(|chunk| chunk.sessions));
            counting.grow(loaded.iter().map(|chunk| chunk.sessions));
            for chunk in 0..loaded.len() {
                shared.of_chunk(chunk).iter().for_each(|(number, _)| several.set(chunk, *number));
            }
            let last = round + 1 == rounds;
            let (several, counting) = (&several, &counting);
            let sessionizer =
                Sessionizer { view, filters, dictionary, loaded: &loaded, shared, several, last, counting };
            let start_core = || (start(), Vec::new());
            let of_cores = run::each_of(
                &session_ranges(&loaded),
                self.rows(),
                context,
                start_core,
                |(of_core, fragments), range| {
                    sessionizer.scan(range, context, fragments, |session| each(of_core, session))
                },
            )?;
            let mut fragments = Vec::new();
            for (of_core, mut of_several) in of_cores {
                collected.push(of_core);
                fragments.append(&mut of_several);
            }
            let mut put_together = start();
            sessionizer.put_together(fragments, |session| each(&mut put_together, session));
            collected.push(put_together);
        }
        Ok(Some((collected, counting)))
    }
}

/// The sessions of a chunk.
struct Loaded {
    sessions: usize,
    hashes: Arc<SessionHashes>,
    /// The column, unless it is to be read from the cache again.
    column: Option<Arc<SessionColumn>>,
}

/// Loads the sessions of each chunk; with `partitions`, only the hashes of these.
fn load(
    view: &View,
    partitions: Option<&Range<usize>>,
    context: &QueryContext,
) -> Result<Vec<Loaded>, StoreError> {
    let rows = view.chunks.iter().map(Chunk::rows).sum();
    let indexes: Vec<usize> = (0..view.chunks.len()).collect();
    let of_cores = run::each_of(&indexes, rows, context, Vec::new, |loaded, index| {
        let chunk = &view.chunks[*index];
        let column = view.columns.sessions(chunk)?;
        let hashes = partitions.map_or_else(
            || Arc::clone(&column.hashes),
            |partitions| Arc::new(column.hashes.only(partitions)),
        );
        let sessions = column.len();
        let column = (partitions.is_none() || !chunk.is_cached()).then_some(column);
        loaded.push((*index, Loaded { sessions, hashes, column }));
        Ok(())
    })?;
    let mut loaded: Vec<(usize, Loaded)> = of_cores.into_iter().flatten().collect();
    loaded.sort_unstable_by_key(|(index, _)| *index);
    Ok(loaded.into_iter().map(|(_, loaded)| loaded).collect())
}

/// Divides a range into `count` ranges of about the same length.
fn split(range: Range<usize>, count: usize) -> impl Iterator<Item = Range<usize>> {
    let at = move |index: usize| range.start + range.len() * index / count;
    (0..count).map(move |index| at(index)..at(index + 1))
}

/// Some sessions of one chunk.
struct SessionRange {
    /// The index of the chunk in the view.
    chunk: usize,
    sessions: Range<usize>,
}

/// All sessions in units of work: one for each chunk, or several if there are few chunks.
fn session_ranges(loaded: &[Loaded]) -> Vec<SessionRange> {
    let cores = run::cores();
    let of_each = if loaded.len() >= 4 * cores { 1 } else { cores };
    let of_chunk = |(chunk, loaded): (usize, &Loaded)| {
        split(0..loaded.sessions, of_each).map(move |sessions| SessionRange { chunk, sessions })
    };
    let mut ranges: Vec<SessionRange> = loaded.iter().enumerate().flat_map(of_chunk).collect();
    ranges.retain(|range| !range.sessions.is_empty());
    // The largest first, so that the cores end at about the same time.
    ranges.sort_by_key(|range| Reverse(range.sessions.len()));
    ranges
}

/// The part of a session that is in one chunk.
#[derive(Clone, Copy)]
struct Fragment {
    hash: u64,
    chunk: usize,
    number: u32,
    session: Session,
    /// The time of its exit.
    ended_at: i64,
    /// Whether its entry passes the filters.
    passes: bool,
}

/// One round.
struct Sessionizer<'a> {
    view: &'a View,
    filters: &'a [Filter],
    dictionary: &'a GroupDictionary,
    loaded: &'a [Loaded],
    /// The shared sessions of this round.
    shared: Shared,
    /// The shared sessions of all rounds so far.
    several: &'a Marks,
    /// Whether this is the last round, in which sessions of a single chunk are counted.
    last: bool,
    counting: &'a Marks,
}

impl Sessionizer<'_> {
    /// Calls `each` with the sessions of the range that pass the filters and are in no other chunk. Adds the
    /// fragments of shared sessions to `fragments`.
    fn scan(
        &self,
        range: &SessionRange,
        context: &QueryContext,
        fragments: &mut Vec<Fragment>,
        mut each: impl FnMut(&Session),
    ) -> Result<(), StoreError> {
        let Self { view, filters, dictionary, loaded, shared, several, last, counting } = self;
        let columns = &view.columns;
        let chunk = &view.chunks[range.chunk];
        let shared = shared.of_chunk(range.chunk);
        let Some(selection) = select(view, &Span { chunk, rows: 0..chunk.rows() }, &[])? else {
            return Ok(());
        };
        let column = loaded[range.chunk].column.clone().map_or_else(|| columns.sessions(chunk), Ok)?;
        let mut paths = Paths::new(columns.text(chunk, Column::Path)?);
        let filter_codes = FilterCodes::of(columns, chunk, filters)?;
        let passes = |row: usize| filters.is_empty() || filter_codes.passes(row);
        let of_rows = self.bounds_of_rows(range, &selection, &column, &paths, passes, context)?;
        let index = |session: usize| session - range.sessions.start;
        for start in range.sessions.clone().step_by(BLOCK) {
            context.check()?;
            let block = start..range.sessions.end.min(start + BLOCK);
            let ends = match &of_rows {
                Some(ends) => Cow::Borrowed(&ends[index(block.start)..index(block.end)]),
                None => Cow::Owned(column.bounds(block)),
            };
            for (number, ends) in (start as u32..).zip(&*ends) {
                let Some((entry, exit)) = ends.rows() else { continue };
                let session = |paths: &mut Paths| Session {
                    at: selection.times.at(entry),
                    entry: paths.group(entry, dictionary),
                    exit: paths.group(exit, dictionary),
                    bounce: entry == exit,
                };
                if several.has(range.chunk, number) {
                    let Ok(at) = shared.binary_search_by_key(&number, |(number, _)| *number) else {
                        continue;
                    };
                    let (hash, session) = (shared[at].1, session(&mut paths));
                    let (ended_at, passes) = (selection.times.at(exit), passes(entry));
                    fragments.push(Fragment { hash, chunk: range.chunk, number, session, ended_at, passes });
                } else if *last && passes(entry) {
                    if !filters.is_empty() {
                        counting.set(range.chunk, number);
                    }
                    each(&session(&mut paths));
                }
            }
        }
        Ok(())
    }

    /// The bounds of these sessions within the selected rows; `None` if they are the same as those of the
    /// column.
    fn bounds_of_rows(
        &self,
        range: &SessionRange,
        selection: &Selection,
        column: &SessionColumn,
        paths: &Paths,
        passes: impl Fn(usize) -> bool,
        context: &QueryContext,
    ) -> Result<Option<Vec<SessionBounds>>, StoreError> {
        let chunk = &self.view.chunks[range.chunk];
        let whole = matches!(&selection.rows, Rows::Span(rows) if *rows == (0..chunk.rows()));
        if whole && (self.filters.is_empty() || !column.has_tied_entries) {
            return Ok(None);
        }
        let views = PageViews {
            rows: &selection.rows,
            times: &selection.times,
            sorted: selection.sorted,
            numbers: &*self.view.columns.session_numbers(chunk)?,
            sessions: range.sessions.clone(),
            paths: &paths.column,
        };
        Ok(Some(views.bounds(passes, context)?.0))
    }

    /// Merges the fragments of shared sessions, and calls `each` with the sessions that pass the filters.
    fn put_together(&self, mut fragments: Vec<Fragment>, mut each: impl FnMut(&Session)) {
        fragments.sort_unstable_by_key(|fragment| fragment.hash);
        let path = |a: u32, b: u32| if a == b { Ordering::Equal } else { self.dictionary.compare(a, b) };
        for of_session in fragments.chunk_by(|a, b| a.hash == b.hash) {
            let mut whole = of_session[0];
            for other in &of_session[1..] {
                let (mine, theirs) = (&mut whole.session, &other.session);
                let enters = theirs.at.cmp(&mine.at).then_with(|| path(theirs.entry, mine.entry));
                if enters.then_with(|| whole.passes.cmp(&other.passes)).is_lt() {
                    (mine.at, mine.entry, whole.passes) = (theirs.at, theirs.entry, other.passes);
                }
                let exits = other.ended_at.cmp(&whole.ended_at).then_with(|| path(theirs.exit, mine.exit));
                if exits.is_gt() {
                    (whole.ended_at, mine.exit) = (other.ended_at, theirs.exit);
                }
                mine.bounce = false;
            }
            if whole.passes {
                for Fragment { chunk, number, .. } in of_session {
                    self.counting.set(*chunk, *number);
                }
                each(&whole.session);
            }
        }
    }
}

/// The paths of a chunk, and their group numbers as far as they were looked up.
struct Paths {
    column: Arc<TextColumn>,
    groups: Vec<u32>,
    known: Vec<Vec<u32>>,
}

impl Paths {
    const UNKNOWN: u32 = u32::MAX;

    fn new(column: Arc<TextColumn>) -> Self {
        let known = Code::unknown(std::slice::from_ref(&column));
        Self { groups: vec![Self::UNKNOWN; column.dictionary.len()], known, column }
    }

    fn group(&mut self, row: usize, dictionary: &GroupDictionary) -> u32 {
        let code = self.column.codes.get(row);
        let group = &mut self.groups[code as usize];
        if *group == Self::UNKNOWN {
            let column = std::slice::from_ref(&self.column);
            *group = dictionary.with(|numbers| numbers.group(0, column, &[code], &mut self.known));
        }
        *group
    }
}

#[cfg(test)]
mod tests {
    use millimetric_core::event::Event;
    use millimetric_core::query::Column;

    use super::*;
    use crate::encoding::column_set::ColumnSet;
    use crate::tests::open;
    use millimetric_events::EventStore as _;
    use millimetric_events::suite::sample;
    use millimetric_events::suite::sample::{event, ever};

    #[tokio::test]
    async fn every_session_is_there_once_however_many_chunks_and_rounds_there_are() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).await;
        // Sessions 0 to 9 are in all batches; the others are in one batch each.
        let view = |batch: usize, index: usize| {
            let session = if index.is_multiple_of(2) { index / 2 % 10 } else { 100 + batch * 100 + index };
            Event {
                event_name: "$pageview".to_owned(),
                session_id: format!("session-{session}"),
                timestamp: event("").timestamp.plus_millis((batch * 1000 + index) as i64),
                path: Some(format!("/{}", session % 3)),
                ..event(&format!("e{batch}-{index}"))
            }
        };
        for batch in 0..4 {
            store.append(sample::scope(1), (0..40).map(|index| view(batch, index)).collect()).await.unwrap();
            if batch < 3 {
                store.flush_now().await.unwrap();
            }
        }
        let scope = store.state.scopes.get_or_new(sample::scope(1));
        let view = View::of(&store.state, &scope, ever(), ColumnSet::ALL);
        assert!(view.chunks.len() > 2, "they are not merged yet");
        // Four chunks have 40 fragments of ten sessions. One round may hold them; with PARTITIONS rounds
        // there is no limit.
        for (rounds, max_shared, done) in
            [(1, 40, true), (1, 39, false), (3, 40, true), (PARTITIONS, 1, true)]
        {
            let (dictionary, context) = (GroupDictionary::new(1000, None), QueryContext::default());
            let add = |sessions: &mut Vec<Session>, session: &Session| sessions.push(*session);
            let sessions = Sessions { view: &view, filters: &[], dictionary: &dictionary, context: &context };
            let found = sessions.in_rounds(rounds, max_shared, Vec::new, add).unwrap();
            assert_eq!(found.is_some(), done, "{rounds} rounds of {max_shared}");
            let Some((sessions, _)) = found else { continue };
            let sessions = sessions.concat();
            let alone = sessions.iter().filter(|session| session.bounce).count();
            assert_eq!((sessions.len(), alone), (90, 80), "{rounds} rounds");
            assert!(sessions.iter().all(|session| session.entry == session.exit));
        }
    }

    #[tokio::test]
    async fn of_page_views_with_equal_time_and_path_the_entry_is_one_that_passes_the_filters() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).await;
        let view = |session: &str, path: &str, country: &str| Event {
            event_name: "$pageview".to_owned(),
            session_id: session.to_owned(),
            path: Some(path.to_owned()),
            country: country.parse().unwrap(),
            ..event(&format!("{session}{path}{country}"))
        };
        let views = ["tied /a DE", "tied /a FR", "by-path /a DE", "by-path /b FR"].map(|text| {
            let [session, path, country] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("{text}") };
            view(session, path, country)
        });
        store.append(sample::scope(1), views.to_vec()).await.unwrap();
        for flushed in [false, true] {
            if flushed {
                store.flush_now().await.unwrap();
            }
            let scope = store.state.scopes.get_or_new(sample::scope(1));
            let view = View::of(&store.state, &scope, ever(), ColumnSet::ALL);
            for (country, expected) in [("DE", 2), ("FR", 1), ("IT", 0)] {
                let filters = [Filter { column: Column::Country, value: country.to_owned() }];
                let (dictionary, context) = (GroupDictionary::new(1000, None), QueryContext::default());
                let sessions =
                    Sessions { view: &view, filters: &filters, dictionary: &dictionary, context: &context };
                let (counts, _) = sessions.each(|| 0, |count, _| *count += 1).unwrap();
                assert_eq!(counts.iter().sum::<usize>(), expected, "{country}, flushed: {flushed}");
            }
        }
    }
}
