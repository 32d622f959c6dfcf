//! `GET /v1/changes`: which values of columns, alone and in pairs, explain the difference between two ranges. What
//! is returned of them is decided by [`ChangeRanking`].

mod measure;
mod pairs;

use std::borrow::Cow;
use std::cmp::Reverse;

use millimetric_core::query::{
    ChangeMetric, ChangeRanking, ChangesQuery, ChangesResponse, Column, ColumnChanges, Filter, ValueChange,
};
use millimetric_events::StoreError;

use self::measure::Measures;
use super::count::groups::{Group, Groups};
use super::scan::needs::Needs;
use super::scan::visitor::Visitor;
use super::scan::visitors::{Unit, Visitors};
use super::scan::{Reader, Scan};

/// Runs the query.
pub(super) async fn changes(
    reader: &Reader<'_>,
    query: &ChangesQuery,
) -> Result<ChangesResponse, StoreError> {
    let events = Events { query, filters: query.events.and(&query.filters) };
    let mut counted =
        Counted { totals: Groups::new(reader.max_bytes()), values: Groups::new(reader.max_bytes()) };
    for side in 0..2 {
        let mut visitors = events.visitors(reader, side);
        while let Some(visitor) = visitors.next().await? {
            for (event, number) in events.of(&visitor, side) {
                counted.add(query, &visitor, event, number, side)?;
            }
        }
    }
    let Counted { totals, values } = counted;
    let (total, currency, other_currencies) = choose_currency(totals);
    let [now, before] = total.measured(&query.metric);
    let ranking = ChangeRanking::new(query, now, before);
    let columns = columns(query, &ranking, values, currency.as_ref());
    let paired = ranking.paired(&columns);
    let found = pairs::count(reader, &events, &columns, &paired, currency.as_deref()).await?;
    let response = ranking.response(&columns, found);
    Ok(ChangesResponse { currency, other_currencies, ..response })
}

/// The events that a query is about.
struct Events<'a> {
    query: &'a ChangesQuery,
    filters: Vec<Filter>,
}

impl Events<'_> {
    /// Reads those of the range, or of the one that it is compared with.
    fn visitors(&self, reader: &Reader<'_>, side: usize) -> Visitors {
        let query = self.query;
        let property = query.metric.property().map(|_| Column::Properties);
        let needs = Needs::of([Column::AnonymousId].into_iter().chain(property));
        let needs = needs.with_filters(&self.filters).with_dimensions(&query.columns);
        let range = [query.range, query.compared_with][side];
        let unit = if query.metric == ChangeMetric::Uniques { Unit::Parts } else { Unit::Events };
        reader.visitors(&Scan { needs, range, filters: &self.filters, unit })
    }

    /// The events among those of a visitor, each with its number, which is 0 unless numbers are summed up.
    fn of<'b>(&'b self, visitor: &'b Visitor, side: usize) -> impl Iterator<Item = (usize, f64)> {
        let range = [self.query.range, self.query.compared_with][side];
        let passing = visitor.events_in(range).filter(move |event| visitor.passes(*event, &self.filters));
        passing.filter_map(move |event| match self.query.metric.property() {
            // An event without a number adds nothing.
            Some(property) => Some((event, visitor.number(event, property).ok()?)),
            None => Some((event, 0.0)),
        })
    }

    /// The currency of an event, if numbers are summed up.
    fn currency(query: &ChangesQuery, visitor: &Visitor, event: usize) -> Option<&'static str> {
        match query.metric {
            ChangeMetric::Sum { currency, .. } => visitor.currency(event, currency),
            _ => None,
        }
    }
}

/// What was counted.
struct Counted {
    /// By currency.
    totals: Groups<Measures>,
    /// By column, which is the number of the bucket, and value and currency.
    values: Groups<Measures>,
}

impl Counted {
    fn add(
        &mut self,
        query: &ChangesQuery,
        visitor: &Visitor,
        event: usize,
        number: f64,
        side: usize,
    ) -> Result<(), StoreError> {
        let currency = Events::currency(query, visitor, event).map(Cow::Borrowed);
        let total = self.totals.of(None, std::slice::from_ref(&currency), Measures::default)?;
        total.add(side, visitor.number, number);
        for (index, column) in (0..).zip(&query.columns) {
            let texts = [visitor.text(event, column), currency.clone()];
            self.values.of(Some(index), &texts, Measures::default)?.add(side, visitor.number, number);
        }
        Ok(())
    }
}

/// The currency of most events, what was counted of it, and the other currencies.
fn choose_currency(totals: Groups<Measures>) -> (Measures, Option<String>, Vec<Option<String>>) {
    let currency = |group: Group| group.texts.into_iter().next().flatten();
    let mut totals: Vec<(Option<String>, Measures)> =
        totals.sorted().into_iter().map(|(group, total)| (currency(group), total)).collect();
    totals.sort_by_key(|(code, total)| (Reverse(total.events()), code.is_none()));
    let mut totals = totals.into_iter();
    let (code, total) = totals.next().unwrap_or_default();
    (total, code, totals.map(|(code, _)| code).collect())
}

/// The values of each column that may be in a response.
fn columns(
    query: &ChangesQuery,
    ranking: &ChangeRanking<'_>,
    values: Groups<Measures>,
    currency: Option<&String>,
) -> Vec<ColumnChanges> {
    let mut of_columns: Vec<Vec<ValueChange>> = vec![Vec::new(); query.columns.len()];
    for (group, measures) in values.sorted() {
        let mut texts = group.texts.into_iter();
        let (text, code) = (texts.next().flatten(), texts.next().flatten());
        if code.as_ref() == currency
            && let Some(values) = of_columns.get_mut(group.bucket.unwrap_or_default() as usize)
        {
            let [now, before] = measures.measured(&query.metric);
            values.push(ValueChange { text, now, before });
        }
    }
    of_columns.into_iter().map(|values| ranking.column(values, false)).collect()
}
