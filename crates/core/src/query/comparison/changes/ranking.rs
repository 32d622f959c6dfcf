//! Which changes of values and pairs are returned, and in which order.

use std::cmp::Ordering;

use super::significance::{Measured, NOISE_BELOW, localises, z};
use super::{Change, ChangesQuery, ChangesResponse, ChangesRow, OtherChange};

/// Values of a column that may be in a row.
const KEPT: usize = ChangesQuery::MAX_ROWS as usize;
/// Most values that are listed as unchanged.
const UNCHANGED: usize = 5;
/// The largest change of a value that is listed as unchanged, as a part of its larger count.
const SAME_WITHIN: f64 = 0.1;

/// A value of a column, with what was counted of it in both ranges.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueChange {
    /// The value; `None` if the events have none.
    pub text: Option<String>,
    /// In the range.
    pub now: Measured,
    /// In the range that it is compared with.
    pub before: Measured,
}

impl ValueChange {
    fn change(&self) -> Change {
        change(self.now, self.before)
    }
}

/// The values of one column that may be in a response.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ColumnChanges {
    /// In the order of rows.
    values: Vec<ValueChange>,
    /// The largest values that stayed the same.
    unchanged: Vec<ValueChange>,
    /// How many values of the column changed, also those that are not kept.
    changed: usize,
    /// Some values were not counted separately.
    uncounted: bool,
}

impl ColumnChanges {
    /// A value, by its index in [`ChangeRanking::paired`].
    pub fn text(&self, value: usize) -> Option<&str> {
        self.values[value].text.as_deref()
    }
}

/// A pair of values of two columns, with what was counted of it in both ranges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairChange {
    /// The index of each column in the query, and that of its value in [`ColumnChanges`]; the columns ascend.
    pub parts: [(usize, usize); 2],
    /// In the range.
    pub now: Measured,
    /// In the range that it is compared with.
    pub before: Measured,
}

/// Chooses what a response has of all values and pairs.
#[derive(Debug, Clone, Copy)]
pub struct ChangeRanking<'a> {
    query: &'a ChangesQuery,
    total: Change,
    /// The length of the range divided by that of the one that it is compared with.
    scale: f64,
}

impl<'a> ChangeRanking<'a> {
    /// `now` and `before` are counted over all values.
    pub fn new(query: &'a ChangesQuery, now: Measured, before: Measured) -> Self {
        let [length, compared] = [query.range, query.compared_with]
            .map(|range| (range.to().millis() - range.from().millis()) as f64);
        Self { query, total: change(now, before), scale: length / compared }
    }

    /// Chooses among the values of a column. `uncounted`: there are more values, which were not counted
    /// separately.
    pub fn column(&self, mut values: Vec<ValueChange>, uncounted: bool) -> ColumnChanges {
        // A value that all events have explains nothing, nor does one that adds nothing to a sum.
        values.retain(|value| value.change() != self.total && value.change().volume() > 0.0);
        let volume = |value: &ValueChange| value.change().volume();
        let mut unchanged: Vec<ValueChange> =
            values.iter().filter(|value| self.is_same(value)).cloned().collect();
        unchanged.sort_by(|a, b| volume(b).total_cmp(&volume(a)).then_with(|| a.text.cmp(&b.text)));
        unchanged.truncate(UNCHANGED);
        values.retain(|value| value.change().difference() != 0.0);
        let changed = values.len();
        values.sort_by(|a, b| {
            let rank = |value: &ValueChange| (self.is_noise(value.now, value.before), value.change());
            by_rank(rank(a), rank(b)).then_with(|| a.text.cmp(&b.text))
        });
        values.truncate(KEPT);
        ColumnChanges { values, unchanged, changed, uncounted }
    }

    /// The values of each column, by their index, whose pairs with those of other columns are to be counted: those
    /// whose change is more than noise, at most [`ChangesQuery::PAIRED_VALUES`] of each column. Of distinct
    /// visitors, at most [`ChangesQuery::PAIRED_VALUES_OF_VISITORS`] of all columns.
    pub fn paired(&self, columns: &[ColumnChanges]) -> Vec<usize> {
        let clear = |column: &ColumnChanges| {
            let is_clear = |value: &&ValueChange| !self.is_noise(value.now, value.before);
            column.values.iter().take(ChangesQuery::PAIRED_VALUES).take_while(is_clear).count()
        };
        let mut counts: Vec<usize> = columns.iter().map(clear).collect();
        if self.query.metric.is_additive() {
            return counts;
        }
        let mut all: Vec<(f64, usize)> = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            let changes = column.values.iter().take(counts[index]);
            all.extend(changes.map(|value| (value.change().difference().abs(), index)));
        }
        all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        counts.fill(0);
        for (_, index) in all.into_iter().take(ChangesQuery::PAIRED_VALUES_OF_VISITORS) {
            counts[index] += 1;
        }
        counts
    }

    /// The response, but for currencies and estimates.
    pub fn response(
        &self,
        columns: &[ColumnChanges],
        pairs: impl IntoIterator<Item = PairChange>,
    ) -> ChangesResponse {
        let mut rows: Vec<ChangesRow> = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            rows.extend(column.values.iter().map(|value| self.row(index, value)));
        }
        let of_pair = |pair: PairChange| self.pair(columns, pair);
        rows.extend(pairs.into_iter().filter_map(of_pair));
        rows.sort_by(compare);
        let cut = columns.iter().any(|column| column.uncounted || column.changed > column.values.len());
        let truncated = cut || rows.len() > self.query.limit.get();
        rows.truncate(self.query.limit.get());
        let mut unchanged: Vec<ChangesRow> = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            unchanged.extend(column.unchanged.iter().map(|value| self.row(index, value)));
        }
        let volume = |row: &ChangesRow| row.change.volume();
        unchanged.sort_by(|a, b| volume(b).total_cmp(&volume(a)).then_with(|| a.keys.cmp(&b.keys)));
        unchanged.truncate(UNCHANGED);
        let other = self.other(columns, &rows);
        ChangesResponse { total: self.total, rows, other, unchanged, truncated, ..ChangesResponse::default() }
    }

    fn row(&self, column: usize, value: &ValueChange) -> ChangesRow {
        let noise = self.is_noise(value.now, value.before);
        ChangesRow { keys: vec![(column, value.text.clone())], change: value.change(), noise }
    }

    /// The row of a pair, if it explains more than its values.
    fn pair(&self, columns: &[ColumnChanges], pair: PairChange) -> Option<ChangesRow> {
        let parts = pair.parts.map(|(column, value)| &columns[column].values[value]);
        let of_pair = change(pair.now, pair.before);
        let explains = localises(of_pair, parts.map(ValueChange::change));
        let keys = pair.parts.iter().zip(parts).map(|((column, _), value)| (*column, value.text.clone()));
        (explains && !self.is_noise(pair.now, pair.before)).then(|| ChangesRow {
            keys: keys.collect(),
            change: of_pair,
            noise: false,
        })
    }

    /// For each column with a row, what its rows lack of the total.
    fn other(&self, columns: &[ColumnChanges], rows: &[ChangesRow]) -> Vec<OtherChange> {
        if !self.query.metric.is_additive() {
            return Vec::new();
        }
        let of_column = |(index, column): (usize, &ColumnChanges)| {
            let is_alone = |row: &&ChangesRow| matches!(row.keys.as_slice(), [(of, _)] if *of == index);
            let (mut shown, mut change) = (0, self.total);
            for row in rows.iter().filter(is_alone) {
                shown += 1;
                change.value -= row.change.value;
                change.previous -= row.change.previous;
            }
            let is_whole = shown == column.changed && !column.uncounted;
            (shown > 0 && !is_whole).then_some(OtherChange { column: index, change })
        };
        columns.iter().enumerate().filter_map(of_column).collect()
    }

    /// Whether a value stayed the same: its change is noise, and small. Of few events, a large change can be noise.
    fn is_same(&self, value: &ValueChange) -> bool {
        let (now, before) = (value.now.total, self.scale * value.before.total);
        let is_small = (now - before).abs() <= SAME_WITHIN * now.abs().max(before.abs());
        is_small && self.is_noise(value.now, value.before)
    }

    fn is_noise(&self, now: Measured, before: Measured) -> bool {
        z(now, before, self.scale).abs() < NOISE_BELOW
    }
}

fn change(now: Measured, before: Measured) -> Change {
    Change { value: now.total, previous: before.total }
}

/// Noise last; then by the size of the change, descending.
fn by_rank(a: (bool, Change), b: (bool, Change)) -> Ordering {
    let size = |change: Change| change.difference().abs();
    a.0.cmp(&b.0).then_with(|| size(b.1).total_cmp(&size(a.1)))
}

fn compare(a: &ChangesRow, b: &ChangesRow) -> Ordering {
    by_rank((a.noise, a.change), (b.noise, b.change))
        .then_with(|| b.keys.len().cmp(&a.keys.len()))
        .then_with(|| a.keys.cmp(&b.keys))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{ChangeMetric, Column, Dimension, EventSelector, RowLimit};
    use crate::time::{TimeRange, Timestamp};

    fn query(metric: ChangeMetric, limit: u64) -> ChangesQuery {
        let at = |text| Timestamp::parse_or_date(text).unwrap();
        ChangesQuery {
            range: TimeRange::new(at("2026-05-02"), at("2026-05-03")).unwrap(),
            compared_with: TimeRange::new(at("2026-05-01"), at("2026-05-02")).unwrap(),
            events: EventSelector::Any,
            filters: Vec::new(),
            metric,
            columns: [Column::Country, Column::Os].map(Dimension::Column).to_vec(),
            limit: RowLimit::new(limit).unwrap(),
        }
    }

    fn values(values: &[(&str, u64, u64)]) -> Vec<ValueChange> {
        let value = |(text, now, before): &(&str, u64, u64)| ValueChange {
            text: Some((*text).to_owned()),
            now: Measured::count(*now),
            before: Measured::count(*before),
        };
        values.iter().map(value).collect()
    }

    fn shown(rows: &[ChangesRow]) -> Vec<String> {
        let texts =
            |row: &ChangesRow| row.keys.iter().map(|(_, text)| text.clone().unwrap()).collect::<Vec<_>>();
        rows.iter()
            .map(|row| format!("{}{}", texts(row).join("+"), if row.noise { "?" } else { "" }))
            .collect()
    }

    #[test]
    fn clear_changes_come_first_and_noise_last() {
        let query = query(ChangeMetric::Count, 100);
        let ranking = ChangeRanking::new(&query, Measured::count(1600), Measured::count(2000));
        let countries = [("DE", 500, 900), ("FR", 90, 100), ("US", 1000, 1000), ("AT", 10, 0)];
        let columns = [
            ranking.column(values(&countries), false),
            ranking.column(values(&[("ios", 300, 690), ("android", 1300, 1310)]), false),
        ];
        assert_eq!(ranking.paired(&columns), [2, 1], "DE and AT, and ios");
        let pair = |a: usize, b: usize, now, before| PairChange {
            parts: [(0, a), (1, b)],
            now: Measured::count(now),
            before: Measured::count(before),
        };
        let response = ranking.response(&columns, [pair(0, 0, 10, 400), pair(1, 0, 0, 0)]);
        assert_eq!(shown(&response.rows), ["DE", "DE+ios", "ios", "AT", "FR?", "android?"]);
        assert_eq!(shown(&response.unchanged), ["android?", "US?", "FR?"]);
        assert_eq!((response.other.len(), response.truncated), (0, false));
        assert_eq!(response.rows[0].change.contribution(response.total), Some(100.0));
    }

    #[test]
    fn what_is_cut_is_in_other() {
        let query = query(ChangeMetric::Count, 2);
        let ranking = ChangeRanking::new(&query, Measured::count(100), Measured::count(0));
        let columns = [
            ranking.column(values(&[("DE", 50, 0), ("FR", 30, 0), ("US", 15, 0), ("AT", 5, 0)]), false),
            // A value that all events have explains nothing.
            ranking.column(values(&[("ios", 100, 0)]), false),
        ];
        let response = ranking.response(&columns, []);
        assert_eq!(shown(&response.rows), ["DE", "FR"]);
        let change = Change { value: 20.0, previous: 0.0 };
        assert_eq!((response.other, response.truncated), (vec![OtherChange { column: 0, change }], true));
        let visitors = ChangesQuery { metric: ChangeMetric::Uniques, ..query.clone() };
        let ranking = ChangeRanking::new(&visitors, Measured::count(90), Measured::count(0));
        assert_eq!(ranking.response(&columns, []).other, []);
        assert_eq!(ranking.paired(&columns), [3, 0]);
    }

    #[test]
    fn few_values_of_visitors_are_paired() {
        let query = query(ChangeMetric::Uniques, 100);
        let ranking = ChangeRanking::new(&query, Measured::count(5000), Measured::count(0));
        let many: Vec<(String, u64)> = (0..60).map(|n| (format!("v{n:02}"), 100 + n)).collect();
        let many: Vec<(&str, u64, u64)> = many.iter().map(|(text, now)| (text.as_str(), *now, 0)).collect();
        let columns = [
            ranking.column(values(&many), false),
            ranking.column(values(&[("ios", 155, 0), ("android", 10, 0)]), false),
        ];
        assert_eq!(ranking.paired(&columns), [15, 1]);
        let events = ChangesQuery { metric: ChangeMetric::Count, ..query.clone() };
        let ranking = ChangeRanking::new(&events, Measured::count(5000), Measured::count(0));
        assert_eq!(ranking.paired(&columns), [50, 2]);
    }
}
