//! `GET /v1/changes`: which values of columns, alone and in pairs, explain the difference between two ranges. What
//! is returned of them is decided by [`ChangeRanking`].

mod measure;
mod occurrences;
mod pairs;

use std::borrow::Cow;
use std::cmp::Reverse;

use millimetric_core::query::{ChangeRanking, ChangesQuery, ChangesResponse, ColumnChanges, ValueChange};
use millimetric_events::StoreError;

use self::measure::Measures;
use self::occurrences::{Occurrence, Occurrences};
use super::count::groups::{Group, Groups};
use super::scan::Reader;

/// Runs the query.
pub(super) async fn changes(
    reader: &Reader<'_>,
    query: &ChangesQuery,
) -> Result<ChangesResponse, StoreError> {
    let occurrences = Occurrences::of(reader, query).await?;
    let mut counted =
        Counted { totals: Groups::new(reader.max_bytes()), values: Groups::new(reader.max_bytes()) };
    for side in 0..2 {
        occurrences.each(reader, side, |occurrence| counted.add(side, occurrence)).await?;
    }
    let Counted { totals, values } = counted;
    let (total, currency, other_currencies) = choose_currency(totals);
    let [now, before] = total.measured(&query.metric);
    let ranking = ChangeRanking::new(query, now, before);
    let columns = columns(query, &ranking, values, currency.as_ref());
    let paired = ranking.paired(&columns);
    let found = pairs::count(reader, &occurrences, &columns, &paired, currency.as_deref()).await?;
    let response = ranking.response(&columns, found);
    Ok(ChangesResponse { currency, other_currencies, ..response })
}

/// What was counted.
struct Counted {
    /// By currency.
    totals: Groups<Measures>,
    /// By column, which is the number of the bucket, and value and currency.
    values: Groups<Measures>,
}

impl Counted {
    fn add(&mut self, side: usize, occurrence: &Occurrence<'_>) -> Result<(), StoreError> {
        let currency = occurrence.currency.map(Cow::Borrowed);
        let total = self.totals.of(None, std::slice::from_ref(&currency), Measures::default)?;
        total.add(side, occurrence);
        for (index, text) in (0..).zip(&occurrence.texts) {
            let texts = [text.as_deref().map(Cow::Borrowed), currency.clone()];
            self.values.of(Some(index), &texts, Measures::default)?.add(side, occurrence);
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
