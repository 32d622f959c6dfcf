//! Values that a report leaves out of its sums because they are no numbers, for reports whose response does not
//! count them itself.

use millimetric_core::query::{Aggregate, AnyQuery, Metric, StatsQuery};

use super::{Warning, every_event};
use crate::auth::{Authorized, Read};
use crate::ops::error::OpsResult;
use crate::ops::read;
use crate::ops::reports::multi_project::of_each;
use crate::state::App;

/// The sums that the report is made of, at most two.
pub(super) fn sums(query: &AnyQuery) -> Vec<StatsQuery> {
    let (ranges, events, filters, property) = match query {
        AnyQuery::Changes(query) => {
            let ranges = vec![query.range, query.compared_with];
            (ranges, &query.events, &query.filters, query.metric.property())
        }
        AnyQuery::Attribution(query) => {
            let of = &query.conversions;
            (vec![query.range], &of.events, &of.filters, of.value.as_ref().map(|value| &value.property))
        }
        _ => return Vec::new(),
    };
    let Some(property) = property else { return Vec::new() };
    let sum = |range| StatsQuery {
        events: events.clone(),
        filters: filters.clone(),
        metric: Metric::Of(Aggregate::Sum, property.clone()),
        ..every_event(range)
    };
    ranges.into_iter().map(sum).collect()
}

/// The values that these sums leave out.
pub(super) async fn about_sums(
    app: &App,
    readers: &[Authorized<Read>],
    sums: &[StatsQuery],
) -> OpsResult<Option<Warning>> {
    let mut left_out = 0;
    for sum in sums {
        let responses = of_each(readers, |by| read::run(app, by, sum.clone())).await?;
        left_out += responses
            .iter()
            .filter_map(|response| response.skipped.as_ref())
            .map(|skipped| skipped.not_numeric)
            .sum::<u64>();
    }
    let property = sums.first().and_then(|sum| sum.metric.property()).filter(|_| left_out > 0);
    Ok(property.map(|property| Warning::not_numeric(property, left_out)))
}
