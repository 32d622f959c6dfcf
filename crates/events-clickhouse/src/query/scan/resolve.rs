//! Conditions on texts that SQL does not decide as the query means them: without regard to case, of regular
//! expressions that are not simple, of columns that are read out of URLs. The distinct texts of the column are tested here, and the
//! condition becomes one for the texts that pass.

use millimetric_core::classify;
use millimetric_core::column::Column;
use millimetric_core::query::{Condition, Dimension, EventSelector, Filter, Test};
use millimetric_core::time::TimeRange;
use millimetric_events::StoreError;

use super::{Reader, pushdown, values};

/// Most distinct texts that are tested.
const MOST_TEXTS: usize = 10_000;
/// Most bytes of the texts that pass, of all conditions, as a part of a URL: a server takes at most 128 KiB of a
/// parameter.
const MOST_BYTES: usize = 120 << 10;

/// Replaces such conditions of the selector and the filters, if SQL then decides all of them. Conditions on columns
/// with too many texts stay as they are.
pub(crate) async fn resolve(
    reader: &Reader<'_>,
    range: TimeRange,
    events: &mut EventSelector,
    filters: &mut [Filter],
) -> Result<(), StoreError> {
    let conditions = match events {
        EventSelector::Goal { conditions, .. } => conditions.as_mut_slice(),
        EventSelector::Any | EventSelector::Named(_) => &mut [],
    };
    let mut found = Found { to_resolve: Vec::new(), all_decided: true };
    for filter in conditions.iter_mut().chain(filters) {
        found.add(filter);
    }
    if found.all_decided {
        let mut bytes = MOST_BYTES;
        for condition in found.to_resolve {
            resolve_one(reader, range, condition, &mut bytes).await?;
        }
    }
    Ok(())
}

/// The conditions of some filters.
struct Found<'a> {
    to_resolve: Vec<&'a mut Condition>,
    /// Whether SQL decides all others.
    all_decided: bool,
}

impl<'a> Found<'a> {
    fn add(&mut self, filter: &'a mut Filter) {
        match filter {
            Filter::Condition(condition) if pushdown::is_decided_in_sessions(condition) => {}
            Filter::Condition(condition) => match condition.column {
                Dimension::Column(_) | Dimension::Derived(_) => self.to_resolve.push(condition),
                Dimension::Session(_) | Dimension::Property(_) | Dimension::Currency(_) => {
                    self.all_decided = false;
                }
            },
            Filter::And(filters) | Filter::Or(filters) => {
                for filter in filters {
                    self.add(filter);
                }
            }
            Filter::Not(filter) => self.add(filter),
        }
    }
}

/// Replaces a condition, if the texts that pass have at most so many bytes, which are then fewer.
async fn resolve_one(
    reader: &Reader<'_>,
    range: TimeRange,
    condition: &mut Condition,
    bytes: &mut usize,
) -> Result<(), StoreError> {
    let (column, derived) = match condition.column {
        Dimension::Column(column) => (column, None),
        Dimension::Derived(column) => (column.column(), Some(column)),
        Dimension::Session(_) | Dimension::Property(_) | Dimension::Currency(_) => return Ok(()),
    };
    let Some(texts) = distinct(reader, range, column).await? else { return Ok(()) };
    let passes = |text: &String| match derived {
        Some(column) => classify::derived(column, text).is_some_and(|text| condition.test.passes(&text)),
        None => condition.test.passes(text),
    };
    let passing: Vec<String> = texts.into_iter().filter(passes).collect();
    if let Some(left) = bytes.checked_sub(passing.iter().map(|text| in_url(text)).sum()) {
        *bytes = left;
        condition.column = Dimension::Column(column);
        condition.test = Test::OneOf(passing);
    }
    Ok(())
}

/// Most bytes that a text takes as a part of an array in a URL: each of its own bytes, the quotes and the comma can be
/// three.
const fn in_url(text: &str) -> usize {
    3 * (text.len() + 3)
}

/// The distinct texts of a column; `None` if there are too many.
async fn distinct(
    reader: &Reader<'_>,
    range: TimeRange,
    column: Column,
) -> Result<Option<Vec<String>>, StoreError> {
    let mut conditions = reader.conditions(range);
    let name = column.as_str();
    conditions.and(format!("isNotNull({name})"));
    // Without `FINAL`, since texts that no event has do no harm.
    let (distinct, most) = (format!("DISTINCT {name} AS g0"), format!("LIMIT {}", MOST_TEXTS + 1));
    let statement = conditions.select_from("events", &distinct, &most);
    let rows = reader.rows(&statement).await?;
    let texts = rows.iter().filter_map(|row| values::text(row, 0)).map(str::to_owned);
    Ok((rows.len() <= MOST_TEXTS).then(|| texts.collect()))
}
