//! The events of each visitor in order of time, for queries that follow visitors from event to event.
//!
//! Each core first gathers relevant rows into partitions by visitor. Then cores take one partition at a
//! time, group it by visitor, and follow each visitor. The number of rows of a round is limited. If there
//! are more relevant rows, or more visitors than one query may number, several rounds read the columns
//! again.

pub(crate) mod by_name;
mod layout;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub(crate) use self::by_name::ByName;
pub(crate) use self::by_name::Event;
pub(crate) use self::by_name::follow;
use self::layout::{Blocks, Gathered};
use crate::columns::Chunk;
use crate::columns::visitor_table::VisitorTable;
use crate::query::groups::visitors_if_many;
use crate::query::run;
use crate::query::run::Span;
use crate::query::select::{Selection, select};
use crate::query::view::View;
use crate::resources::query_context::{QueryContext, Reservation};
use millimetric_events::StoreError;

/// Approximate number of rows gathered in one round; each takes 16 to 32 bytes.
const ROUND_ROWS: usize = 6 << 20;
/// Approximate number of rows of one partition: small enough to be grouped within a processor cache, and
/// large enough to keep the number of partitions small, since all of them are written at once.
const PARTITION_ROWS: usize = 65_536;
const MAX_PARTITIONS: usize = 32;
/// Number of rounds from which on a round is not split any further.
const MAX_ROUNDS: u64 = 1 << 16;

/// An event of a visitor, with the data that the query needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimelineEvent<T> {
    visitor: u32,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) what: T,
}

/// How the rows of a query are distributed over rounds and partitions.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Number of rounds at the start.
    rounds: u64,
    /// Number of rows of a round from which on it is split in two.
    max_events: usize,
    /// The lowest bits of a visitor's number are the number of the partition.
    partition_bits: u32,
    /// Whether there are too many visitors to number all of them.
    many_visitors: bool,
    /// A bitmap of the visitors to follow; all if absent.
    only: Option<Vec<u64>>,
}

impl Plan {
    pub(crate) fn of(view: &View, context: &QueryContext) -> Result<Self, StoreError> {
        let rows: usize = view.chunks.iter().map(Chunk::rows).sum();
        let visitors = visitors_if_many(view, &[], context)?;
        let for_visitors = visitors.map_or(1, |visitors| {
            // The estimate may be a few percent too low.
            (visitors + visitors / 8).div_ceil(view.limits.exact_visitors as u64)
        });
        let rounds = (rows.div_ceil(ROUND_ROWS) as u64).max(for_visitors).max(1);
        let partitions = rows.div_ceil(rounds as usize).div_ceil(PARTITION_ROWS).clamp(1, MAX_PARTITIONS);
        let partition_bits = partitions.next_power_of_two().trailing_zeros();
        let many_visitors = visitors.is_some();
        Ok(Self { rounds, max_events: 2 * ROUND_ROWS, partition_bits, many_visitors, only: None })
    }

    /// Whether visitors have the same number in all rounds.
    pub(crate) fn numbers_visitors(&self) -> bool {
        !self.many_visitors
    }

    /// Restricts the plan to these visitors, and tries one round first.
    pub(crate) fn restrict(&mut self, only: Vec<u64>) {
        (self.only, self.rounds) = (Some(only), 1);
    }

    /// Whether a numbered visitor belongs to the round.
    fn concerns(&self, visitor: u32, round: Round) -> bool {
        round.of == 1 || u64::from(visitor >> self.partition_bits) % round.of == round.turn
    }

    fn partitions(&self) -> usize {
        1 << self.partition_bits
    }
}

/// The visitors whose number or hash has the remainder `turn` modulo `of`.
#[derive(Debug, Clone, Copy)]
struct Round {
    turn: u64,
    of: u64,
}

/// Gathers the events of one span.
pub(crate) struct Gatherer<'a, T> {
    partitions: &'a mut [Blocks<T>],
    /// Number of gathered events.
    taken: usize,
    plan: &'a Plan,
    round: Round,
    visitors: Visitors<'a>,
}

/// The visitor of each row of a chunk.
enum Visitors<'a> {
    Numbers(Arc<Vec<u32>>),
    /// Hashes, to be numbered in a table of this round.
    Hashes(Arc<Vec<u64>>, &'a VisitorTable),
}

impl<T: Copy> Gatherer<'_, T> {
    /// Gathers the selected rows with a mark other than 0 whose visitor belongs to this round, in their
    /// order. `what` gets the index in the selection and the row.
    pub(crate) fn take(
        &mut self,
        selection: &Selection,
        marks: &[u8],
        mut what: impl FnMut(usize, usize) -> T,
    ) {
        let Self { partitions, taken, plan, round, visitors } = self;
        let last = partitions.len() - 1;
        let mut push = |visitor: u32, index: usize| {
            let row = selection.rows.at(index);
            let event = TimelineEvent { visitor, at: selection.times.at(row), what: what(index, row) };
            partitions[visitor as usize & last].push(event);
            *taken += 1;
        };
        match visitors {
            Visitors::Numbers(numbers) => {
                let numbers = selection.rows.values(numbers);
                let keep = |index: usize| {
                    if plan.concerns(numbers[index], *round) {
                        push(numbers[index], index);
                    }
                };
                match &plan.only {
                    Some(only) => each_marked(&numbers, marks, |number| has(only, number), keep),
                    None => each_marked(&numbers, marks, |_| true, keep),
                }
            }
            Visitors::Hashes(hashes, table) => {
                let hashes = selection.rows.values(hashes);
                let concerned = |hash: u64| hash % round.of == round.turn;
                each_marked(&hashes, marks, concerned, |index| push(table.number(hashes[index]), index));
            }
        }
    }
}

/// Calls `each` with every index whose mark is not 0 and whose value `accepts` returns true. It filters
/// blocks without branches, because the result is unpredictable.
fn each_marked<V: Copy>(
    values: &[V],
    marks: &[u8],
    accepts: impl Fn(V) -> bool,
    mut each: impl FnMut(usize),
) {
    const BLOCK: usize = 1024;
    let mut accepted = [0_u32; BLOCK];
    for (block, (values, marks)) in values.chunks(BLOCK).zip(marks.chunks(BLOCK)).enumerate() {
        let mut count = 0;
        for (index, (value, mark)) in (0..).zip(values.iter().zip(marks)) {
            accepted[count] = index;
            count += usize::from((*mark != 0) & accepts(*value));
        }
        accepted[..count].iter().for_each(|index| each(block * BLOCK + *index as usize));
    }
}

/// Whether the bit of a number is set.
fn has(bits: &[u64], number: u32) -> bool {
    bits.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
}

/// Gathers the events of one round after the other, and calls `with` on each. `each` gathers the relevant
/// rows among the selected rows of a span.
pub(crate) fn each_round<T: Copy + Send>(
    view: &View,
    plan: &Plan,
    context: &QueryContext,
    each: impl Fn(&Span<'_>, &Selection, &mut Gatherer<'_, T>) -> Result<(), StoreError> + Sync,
    mut with: impl FnMut(Gathered<T>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut rounds: Vec<Round> = (0..plan.rounds).map(|turn| Round { turn, of: plan.rounds }).collect();
    while let Some(round) = rounds.pop() {
        if let Some(gathered) = gather(view, plan, round, context, &each)? {
            with(gathered)?;
        } else {
            let Round { turn, of } = round;
            rounds.extend([turn, turn + of].map(|turn| Round { turn, of: 2 * of }));
        }
    }
    Ok(())
}

/// Gathers the events of one round; `None` if there are too many and the round can be split.
fn gather<T: Copy + Send>(
    view: &View,
    plan: &Plan,
    round: Round,
    context: &QueryContext,
    each: impl Fn(&Span<'_>, &Selection, &mut Gatherer<'_, T>) -> Result<(), StoreError> + Sync,
) -> Result<Option<Gathered<T>>, StoreError> {
    let table = VisitorTable::new(0);
    let columns = &view.columns;
    let held = AtomicUsize::new(0);
    // Splitting cannot divide the rows of one visitor, so it has a limit.
    let is_too_much = || round.of < MAX_ROUNDS && held.load(Relaxed) > plan.max_events;
    let empty = || std::iter::repeat_with(Blocks::default).take(plan.partitions()).collect::<Vec<_>>();
    let start = || Core { partitions: empty(), taken: 0, memory: context.memory() };
    let cores = run::each_span(view, context, start, |core, span| {
        if is_too_much() {
            return Ok(());
        }
        let Some(selection) = select(view, span, &[])? else { return Ok(()) };
        let visitors = if plan.many_visitors {
            Visitors::Hashes(columns.visitor_hashes(span.chunk)?, &table)
        } else {
            Visitors::Numbers(columns.visitors(span.chunk, &view.visitors)?)
        };
        let mut gatherer = Gatherer { partitions: &mut core.partitions, taken: 0, plan, round, visitors };
        each(span, &selection, &mut gatherer)?;
        let taken = gatherer.taken;
        core.taken += taken;
        held.fetch_add(taken, Relaxed);
        match core.memory.grow_to(core.taken * size_of::<TimelineEvent<T>>()) {
            // Half of the visitors need half of the memory.
            Err(_) if round.of < MAX_ROUNDS => {
                held.fetch_max(plan.max_events.saturating_add(1), Relaxed);
                Ok(())
            }
            reserved => reserved,
        }
    })?;
    let (lists, memory) = cores.into_iter().map(|core| (core.partitions, core.memory)).unzip();
    Ok((!is_too_much()).then_some(Gathered { partition_bits: plan.partition_bits, lists, _memory: memory }))
}

/// What one core has gathered.
struct Core<T> {
    partitions: Vec<Blocks<T>>,
    taken: usize,
    memory: Reservation,
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::layout::Layout;
    use super::*;
    use crate::EmbeddedStore;
    use crate::query::view::Reads;
    use crate::tests::open;
    use millimetric_events::EventStore as _;
    use millimetric_events::suite::sample;
    use millimetric_events::suite::sample::{event, ever};

    #[test]
    fn events_are_laid_out_by_visitor_and_keep_their_order() {
        let event = |(visitor, at)| TimelineEvent { visitor, at, what: () };
        let first = [(8, 1), (0, 2), (4, 3), (8, 4)].map(event);
        let second = [(0, 1), (4, 9), (12, 5)].map(event);
        let mut layout = Layout::default();
        for _ in 0..2 {
            layout.lay_out(2, [first.as_slice(), second.as_slice()].into_iter());
            let mut seen = Vec::new();
            layout.each_visitor(|events| {
                seen.push((events[0].visitor, events.iter().map(|event| event.at).collect::<Vec<_>>()));
            });
            assert_eq!(seen, [(0, vec![2, 1]), (4, vec![3, 9]), (8, vec![1, 4]), (12, vec![5])]);
        }
        layout.lay_out(2, std::iter::empty());
        layout.each_visitor(|_| panic!("nobody is there"));
    }

    /// The event times of each visitor, as followed under a plan.
    fn followed(view: &View, plan: &Plan) -> Vec<Vec<i64>> {
        let context = QueryContext::default();
        let mut timelines = Vec::new();
        let all = |_: &Span<'_>, selection: &Selection, gatherer: &mut Gatherer<'_, ()>| {
            gatherer.take(selection, &vec![1; selection.rows.len()], |_, _| ());
            Ok(())
        };
        let times = |events: &mut [TimelineEvent<()>]| events.iter().map(|event| event.at).collect();
        let each =
            |of_core: &mut Vec<Vec<i64>>, events: &mut [TimelineEvent<()>]| of_core.push(times(events));
        let follow = |gathered: Gathered<()>| {
            let of_cores = gathered.follow(&context, |(), ()| Ordering::Equal, Vec::new, each)?;
            timelines.extend(of_cores.concat());
            Ok(())
        };
        each_round(view, plan, &context, all, follow).unwrap();
        timelines.sort();
        timelines
    }

    /// Stores events of forty visitors in several chunks, and returns the times of each visitor.
    pub(crate) async fn forty_visitors(store: &EmbeddedStore) -> Vec<Vec<i64>> {
        let mut times = vec![Vec::new(); 40];
        for batch in 0..3 {
            let number = |index: i64| batch * 100 + index;
            let events = (0..100).map(|index| {
                let mut event = event(&format!("e{}", number(index)));
                event.anonymous_id = format!("visitor-{}", number(index) * 7 % 40);
                event.timestamp = event.timestamp.plus_millis(-number(index) * 13 % 997);
                times[number(index) as usize * 7 % 40].push(event.timestamp.millis());
                event
            });
            store.append(sample::scope(1), events.collect()).await.unwrap();
            if batch < 2 {
                store.flush_now().await.unwrap();
            }
        }
        for times in &mut times {
            times.sort_unstable();
        }
        times.sort();
        times
    }

    #[tokio::test]
    async fn every_visitor_is_followed_once_however_many_rounds_and_parts_there_are() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).await;
        let expected = forty_visitors(&store).await;
        let scope = store.state.scopes.get_or_new(sample::scope(1));
        let view = View::of(&store.state, &scope, ever(), millimetric_core::time::Timestamp::MIN, Reads::ALL);
        for (rounds, partition_bits, max_events) in [
            (1, 0, 300),
            (1, 4, 300),
            (3, 0, 300),
            (3, 2, 300),
            (100, 3, 300),
            (1, 0, 20),
            (3, 2, 50),
            (1, 1, 0),
        ] {
            for many_visitors in [false, true] {
                let plan = Plan { rounds, max_events, partition_bits, many_visitors, only: None };
                assert_eq!(followed(&view, &plan), expected, "{plan:?}");
            }
        }
    }
}
