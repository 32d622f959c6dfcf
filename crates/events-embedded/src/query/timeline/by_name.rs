//! Follows visitors for queries that need only the times and names of events: reads the timeline columns of
//! the chunks.
//!
//! Each core takes one range of visitors at a time, groups their events by visitor, and follows each
//! visitor.

use std::ops::Range;
use std::sync::Arc;

use crate::columns::Chunk;
use crate::columns::rows::Rows;
use crate::columns::timeline::TimelineColumn;
use crate::encoding::text::{Dictionary, widen, with_codes};
use crate::query::run;
use crate::query::run::Span;
use crate::query::select::select;
use crate::query::timeline::has;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// Approximate number of rows whose columns are in memory at once.
const ROUND_ROWS: usize = 16 << 20;
/// Approximate bytes of the columns of a round, for each row.
const ROW_BYTES: usize = 8;
/// Approximate number of rows of one partition: small enough to be grouped within a processor cache, and
/// large enough that the number of chunks hardly matters.
const PARTITION_ROWS: usize = 262_144;
/// Most visitors of one partition, since many of them may not be followed.
const PARTITION_VISITORS: usize = 16_384;

/// A query that follows visitors by the names of their events.
pub(crate) trait ByName: Sync {
    /// The result of one core.
    type Found: Send;

    /// An empty result.
    fn start(&self) -> Self::Found;

    /// Returns the mark of each event name, by its code; 0 for names that the query does not need. Events of
    /// the same millisecond are ordered by mark.
    fn marks(&self, names: &Dictionary) -> Vec<u8>;

    /// Adds the events of one visitor, ordered by time and mark.
    fn add(&self, events: &[Event], found: &mut Self::Found);
}

/// The time and the mark of an event, packed into eight bytes; ordered by time, then mark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Event(i64);

impl Event {
    /// Times of the years 1 to 9999 need 49 of the 56 bits.
    fn new(at: i64, mark: u8) -> Self {
        Self(at << 8 | i64::from(mark))
    }

    /// Milliseconds since 1970.
    pub(crate) fn at(self) -> i64 {
        self.0 >> 8
    }

    /// The mark of its name; not 0.
    pub(crate) fn mark(self) -> u8 {
        self.0 as u8
    }
}

/// Follows all visitors of the view, or those whose bits are set in `only`. All visitors must be numbered.
/// Returns the result of each core.
pub(crate) fn follow<Q: ByName>(
    view: &View,
    query: &Q,
    only: Option<&[u64]>,
    context: &QueryContext,
) -> Result<Vec<Q::Found>, StoreError> {
    let rows: usize = view.chunks.iter().map(Chunk::rows).sum();
    let rounds = rows.div_ceil(ROUND_ROWS).max(1);
    let mut memory = context.memory();
    memory.grow_to(rows / rounds * ROW_BYTES)?;
    follow_in_rounds(view, query, only, rounds, context)
}

fn follow_in_rounds<Q: ByName>(
    view: &View,
    query: &Q,
    only: Option<&[u64]>,
    rounds: usize,
    context: &QueryContext,
) -> Result<Vec<Q::Found>, StoreError> {
    if rounds == 1 {
        let loaded = load(view, query, None, context)?;
        return follow_loaded(view, query, &loaded, only, 0..view.visitors.len() as u32, context);
    }
    // The number of visitors is known only after the visitors of all chunks are numbered.
    for chunk in &view.chunks {
        context.check()?;
        view.columns.visitors(chunk, &view.visitors)?;
    }
    let of_round = view.visitors.len().div_ceil(rounds);
    let mut found = Vec::new();
    for visitors in split(0..view.visitors.len() as u32, of_round as u32) {
        let loaded = load(view, query, Some(&visitors), context)?;
        found.extend(follow_loaded(view, query, &loaded, only, visitors, context)?);
    }
    Ok(found)
}

/// Divides a range into ranges of this length.
fn split(range: Range<u32>, length: u32) -> impl Iterator<Item = Range<u32>> {
    range.clone().step_by(length.max(1) as usize).map(move |start| start..range.end.min(start + length))
}

/// The timelines of one chunk.
struct Loaded {
    column: Arc<TimelineColumn>,
    /// The mark of each event name, by its code.
    marks: Vec<u8>,
}

/// Loads the timelines of each chunk without hidden rows, of these visitors or of all.
fn load<Q: ByName>(
    view: &View,
    query: &Q,
    visitors: Option<&Range<u32>>,
    context: &QueryContext,
) -> Result<Vec<Loaded>, StoreError> {
    let (columns, table) = (&view.columns, &view.visitors);
    let rows = view.chunks.iter().map(Chunk::rows).sum();
    let of_cores = run::each_of(&view.chunks, rows, context, Vec::new, |loaded, chunk| {
        let column = if view.tombstones.concerns(chunk) {
            let selection = select(view, &Span { chunk, rows: 0..chunk.rows() }, &[])?;
            let rows = selection.map_or(Rows::Span(0..0), |selection| selection.rows);
            Arc::new(columns.timeline_of(chunk, &rows, table)?)
        } else {
            columns.timeline(chunk, table)?
        };
        let column = visitors.map_or_else(|| Arc::clone(&column), |visitors| Arc::new(column.only(visitors)));
        let marks = query.marks(&column.names.dictionary);
        if marks.iter().any(|mark| *mark != 0) {
            loaded.push((chunk.earliest(), Loaded { column, marks }));
        }
        Ok(())
    })?;
    let mut loaded: Vec<(i64, Loaded)> = of_cores.into_iter().flatten().collect();
    // In order of time, so that the events of most visitors need no sorting.
    loaded.sort_by_key(|(earliest, _)| *earliest);
    Ok(loaded.into_iter().map(|(_, loaded)| loaded).collect())
}

fn follow_loaded<Q: ByName>(
    view: &View,
    query: &Q,
    loaded: &[Loaded],
    only: Option<&[u64]>,
    visitors: Range<u32>,
    context: &QueryContext,
) -> Result<Vec<Q::Found>, StoreError> {
    let rows: usize = loaded.iter().map(|loaded| loaded.column.rows()).sum();
    let visitors_per_partition = (visitors.len() * PARTITION_ROWS / rows.max(1)).clamp(1, PARTITION_VISITORS);
    let partitions: Vec<Range<u32>> = split(visitors, visitors_per_partition as u32).collect();
    let start = || (query.start(), Partition::default());
    let of_cores = run::each_of(&partitions, rows, context, start, |(found, partition), visitors| {
        partition.lay_out(view, loaded, only, visitors);
        partition.follow(query, found);
        Ok(())
    })?;
    Ok(of_cores.into_iter().map(|(found, _)| found).collect())
}

/// The events of a range of visitors, grouped by visitor.
#[derive(Default)]
struct Partition {
    events: Vec<Event>,
    /// The start and end index of each visitor's events.
    starts: Vec<u32>,
    ends: Vec<u32>,
    /// The indexes of followed visitors in the columns, chunk by chunk.
    followed: Vec<u32>,
}

impl Partition {
    /// A counting sort by visitor of the events of followed visitors.
    fn lay_out(&mut self, view: &View, loaded: &[Loaded], only: Option<&[u64]>, visitors: &Range<u32>) {
        let Self { events, starts, ends, followed } = self;
        ends.clear();
        ends.resize(visitors.len(), 0);
        followed.clear();
        let mut of_chunk = Vec::with_capacity(loaded.len());
        for loaded in loaded {
            let first = followed.len();
            loaded.add_followed(visitors, only, followed);
            of_chunk.push(first..followed.len());
            let TimelineColumn { visitors: numbers, starts, .. } = &*loaded.column;
            for index in followed[first..].iter().map(|index| *index as usize) {
                ends[(numbers[index] - visitors.start) as usize] += starts[index + 1] - starts[index];
            }
        }
        let mut all = 0;
        for end in ends.iter_mut() {
            (*end, all) = (all, all + *end);
        }
        starts.clone_from(ends);
        if events.len() < all as usize {
            events.resize(all as usize, Event::default());
        }
        let range = view.from..view.to;
        for (loaded, indexes) in loaded.iter().zip(of_chunk) {
            loaded.put_events(&range, &followed[indexes], visitors.start, ends, events);
        }
    }

    fn follow<Q: ByName>(&mut self, query: &Q, found: &mut Q::Found) {
        for (start, end) in self.starts.iter().zip(&self.ends) {
            let events = &mut self.events[*start as usize..*end as usize];
            if !events.is_empty() {
                if !events.is_sorted() {
                    events.sort_unstable();
                }
                query.add(events, found);
            }
        }
    }
}

impl Loaded {
    /// Adds the indexes in the column of those of these visitors who are followed.
    fn add_followed(&self, visitors: &Range<u32>, only: Option<&[u64]>, followed: &mut Vec<u32>) {
        let indexes = self.column.indexes(visitors);
        let numbers = &self.column.visitors[indexes.clone()];
        let indexes = indexes.start as u32..indexes.end as u32;
        let Some(only) = only else { return followed.extend(indexes) };
        let mut count = followed.len();
        followed.resize(count + indexes.len() + 1, 0);
        // Branchless: whether a visitor is followed is unpredictable.
        for (index, number) in indexes.zip(numbers) {
            followed[count] = index;
            count += usize::from(has(only, *number));
        }
        followed.truncate(count);
    }

    /// Writes the relevant events of the visitors at these indexes behind the events of each visitor so far.
    fn put_events(
        &self,
        range: &Range<i64>,
        indexes: &[u32],
        first: u32,
        ends: &mut [u32],
        events: &mut [Event],
    ) {
        let Self { column, marks } = self;
        let TimelineColumn { visitors, starts, times, names, .. } = &**column;
        with_codes!(&names.codes, |codes| for index in indexes.iter().map(|index| *index as usize) {
            let rows = starts[index] as usize..starts[index + 1] as usize;
            let end = &mut ends[(visitors[index] - first) as usize];
            let room = &mut events[*end as usize..][..rows.len()];
            let mut count = 0;
            // Branchless: whether an event is relevant is unpredictable.
            for row in rows {
                let (at, mark) = (times.at(row), marks[widen(codes[row]) as usize]);
                room[count] = Event::new(at, mark);
                count += usize::from((mark != 0) & range.contains(&at));
            }
            *end += count as u32;
        });
    }
}

#[cfg(test)]
mod tests {
    use millimetric_core::time::Timestamp;

    use super::*;
    use crate::query::timeline::tests::forty_visitors;
    use crate::query::view::Reads;
    use crate::tests::open;
    use millimetric_events::suite::sample;
    use millimetric_events::suite::sample::ever;

    /// The times of each visitor's events.
    struct Times;

    impl ByName for Times {
        type Found = Vec<Vec<i64>>;

        fn start(&self) -> Self::Found {
            Vec::new()
        }

        fn marks(&self, names: &Dictionary) -> Vec<u8> {
            vec![255; names.len()]
        }

        fn add(&self, events: &[Event], found: &mut Self::Found) {
            assert!(events.iter().all(|event| event.mark() == 255));
            found.push(events.iter().map(|event| event.at()).collect());
        }
    }

    #[test]
    fn events_are_ordered_by_time_then_mark_and_keep_both() {
        let times = [Timestamp::MIN.millis(), -1, 0, 1, Timestamp::MAX.millis()];
        let all: Vec<(i64, u8)> =
            times.into_iter().flat_map(|at| [1, 17, 255].map(|mark| (at, mark))).collect();
        let events: Vec<Event> = all.iter().map(|(at, mark)| Event::new(*at, *mark)).collect();
        assert!(events.is_sorted());
        assert_eq!(events.iter().map(|event| (event.at(), event.mark())).collect::<Vec<_>>(), all);
    }

    #[tokio::test]
    async fn those_who_matter_are_followed_once_however_many_rounds_there_are() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).await;
        let expected = forty_visitors(&store).await;
        let scope = store.state.scopes.get_or_new(sample::scope(1));
        let mut view = View::of(&store.state, &scope, ever(), Timestamp::MIN, Reads::ALL);
        let follow = |view: &View, only: Option<&[u64]>, rounds| {
            let mut times =
                follow_in_rounds(view, &Times, only, rounds, &QueryContext::default()).unwrap().concat();
            times.sort();
            times
        };
        for rounds in [1, 2, 3, 100] {
            assert_eq!(follow(&view, None, rounds), expected, "{rounds} rounds");
        }
        let one_by_one = |visitors: &[u64]| {
            let mut times: Vec<_> =
                visitors.iter().flat_map(|visitor| follow(&view, Some(&[1 << visitor]), 1)).collect();
            times.sort();
            times
        };
        assert_eq!(one_by_one(&(0..40).collect::<Vec<_>>()), expected);
        assert_eq!(one_by_one(&[1, 2, 5, 7]), follow(&view, Some(&[0b1010_0110]), 3));
        assert_eq!(follow(&view, Some(&[]), 1), Vec::<Vec<i64>>::new());
        // A range that begins and ends within chunks.
        let mut all: Vec<i64> = expected.concat();
        all.sort_unstable();
        (view.from, view.to) = (all[40], all[200]);
        for rounds in [1, 3] {
            let mut found = follow(&view, None, rounds).concat();
            found.sort_unstable();
            assert_eq!(found, all[40..200], "{rounds} rounds");
        }
    }
}
