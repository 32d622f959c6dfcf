//! The most frequent sequences of touches before conversions.

use std::cmp::Reverse;
use std::sync::Arc;

use hashbrown::HashMap;
use millimetric_core::attribution::windows;
use millimetric_core::column::SessionColumn;
use millimetric_core::query::{PathsQuery, PathsResponse, PathsRow};
use millimetric_events::StoreError;

use super::journeys::{Journey, Journeys};
use crate::columns::group_column::GroupColumn;
use crate::encoding::text::TextColumn;
use crate::query::groups::frequent;
use crate::query::groups::frequent::Frequent;
use crate::query::groups::group_dictionary::{Finished, GroupDictionary};
use crate::query::sessions::{SessionGroups, groups, median};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;

/// Most bytes of paths, for each group that may be counted separately.
const PATH_BYTES: usize = 256;

/// Runs the query.
pub(crate) fn paths(
    view: &View,
    query: &PathsQuery,
    context: &QueryContext,
) -> Result<PathsResponse, StoreError> {
    let journeys = Journeys::of(view, &query.conversions, context)?;
    frequent::with_frequent(
        view.limits.groups,
        context,
        |frequent| count(view, query, &journeys, frequent, context),
        |frequent| sketch(view, query, &journeys, frequent, context),
    )
}

fn by() -> [GroupColumn; 2] {
    [SessionColumn::Source, SessionColumn::Medium].map(GroupColumn::Session)
}

/// A sequence of touches: the group of each, whether it is cut, and the currency of the conversions.
type Path = (Vec<u32>, bool, Option<&'static str>);

/// The conversions after one sequence.
#[derive(Debug, Default)]
struct PathCounts {
    value: f64,
    /// Milliseconds from the first touch to each conversion.
    durations: Vec<i64>,
}

fn count(
    view: &View,
    query: &PathsQuery,
    journeys: &Journeys,
    frequent: Option<Arc<Frequent>>,
    context: &QueryContext,
) -> Result<(PathsResponse, bool), StoreError> {
    let dictionary = GroupDictionary::new(view.limits.groups, None);
    let session_groups = SessionGroups::of(view, &by(), &dictionary)?;
    let columns = groups::columns(view, &by())?;
    let max_bytes = view.limits.groups * PATH_BYTES;
    let start = || (Paths::default(), session_groups.start(), context.memory());
    let of_cores = journeys.each(context, start, |(found, known, memory), journey| {
        let groups: Vec<u32> =
            journey.touches.iter().map(|touch| session_groups.group(0, touch.first, known)).collect();
        each_path(&journey, query, |touches, is_cut, currency, value, duration| {
            let texts = || texts(&columns, &journey, touches, currency);
            let is_known = frequent.as_ref().is_none_or(|frequent| frequent.has(frequent.hash(0, texts())));
            let path = touches.iter().map(|touch| groups[*touch]).collect();
            found.add((path, is_cut, currency), value, duration, is_known, max_bytes);
        });
        memory.grow_to(found.memory() + journey.models_bytes())
    })?;
    let mut whole = Paths::default();
    let mut reserved = Vec::new();
    for (found, _, memory) in of_cores {
        whole.merge(found, max_bytes);
        reserved.push(memory);
    }
    let too_many = whole.too_many || whole.counts.len() > view.limits.groups;
    Ok((response(query, whole, &dictionary.finish()), too_many))
}

fn sketch(
    view: &View,
    query: &PathsQuery,
    journeys: &Journeys,
    frequent: &Frequent,
    context: &QueryContext,
) -> Result<(), StoreError> {
    let columns = groups::columns(view, &by())?;
    journeys.each(
        context,
        || (),
        |(), journey| {
            each_path(&journey, query, |touches, _, currency, _, _| {
                frequent.add(frequent.hash(0, texts(&columns, &journey, touches, currency)), 1);
            });
            Ok(())
        },
    )?;
    Ok(())
}

/// The texts that identify a path.
fn texts<'a>(
    columns: &'a [Vec<Arc<TextColumn>>],
    journey: &'a Journey<'_>,
    touches: &'a [usize],
    currency: Option<&'a str>,
) -> impl Iterator<Item = Option<&'a str>> {
    let of_touch = |touch: &usize| {
        let first = journey.touches[*touch].first;
        columns[first.chunk as usize].iter().map(move |column| column.value(first.row as usize))
    };
    touches.iter().flat_map(of_touch).chain(std::iter::once(currency))
}

/// Calls `each` with the path of each conversion: its touches, whether some are left out, the currency and
/// value of the conversion, and the time from its first touch in milliseconds.
fn each_path(
    journey: &Journey<'_>,
    query: &PathsQuery,
    mut each: impl FnMut(&[usize], bool, Option<&'static str>, f64, i64),
) {
    let touches = journey.models_touches();
    for (currency, conversions) in journey.by_currency() {
        let windows = windows(&touches, &conversions, query.conversions.lookback.millis());
        for (conversion, window) in conversions.iter().zip(windows) {
            let mut path: Vec<usize> = window.touches().rev().take(PathsQuery::MAX_TOUCHES).collect();
            path.reverse();
            let Some(first) = window.touches().next() else { continue };
            let is_cut = path.first() != Some(&first);
            each(&path, is_cut, currency, conversion.value, conversion.at - touches[first].at);
        }
    }
}

/// The paths of some visitors.
#[derive(Debug, Default)]
struct Paths {
    counts: HashMap<Path, PathCounts>,
    /// Approximate memory of the paths themselves.
    bytes: usize,
    /// Number of durations.
    conversions: usize,
    /// Conversions of paths that are not counted separately.
    other: u64,
    too_many: bool,
}

impl Paths {
    fn add(&mut self, path: Path, value: f64, duration: i64, is_known: bool, max_bytes: usize) {
        if let Some(counts) = self.slot(path, is_known, max_bytes) {
            counts.value += value;
            counts.durations.push(duration);
            self.conversions += 1;
        } else {
            self.other += 1;
        }
    }

    /// The counts of a path; `None` if it is not counted separately.
    fn slot(&mut self, path: Path, is_known: bool, max_bytes: usize) -> Option<&mut PathCounts> {
        if !is_known {
            return None;
        }
        if !self.counts.contains_key(&path) {
            let bytes = size_of_val(path.0.as_slice()) + size_of::<(Path, PathCounts)>();
            if self.bytes + bytes > max_bytes {
                self.too_many = true;
                return None;
            }
            self.bytes += bytes;
        }
        Some(self.counts.entry(path).or_default())
    }

    fn memory(&self) -> usize {
        2 * (self.bytes + self.conversions * size_of::<i64>())
    }

    fn merge(&mut self, other: Self, max_bytes: usize) {
        self.too_many |= other.too_many;
        self.other += other.other;
        for (path, theirs) in other.counts {
            let count = theirs.durations.len() as u64;
            match self.slot(path, true, max_bytes) {
                Some(mine) => {
                    mine.value += theirs.value;
                    mine.durations.extend(theirs.durations);
                }
                None => self.other += count,
            }
        }
    }
}

fn response(query: &PathsQuery, mut whole: Paths, dictionary: &Finished) -> PathsResponse {
    // Sources that are too many to be told apart are not named in a path.
    if let Some(other) = dictionary.other {
        let unnamed = whole.counts.extract_if(|(groups, ..), _| groups.contains(&(other as u32)));
        whole.other += unnamed.map(|(_, counts)| counts.durations.len() as u64).sum::<u64>();
    }
    let text =
        |group: u32, dimension| dictionary.text(group as usize, dimension).unwrap_or_default().to_owned();
    let row = |((groups, cut, currency), counts): (Path, PathCounts)| PathsRow {
        path: groups.into_iter().map(|group| (text(group, 0), text(group, 1))).collect(),
        cut,
        currency: currency.map(str::to_owned),
        conversions: counts.durations.len() as u64,
        value: counts.value,
        median_millis: median(counts.durations).unwrap_or_default(),
    };
    let mut rows: Vec<PathsRow> = whole.counts.into_iter().map(row).collect();
    rows.sort_by(|a, b| {
        let key = |row: &PathsRow| Reverse(row.conversions);
        (key(a), &a.path, a.cut, &a.currency).cmp(&(key(b), &b.path, b.cut, &b.currency))
    });
    let truncated = rows.len() > query.limit.get() || whole.other > 0;
    rows.truncate(query.limit.get());
    PathsResponse { rows, truncated, other: whole.other }
}
