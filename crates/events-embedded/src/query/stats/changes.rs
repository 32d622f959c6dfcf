//! `GET /v1/changes`: which values of columns explain the difference between two ranges.
//!
//! Values are counted column by column, as `/v1/stats` counts them; then pairs of those whose change is more than
//! noise, of all columns in one pass (`pairs`). Which are returned is decided in `core`.

mod pairs;

use std::sync::Arc;

use hashbrown::HashMap;
use millimetric_core::query::{
    Aggregate, ChangeMetric, ChangeRanking, ChangesQuery, ChangesResponse, ColumnChanges, Condition,
    Dimension, Filter, Measured, Test, ValueChange,
};

use self::pairs::Pairs;
use crate::columns::group_column::GroupColumn;
use crate::query::groups::counting::NumbersOf;
use crate::query::groups::{self, Counted, Counting};
use crate::query::view::View;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// Runs the query over a view of its range, and one of the range that it is compared with.
pub(crate) fn changes(
    views: [&View; 2],
    query: &ChangesQuery,
    context: &QueryContext,
) -> Result<ChangesResponse, StoreError> {
    let number = match &query.metric {
        ChangeMetric::Sum { property, .. } => Some(Arc::from(property.as_str())),
        ChangeMetric::Count | ChangeMetric::Uniques | ChangeMetric::Conversions => None,
    };
    let filters = query.events.and(&query.filters);
    let mut counter = Counter { views, metric: &query.metric, filters, number, context, approximate: false };
    let currencies = counter.choose_currency()?;
    let [now, before] = counter.totals()?;
    let ranking = ChangeRanking::new(query, now, before);
    let columns = query.columns.iter().map(|column| counter.column(&ranking, column));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let pairs = Pairs::new(query, &columns, ranking.paired(&columns));
    let counts = pairs.counts(&counter)?;
    let mut response = ranking.response(&columns, pairs.changes(counts));
    response.approximate = counter.approximate;
    (response.currency, response.other_currencies) = currencies;
    Ok(response)
}

/// Counts both views.
struct Counter<'a> {
    views: [&'a View; 2],
    metric: &'a ChangeMetric,
    filters: Vec<Filter>,
    /// The property to sum.
    number: Option<Arc<str>>,
    context: &'a QueryContext,
    approximate: bool,
}

impl Counter<'_> {
    /// Adds a filter to sums: the currency of most numbers. Returns it, and the currencies that are left out.
    fn choose_currency(&mut self) -> Result<(Option<String>, Vec<Option<String>>), StoreError> {
        let ChangeMetric::Sum { currency, .. } = self.metric else { return Ok((None, Vec::new())) };
        let column = Dimension::Currency(*currency);
        let mut numbers: HashMap<Option<String>, u64> = HashMap::new();
        for counted in self.count(vec![GroupColumn::from(&column)])? {
            for group in counted.groups.apart() {
                let code = counted.groups.text(group, 0).map(str::to_owned);
                *numbers.entry(code).or_default() += counted.sums[group].count;
            }
        }
        let mut found: Vec<(Option<String>, u64)> =
            numbers.into_iter().filter(|(_, numbers)| *numbers > 0).collect();
        found.sort_by(|a, b| {
            b.1.cmp(&a.1).then_with(|| b.0.is_some().cmp(&a.0.is_some())).then(a.0.cmp(&b.0))
        });
        let mut codes = found.into_iter().map(|(code, _)| code);
        let (chosen, others) = (codes.next().flatten(), codes.collect::<Vec<_>>());
        if !others.is_empty() {
            self.filters.push(match &chosen {
                Some(code) => Filter::new(column, code),
                None => Filter::Condition(Condition { column, negated: true, test: Test::Exists }),
            });
        }
        Ok((chosen, others))
    }

    fn totals(&mut self) -> Result<[Measured; 2], StoreError> {
        let total = |counted: Counted| match counted.groups.len() {
            0 => Measured::default(),
            _ => measured(self.metric, &counted, 0),
        };
        let counted = self.count(Vec::new())?;
        self.approximate |= counted.iter().any(|counted| counted.approximate);
        Ok(counted.map(total))
    }

    /// The values of a column. If there are too many in a range, those that are not counted separately in it are
    /// left out, since their change is not known.
    fn column(
        &mut self,
        ranking: &ChangeRanking<'_>,
        column: &Dimension,
    ) -> Result<ColumnChanges, StoreError> {
        let counted = self.count(vec![GroupColumn::from(column)])?;
        self.approximate |= counted.iter().any(|counted| counted.approximate);
        let mut values: HashMap<Option<&str>, [Option<Measured>; 2]> = HashMap::new();
        for (range, counted) in counted.iter().enumerate() {
            for group in counted.groups.apart() {
                values.entry(counted.groups.text(group, 0)).or_default()[range] =
                    Some(measured(self.metric, counted, group));
            }
        }
        let is_whole = counted.each_ref().map(|counted| counted.groups.other.is_none());
        values.retain(|_, ranges| ranges.iter().zip(is_whole).all(|(known, whole)| known.is_some() || whole));
        let texts: usize = values.keys().map(|text| text.map_or(0, str::len)).sum();
        let mut memory = self.context.memory();
        memory.grow_to(texts + values.len() * size_of::<ValueChange>())?;
        let change = |(text, [now, before]): (Option<&str>, [Option<Measured>; 2])| ValueChange {
            text: text.map(str::to_owned),
            now: now.unwrap_or_default(),
            before: before.unwrap_or_default(),
        };
        Ok(ranking.column(values.into_iter().map(change).collect(), is_whole.contains(&false)))
    }

    /// Counts the groups of both views by these columns.
    fn count(&self, by: Vec<GroupColumn>) -> Result<[Counted; 2], StoreError> {
        let counting = Counting {
            filters: &self.filters,
            by,
            uniques: *self.metric == ChangeMetric::Uniques,
            numbers: self.number.clone().map(|property| NumbersOf {
                property,
                aggregate: Aggregate::Sum,
                alone: false,
            }),
            ..Counting::default()
        };
        let [now, before] = self.views.map(|view| groups::count(view, &counting, self.context));
        Ok([now?, before?])
    }
}

/// What the metric says of a group.
fn measured(metric: &ChangeMetric, counted: &Counted, group: usize) -> Measured {
    match metric {
        ChangeMetric::Count | ChangeMetric::Conversions => Measured::count(counted.events[group]),
        ChangeMetric::Uniques => Measured::count(counted.uniques[group]),
        ChangeMetric::Sum { .. } => {
            let sum = counted.sums[group];
            Measured { total: sum.total(), squares: sum.squares }
        }
    }
}
