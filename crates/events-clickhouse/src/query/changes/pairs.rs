//! Counts the pairs of values of two columns.

use std::collections::HashMap;

use millimetric_core::query::{ColumnChanges, PairChange};
use millimetric_events::StoreError;

use super::Events;
use super::measure::Measures;
use crate::query::scan::Reader;
use crate::query::scan::visitor::Visitor;

/// Two values, each by the index of its column and its own; the columns ascend.
type Pair = [(usize, usize); 2];

/// What was counted of the pairs that occur of the first `paired` values of each column.
pub(super) async fn count(
    reader: &Reader<'_>,
    events: &Events<'_>,
    columns: &[ColumnChanges],
    paired: &[usize],
    currency: Option<&str>,
) -> Result<Vec<PairChange>, StoreError> {
    if paired.iter().filter(|values| **values > 0).count() < 2 {
        return Ok(Vec::new());
    }
    let indexes = |(column, values): (&ColumnChanges, &usize)| {
        (0..*values).map(|value| (column.text(value).map(str::to_owned), value)).collect()
    };
    let indexes: Vec<HashMap<Option<String>, usize>> = columns.iter().zip(paired).map(indexes).collect();
    let mut pairs: HashMap<Pair, Measures> = HashMap::new();
    for side in 0..2 {
        let mut visitors = events.visitors(reader, side);
        while let Some(visitor) = visitors.next().await? {
            for (event, number) in events.of(&visitor, side) {
                if Events::currency(events.query, &visitor, event) != currency {
                    continue;
                }
                let values = values(events, &visitor, event, &indexes);
                for (second, b) in values.iter().enumerate() {
                    for a in &values[..second] {
                        pairs.entry([*a, *b]).or_default().add(side, visitor.number, number);
                    }
                }
            }
        }
    }
    let pair = |(parts, measures): (Pair, Measures)| {
        let [now, before] = measures.measured(&events.query.metric);
        PairChange { parts, now, before }
    };
    Ok(pairs.into_iter().map(pair).collect())
}

/// The values of an event that are paired.
fn values(
    events: &Events<'_>,
    visitor: &Visitor,
    event: usize,
    indexes: &[HashMap<Option<String>, usize>],
) -> Vec<(usize, usize)> {
    let columns = events.query.columns.iter().zip(indexes).enumerate();
    let value = |(index, (column, values)): (usize, (_, &HashMap<Option<String>, usize>))| {
        let text = visitor.text(event, column).map(std::borrow::Cow::into_owned);
        Some((index, *values.get(&text)?))
    };
    columns.filter_map(value).collect()
}
