//! Journeys of which only times and names matter: read from what each chunk has of them by visitor.
//!
//! Cores take one range of visitors after the other, lay out the events of those who matter, and follow
//! each of them.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use super::{Moment, by_time, has};
use crate::StoreError;
use crate::embedded::columns::Chunk;
use crate::embedded::journey_column::JourneyColumn;
use crate::embedded::kernel::run::{self, Span, Stop};
use crate::embedded::kernel::select::{Rows, select};
use crate::embedded::text::{Dictionary, widen, with_codes};
use crate::embedded::view::View;

/// Rows of chunks whose columns are held at once, about.
const ROUND_ROWS: usize = 16 << 20;
/// Rows of one part, about: few enough to be laid out within the processor's own cache, and so many that
/// it does not weigh how many chunks there are.
const PART_ROWS: usize = 262_144;
/// Visitors of one part, at most: many are not followed.
const PART_VISITORS: usize = 16_384;

/// A question that follows people by the names of their events.
pub(in crate::embedded::kernel) trait ByName: Sync {
    /// What it wants to know of an event.
    type What: Copy + Send + Sync;
    /// What it finds out.
    type Found: Send;

    /// Nothing found yet.
    fn start(&self) -> Self::Found;

    /// What it wants to know of an event, by the code of its name; `None` for names that do not matter.
    fn whats(&self, names: &Dictionary) -> Vec<Option<Self::What>>;

    /// The order of events of one millisecond.
    fn order(&self, a: &Self::What, b: &Self::What) -> Ordering;

    /// Adds a visitor's events that matter, in order.
    fn add(&self, moments: &[Moment<Self::What>], found: &mut Self::Found);
}

/// Follows everybody in the view, or those alone whose numbers' bits are set; the visitors must be few
/// enough to be numbered. Gives what each core found.
pub(in crate::embedded::kernel) fn follow<Q: ByName>(
    view: &View,
    question: &Q,
    only: Option<&[u64]>,
    stop: &Stop,
) -> Result<Vec<Q::Found>, StoreError> {
    let rows: usize = view.chunks.iter().map(Chunk::rows).sum();
    follow_in_rounds(view, question, only, rows.div_ceil(ROUND_ROWS).max(1), stop)
}

fn follow_in_rounds<Q: ByName>(
    view: &View,
    question: &Q,
    only: Option<&[u64]>,
    rounds: usize,
    stop: &Stop,
) -> Result<Vec<Q::Found>, StoreError> {
    if rounds == 1 {
        let loaded = load(view, question, None, stop)?;
        return follow_loaded(view, question, &loaded, only, 0..view.visitors.len() as u32, stop);
    }
    // Only then all of them have numbers.
    for chunk in &view.chunks {
        stop.check()?;
        view.shared.columns.visitors(chunk, &view.visitors)?;
    }
    let of_round = view.visitors.len().div_ceil(rounds);
    let mut found = Vec::new();
    for visitors in split(0..view.visitors.len() as u32, of_round as u32) {
        let loaded = load(view, question, Some(&visitors), stop)?;
        found.extend(follow_loaded(view, question, &loaded, only, visitors, stop)?);
    }
    Ok(found)
}

/// A range in ranges of this length.
fn split(range: Range<u32>, length: u32) -> impl Iterator<Item = Range<u32>> {
    range.clone().step_by(length.max(1) as usize).map(move |start| start..range.end.min(start + length))
}

/// The journeys in one chunk.
struct Loaded<T> {
    column: Arc<JourneyColumn>,
    /// By the code of a name.
    whats: Vec<Option<T>>,
    /// Whether all of them are in range.
    whole: bool,
}

/// The journeys in each chunk, of these visitors or of all; without hidden rows.
fn load<Q: ByName>(
    view: &View,
    question: &Q,
    visitors: Option<&Range<u32>>,
    stop: &Stop,
) -> Result<Vec<Loaded<Q::What>>, StoreError> {
    let (columns, table) = (&view.shared.columns, &view.visitors);
    let rows = view.chunks.iter().map(Chunk::rows).sum();
    let of_cores = run::each_of(&view.chunks, rows, stop, Vec::new, |loaded, chunk| {
        let column = if view.hiding.concerns(chunk) {
            let selection = select(view, &Span { chunk, rows: 0..chunk.rows() }, &[])?;
            let rows = selection.map_or(Rows::Span(0..0), |selection| selection.rows);
            Arc::new(columns.journeys_of(chunk, &rows, table)?)
        } else {
            columns.journeys(chunk, table)?
        };
        let column = visitors.map_or_else(|| Arc::clone(&column), |visitors| Arc::new(column.only(visitors)));
        let whats = question.whats(&column.names.dictionary);
        let whole = view.from <= chunk.earliest() && chunk.latest() < view.to;
        if whats.iter().any(Option::is_some) {
            loaded.push((chunk.earliest(), Loaded { column, whats, whole }));
        }
        Ok(())
    })?;
    let mut loaded: Vec<(i64, Loaded<Q::What>)> = of_cores.into_iter().flatten().collect();
    // So that most visitors' events come in order.
    loaded.sort_by_key(|(earliest, _)| *earliest);
    Ok(loaded.into_iter().map(|(_, loaded)| loaded).collect())
}

fn follow_loaded<Q: ByName>(
    view: &View,
    question: &Q,
    loaded: &[Loaded<Q::What>],
    only: Option<&[u64]>,
    visitors: Range<u32>,
    stop: &Stop,
) -> Result<Vec<Q::Found>, StoreError> {
    let rows: usize = loaded.iter().map(|loaded| loaded.column.rows()).sum();
    let of_part = (visitors.len() * PART_ROWS / rows.max(1)).clamp(1, PART_VISITORS);
    let parts: Vec<Range<u32>> = split(visitors, of_part as u32).collect();
    let start = || (question.start(), Part::default());
    let of_cores = run::each_of(&parts, rows, stop, start, |(found, part), visitors| {
        part.lay_out(view, loaded, only, visitors);
        part.follow(question, found);
        Ok(())
    })?;
    Ok(of_cores.into_iter().map(|(found, _)| found).collect())
}

/// The events of a range of visitors.
struct Part<T> {
    moments: Vec<Moment<T>>,
    /// Where the moments of each visitor begin and end.
    starts: Vec<u32>,
    ends: Vec<u32>,
    /// The places of those who are followed, chunk by chunk.
    followed: Vec<u32>,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self { moments: Vec::new(), starts: Vec::new(), ends: Vec::new(), followed: Vec::new() }
    }
}

impl<T: Copy> Part<T> {
    /// A counting sort by visitor, of those who are followed.
    fn lay_out(&mut self, view: &View, loaded: &[Loaded<T>], only: Option<&[u64]>, visitors: &Range<u32>) {
        let Self { moments, starts, ends, followed } = self;
        ends.clear();
        ends.resize(visitors.len(), 0);
        followed.clear();
        let mut of_chunk = Vec::with_capacity(loaded.len());
        for loaded in loaded {
            let first = followed.len();
            loaded.add_followed(visitors, only, followed);
            of_chunk.push(first..followed.len());
            let JourneyColumn { visitors: numbers, starts, .. } = &*loaded.column;
            for place in followed[first..].iter().map(|place| *place as usize) {
                ends[(numbers[place] - visitors.start) as usize] += starts[place + 1] - starts[place];
            }
        }
        let mut all = 0;
        for end in ends.iter_mut() {
            (*end, all) = (all, all + *end);
        }
        starts.clone_from(ends);
        for (loaded, places) in loaded.iter().zip(of_chunk) {
            let Some(any) = loaded.whats.iter().flatten().next() else { continue };
            if moments.len() < all as usize {
                moments.resize(all as usize, Moment { visitor: 0, at: 0, what: *any });
            }
            loaded.each_event(view, &followed[places], |moment| {
                let end = &mut ends[(moment.visitor - visitors.start) as usize];
                moments[*end as usize] = moment;
                *end += 1;
            });
        }
    }

    fn follow<Q: ByName<What = T>>(&mut self, question: &Q, found: &mut Q::Found) {
        for (start, end) in self.starts.iter().zip(&self.ends) {
            if start < end {
                let moments = &mut self.moments[*start as usize..*end as usize];
                by_time(moments, |a, b| question.order(a, b));
                question.add(moments, found);
            }
        }
    }
}

impl<T: Copy> Loaded<T> {
    /// Adds the places of these visitors in the column, without those who are not followed.
    fn add_followed(&self, visitors: &Range<u32>, only: Option<&[u64]>, followed: &mut Vec<u32>) {
        let places = self.column.places(visitors);
        let numbers = &self.column.visitors[places.clone()];
        let places = places.start as u32..places.end as u32;
        let Some(only) = only else { return followed.extend(places) };
        let mut count = followed.len();
        followed.resize(count + places.len() + 1, 0);
        // Without a branch for each, which could not be foretold.
        for (place, number) in places.zip(numbers) {
            followed[count] = place;
            count += usize::from(has(only, *number));
        }
        followed.truncate(count);
    }

    /// Calls `each` with every event that matters of the visitors at these places.
    fn each_event(&self, view: &View, places: &[u32], mut each: impl FnMut(Moment<T>)) {
        let Self { column, whats, whole } = self;
        let JourneyColumn { visitors, starts, times, names, .. } = &**column;
        with_codes!(&names.codes, |codes| for place in places.iter().map(|place| *place as usize) {
            let visitor = visitors[place];
            for row in starts[place] as usize..starts[place + 1] as usize {
                let Some(what) = whats[widen(codes[row]) as usize] else { continue };
                let at = times.at(row);
                if *whole || (view.from..view.to).contains(&at) {
                    each(Moment { visitor, at, what });
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::field::FieldSet;
    use crate::embedded::kernel::journeys::tests::forty_visitors;
    use crate::embedded::tests::open;
    use crate::suite::sample::{self, ever};

    /// The visitors, and the times of their events.
    struct Times;

    impl ByName for Times {
        type What = ();
        type Found = Vec<(u32, Vec<i64>)>;

        fn start(&self) -> Self::Found {
            Vec::new()
        }

        fn whats(&self, names: &Dictionary) -> Vec<Option<()>> {
            vec![Some(()); names.len()]
        }

        fn order(&self, (): &(), (): &()) -> Ordering {
            Ordering::Equal
        }

        fn add(&self, moments: &[Moment<()>], found: &mut Self::Found) {
            found.push((moments[0].visitor, moments.iter().map(|moment| moment.at).collect()));
        }
    }

    fn times(found: &[(u32, Vec<i64>)]) -> Vec<Vec<i64>> {
        let mut times: Vec<Vec<i64>> = found.iter().map(|(_, times)| times.clone()).collect();
        times.sort();
        times
    }

    #[tokio::test]
    async fn those_who_matter_are_followed_once_however_many_rounds_there_are() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).await;
        let expected = forty_visitors(&store).await;
        let scope = store.shared.scopes.get_or_new(sample::scope(1));
        let mut view = View::of(&store.shared, &scope, ever(), FieldSet::ALL);
        let follow = |view: &View, only, rounds| {
            follow_in_rounds(view, &Times, only, rounds, &Stop::default()).unwrap().concat()
        };
        for rounds in [1, 2, 3, 100] {
            assert_eq!(times(&follow(&view, None, rounds)), expected, "{rounds} rounds");
        }
        let mut some = follow(&view, Some(&[0b1010_0110]), 3);
        some.sort();
        assert_eq!(some.iter().map(|(visitor, _)| *visitor).collect::<Vec<_>>(), [1, 2, 5, 7]);
        assert!(some.iter().all(|(_, times)| expected.contains(times)));
        assert_eq!(follow(&view, Some(&[]), 1), []);
        // The ends of the range cut chunks.
        let mut all: Vec<i64> = expected.concat();
        all.sort_unstable();
        (view.from, view.to) = (all[40], all[200]);
        for rounds in [1, 3] {
            let mut found = times(&follow(&view, None, rounds)).concat();
            found.sort_unstable();
            assert_eq!(found, all[40..200], "{rounds} rounds");
        }
    }
}
