//! `GET /v1/attribution`: credits conversions to the sessions before them, by columns of these sessions.

mod conversions;
pub(super) mod paths;
pub(super) mod touches;

use std::borrow::Cow;
use std::collections::BTreeMap;

use millimetric_core::attribution::{Credit, credits};
use millimetric_core::query::{
    AttributionQuery, AttributionResponse, AttributionRow, ConversionTotal, Dimension,
};
use millimetric_events::StoreError;

use self::conversions::{Converted, Converting};
use super::count::groups::{Distinct, Group, Groups};
use super::scan::Reader;

/// What the touches of a group are credited with.
#[derive(Debug, Clone, Copy, Default)]
struct Credited {
    credit: Credit,
    visitors: Distinct,
}

/// The conversions of each currency.
type Totals = BTreeMap<Option<&'static str>, ConversionTotal>;

/// Runs the query.
pub(super) async fn attribution(
    reader: &Reader<'_>,
    query: &AttributionQuery,
) -> Result<AttributionResponse, StoreError> {
    let by = query.group_by.iter().filter_map(|column| match column {
        Dimension::Session(column) => Some(*column),
        _ => None,
    });
    let converting = Converting::new(reader, &query.conversions, query.range, by).await?;
    // The currency is the last text of a group.
    let mut groups: Groups<Credited> = Groups::new(reader.max_bytes());
    let mut totals = Totals::new();
    converting.each(reader, |visitor| add(visitor, query, &mut groups, &mut totals)).await?;
    Ok(response(query, groups, totals))
}

/// Adds the conversions of a visitor.
fn add(
    visitor: &Converted,
    query: &AttributionQuery,
    groups: &mut Groups<Credited>,
    totals: &mut Totals,
) -> Result<(), StoreError> {
    for (currency, conversions) in &visitor.conversions {
        let total = totals.entry(*currency).or_default();
        total.currency = currency.map(str::to_owned);
        total.conversions += conversions.len() as u64;
        total.value += conversions.iter().map(|conversion| conversion.value).sum::<f64>();
        let credits = credits(&visitor.touches, conversions, query.conversions.lookback.millis());
        let credited = visitor.texts.iter().zip(credits).filter(|(_, credit)| credit.touches > 0);
        for (texts, credit) in credited {
            let keys = texts.iter().skip(1).map(|text| text.as_deref().map(Cow::Borrowed));
            let texts: Vec<_> = keys.chain([currency.map(Cow::Borrowed)]).collect();
            let credited = groups.of(None, &texts, Credited::default)?;
            credited.credit.add(&credit);
            credited.visitors.add(visitor.number);
        }
    }
    Ok(())
}

fn response(query: &AttributionQuery, groups: Groups<Credited>, totals: Totals) -> AttributionResponse {
    let row = |(group, credited): (Group, Credited)| {
        let mut keys = group.texts;
        let currency = keys.pop().flatten();
        AttributionRow { keys, currency, credit: credited.credit, visitors: credited.visitors.count }
    };
    let mut rows: Vec<AttributionRow> = groups.sorted().into_iter().map(row).collect();
    // They are in order of their keys, then their currency.
    rows.sort_by_key(|row| std::cmp::Reverse(query.rank(&row.credit)));
    let mut other: BTreeMap<Option<String>, AttributionRow> = BTreeMap::new();
    for row in rows.split_off(query.limit.get().min(rows.len())) {
        let sum = other.entry(row.currency.clone()).or_default();
        sum.currency = row.currency;
        sum.credit.add(&row.credit);
    }
    AttributionResponse { totals: totals.into_values().collect(), rows, other: other.into_values().collect() }
}
