//! `GET /v1/journeys`: the most frequent paths of sessions from a start, or to it. [`JourneysQuery`] defines
//! them.

mod across_chunks;
mod in_chunk;
mod path_dictionary;
mod scan;
mod steps;

use std::cmp::Reverse;
use std::sync::Arc;

use millimetric_core::query::{JourneysQuery, JourneysResponse, JourneysRow};
use millimetric_events::StoreError;

use self::path_dictionary::PathDictionary;
use self::scan::Scan;
use crate::query::groups::frequent;
use crate::query::groups::frequent::Frequent;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;

/// Runs the query.
pub(crate) fn journeys(
    view: &View,
    query: &JourneysQuery,
    context: &QueryContext,
) -> Result<JourneysResponse, StoreError> {
    let scan = Scan::new(view, query);
    frequent::with_frequent(
        view.limits.groups,
        context,
        |frequent| count(&scan, frequent, context),
        |frequent| sketch(&scan, frequent, context),
    )
}

/// What one core has counted.
#[derive(Default)]
struct Counted {
    sessions: u64,
    /// The path and the visitor of each session whose path is counted separately.
    separate: Vec<(u32, u64)>,
}

/// Counts the sessions by path. Also returns whether there are too many paths.
fn count(
    scan: &Scan<'_>,
    frequent: Option<Arc<Frequent>>,
    context: &QueryContext,
) -> Result<(JourneysResponse, bool), StoreError> {
    let dictionary = PathDictionary::new(scan.view.limits.groups, frequent, context);
    let start = || (Counted::default(), context.memory());
    let of_cores = scan.each(context, start, |(counted, memory), paths, texts| {
        // The counts are dropped.
        if dictionary.is_in_vain() {
            return Ok(());
        }
        let numbers = dictionary.numbers(paths, texts)?;
        counted.sessions += paths.sessions.len() as u64;
        let known = paths.sessions.iter().map(|(path, visitor)| (numbers[*path as usize], *visitor));
        counted.separate.extend(known.filter_map(|(number, visitor)| Some((number?, visitor))));
        memory.grow_to(2 * size_of_val(counted.separate.as_slice()))
    })?;
    let mut memory = context.memory();
    memory.grow_to(of_cores.iter().map(|(counted, _)| size_of_val(counted.separate.as_slice())).sum())?;
    let sessions = of_cores.iter().map(|(counted, _)| counted.sessions).sum();
    let mut separate = Vec::new();
    for (counted, _) in of_cores {
        separate.extend(counted.separate);
    }
    let too_many = dictionary.has_too_many();
    let limit = scan.query.limit.get();
    let dictionary = dictionary.finish(scan.query.direction);
    let mut counts = vec![0_u64; dictionary.len()];
    for (path, _) in &separate {
        counts[*path as usize] += 1;
    }
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_unstable_by(|a, b| {
        Reverse(counts[*a])
            .cmp(&Reverse(counts[*b]))
            .then_with(|| dictionary.texts(*a).cmp(dictionary.texts(*b)))
    });
    order.truncate(limit);
    let visitors = visitors(&order, separate, dictionary.len());
    let row = |(path, visitors): (&usize, u64)| JourneysRow {
        path: dictionary.texts(*path).map(str::to_owned).collect(),
        sessions: counts[*path],
        visitors,
    };
    let rows: Vec<JourneysRow> = order.iter().zip(visitors).map(row).collect();
    let other = sessions - rows.iter().map(|row| row.sessions).sum::<u64>();
    Ok((JourneysResponse { rows, sessions, other }, too_many))
}

/// The number of distinct visitors of each of these paths.
fn visitors(paths: &[usize], mut sessions: Vec<(u32, u64)>, count: usize) -> Vec<u64> {
    let mut is_shown = vec![false; count];
    for path in paths {
        is_shown[*path] = true;
    }
    sessions.retain(|(path, _)| is_shown[*path as usize]);
    sessions.sort_unstable();
    sessions.dedup();
    let mut counts = vec![0; count];
    for (path, _) in &sessions {
        counts[*path as usize] += 1;
    }
    paths.iter().map(|path| counts[*path]).collect()
}

/// Adds the paths of the sessions to a sketch.
fn sketch(scan: &Scan<'_>, frequent: &Frequent, context: &QueryContext) -> Result<(), StoreError> {
    scan.each(
        context,
        || (),
        |(), paths, texts| {
            let mut counts = vec![0; paths.distinct.len()];
            for (path, _) in &paths.sessions {
                counts[*path as usize] += 1;
            }
            for (path, count) in paths.distinct.iter().zip(counts) {
                frequent.add(path_dictionary::hash(frequent, path, texts), count);
            }
            Ok(())
        },
    )?;
    Ok(())
}
