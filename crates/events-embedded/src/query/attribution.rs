//! `GET /v1/attribution`: credits conversions to the sessions before them, by columns of these sessions.

pub(crate) mod journeys;
pub(crate) mod paths;
pub(crate) mod touches;

use std::sync::Arc;

use hashbrown::HashMap;
use millimetric_core::attribution::{Conversion, Credit, credits};
use millimetric_core::query::{AttributionQuery, AttributionResponse, AttributionRow, ConversionTotal};
use millimetric_events::StoreError;

use self::journeys::{Journey, Journeys};
use crate::columns::group_column::GroupColumn;
use crate::query::groups as counting;
use crate::query::groups::frequent;
use crate::query::groups::frequent::Frequent;
use crate::query::groups::group_dictionary::Finished;
use crate::query::sessions::SessionGroups;
use crate::query::sessions::groups;
use crate::query::view::View;
use crate::resources::query_context::QueryContext;

/// Runs the query.
pub(crate) fn attribution(
    view: &View,
    query: &AttributionQuery,
    context: &QueryContext,
) -> Result<AttributionResponse, StoreError> {
    let by: Vec<GroupColumn> = query.group_by.iter().map(GroupColumn::from).collect();
    let journeys = Journeys::of(view, &query.conversions, context)?;
    frequent::with_frequent(
        view.limits.groups,
        context,
        |frequent| count(view, query, &by, &journeys, frequent, context),
        |frequent| {
            let columns = groups::columns(view, &by)?;
            journeys.each(
                context,
                || (),
                |(), journey| {
                    for touch in journey.touches {
                        let columns = &columns[touch.first.chunk as usize];
                        let texts = columns.iter().map(|column| column.value(touch.first.row as usize));
                        frequent.add(frequent.hash(0, texts), 1);
                    }
                    Ok(())
                },
            )?;
            Ok(())
        },
    )
}

/// Also returns whether there are too many groups.
fn count(
    view: &View,
    query: &AttributionQuery,
    by: &[GroupColumn],
    journeys: &Journeys,
    frequent: Option<Arc<Frequent>>,
    context: &QueryContext,
) -> Result<(AttributionResponse, bool), StoreError> {
    let dictionary = counting::dictionary(view, frequent);
    let session_groups = SessionGroups::of(view, by, &dictionary)?;
    let lookback = query.conversions.lookback.millis();
    let start = || (Accumulator::default(), session_groups.start(), context.memory());
    let of_cores = journeys.each(context, start, |(accumulator, known, memory), journey| {
        memory.grow_to(journey.models_bytes())?;
        let groups: Vec<u32> =
            journey.touches.iter().map(|touch| session_groups.group(0, touch.first, known)).collect();
        for (currency, conversions) in journey.by_currency() {
            context.check()?;
            accumulator.add(&groups, currency, &journey, &conversions, lookback);
        }
        Ok(())
    })?;
    let mut whole = Accumulator::default();
    for (accumulator, ..) in of_cores {
        whole.merge(accumulator);
    }
    let too_many = dictionary.too_many();
    let dictionary = dictionary.finish();
    Ok((response(query, journeys, whole, &dictionary, by.len()), too_many))
}

fn response(
    query: &AttributionQuery,
    journeys: &Journeys,
    whole: Accumulator,
    dictionary: &Finished,
    dimensions: usize,
) -> AttributionResponse {
    let (mut apart, others): (Vec<_>, Vec<_>) =
        whole.groups.into_iter().partition(|((group, _), _)| dictionary.other != Some(*group as usize));
    apart.sort_by(|((a, currency), credited), ((b, other_currency), other)| {
        query
            .rank(&other.credit)
            .cmp(&query.rank(&credited.credit))
            .then_with(|| dictionary.compare(*a as usize, *b as usize, dimensions))
            .then_with(|| currency.cmp(other_currency))
    });
    let cut = apart.split_off(query.limit.get().min(apart.len()));
    let mut other: HashMap<Option<&'static str>, Credit> = HashMap::new();
    for ((_, currency), credited) in cut.into_iter().chain(others) {
        other.entry(currency).or_default().add(&credited.credit);
    }
    let mut other: Vec<AttributionRow> = other
        .into_iter()
        .map(|(currency, credit)| AttributionRow {
            currency: currency.map(str::to_owned),
            credit,
            ..AttributionRow::default()
        })
        .collect();
    other.sort_by(|a, b| a.currency.cmp(&b.currency));
    let row = |((group, currency), credited): ((u32, Option<&str>), Credited)| AttributionRow {
        keys: (0..dimensions)
            .map(|dimension| dictionary.text(group as usize, dimension).map(str::to_owned))
            .collect(),
        currency: currency.map(str::to_owned),
        credit: credited.credit,
        visitors: credited.visitors,
    };
    let total = |(currency, (conversions, value)): (Option<&str>, (u64, f64))| ConversionTotal {
        currency: currency.map(str::to_owned),
        conversions,
        value,
    };
    AttributionResponse {
        totals: journeys.totals().into_iter().map(total).collect(),
        rows: apart.into_iter().map(row).collect(),
        other,
    }
}

/// What the touches of one group are credited with.
#[derive(Debug, Default)]
struct Credited {
    credit: Credit,
    visitors: u64,
    /// The visitor that was counted last.
    last_visitor: Option<u64>,
}

/// Credits by group number and currency.
#[derive(Debug, Default)]
struct Accumulator {
    groups: HashMap<(u32, Option<&'static str>), Credited>,
}

impl Accumulator {
    /// Adds the credits of one visitor's conversions to the groups of their touches.
    fn add(
        &mut self,
        groups: &[u32],
        currency: Option<&'static str>,
        journey: &Journey<'_>,
        conversions: &[Conversion],
        lookback: i64,
    ) {
        let credits = credits(&journey.models_touches(), conversions, lookback);
        for (group, credit) in groups.iter().zip(&credits).filter(|(_, credit)| credit.touches > 0) {
            let credited = self.groups.entry((*group, currency)).or_default();
            credited.credit.add(credit);
            if credited.last_visitor != Some(journey.visitor) {
                credited.last_visitor = Some(journey.visitor);
                credited.visitors += 1;
            }
        }
    }

    /// Adds the credits of other visitors.
    fn merge(&mut self, other: Self) {
        for (key, theirs) in other.groups {
            let mine = self.groups.entry(key).or_default();
            mine.credit.add(&theirs.credit);
            mine.visitors += theirs.visitors;
        }
    }
}
