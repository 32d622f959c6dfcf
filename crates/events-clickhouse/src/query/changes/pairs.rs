//! Counts the pairs of values of two columns.

use std::collections::HashMap;

use millimetric_core::query::{ColumnChanges, PairChange};
use millimetric_events::StoreError;

use super::measure::Measures;
use super::occurrences::{Occurrence, Occurrences};
use crate::query::scan::Reader;

/// Two values, each by the index of its column and its own; the columns ascend.
type Pair = [(usize, usize); 2];

/// What was counted of the pairs that occur of the first `paired` values of each column.
pub(super) async fn count(
    reader: &Reader<'_>,
    occurrences: &Occurrences<'_>,
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
        let add = |occurrence: &Occurrence<'_>| {
            if occurrence.currency == currency {
                let values = values(occurrence, &indexes);
                for (second, b) in values.iter().enumerate() {
                    for a in &values[..second] {
                        pairs.entry([*a, *b]).or_default().add(side, occurrence);
                    }
                }
            }
            Ok(())
        };
        occurrences.each(reader, side, add).await?;
    }
    let pair = |(parts, measures): (Pair, Measures)| {
        let [now, before] = measures.measured(&occurrences.query.metric);
        PairChange { parts, now, before }
    };
    Ok(pairs.into_iter().map(pair).collect())
}

/// The values that are paired, each by the index of its column and its own.
fn values(occurrence: &Occurrence<'_>, indexes: &[HashMap<Option<String>, usize>]) -> Vec<(usize, usize)> {
    let mut values = Vec::new();
    for (column, (text, indexes)) in occurrence.texts.iter().zip(indexes).enumerate() {
        let value = indexes.get(&text.as_deref().map(str::to_owned));
        values.extend(value.map(|value| (column, *value)));
    }
    values
}
