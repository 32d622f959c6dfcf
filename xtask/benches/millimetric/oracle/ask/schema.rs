//! Queries about what the events look like. Their samples and types are of recent events only, and
//! so are not compared; names of events are asked for over `/v1/events` already.

use std::fmt::Write as _;

use super::super::events::NAMES;
use super::{COLUMNS, PLAN, Question, Scope, range};
use crate::random::Random;

/// Which properties the events of each name carry.
pub(super) fn properties(random: &mut Random) -> anyhow::Result<Question> {
    let Scope { query, condition } = perhaps_of_one_name(random)?;
    let limit = random.of(&[2, 1000]);
    let sql = format!(
        "select event_name, arrayJoin(JSONExtractKeys(properties)) as name, count() as count \
         from events where {condition} group by event_name, name \
         order by count desc, event_name, name limit {}",
        limit + 1
    );
    let path = format!("/v1/schema?kind=properties&{query}&limit={limit}");
    Ok(Question { path, sql, limit: Some(limit) })
}

/// Which values a column or a property has.
pub(super) fn values(random: &mut Random) -> anyhow::Result<Question> {
    let Scope { mut query, condition } = perhaps_of_one_name(random)?;
    let limit = random.of(&[2, 1000]);
    let column = random.of(&COLUMNS);
    let (property, value) = if random.once_in(3) { ("plan", PLAN) } else { (column, column) };
    let _ = write!(query, "&property={property}&limit={limit}");
    let sql = format!(
        "select {value} as value, count() as count from events where {condition} group by value \
         order by count desc, value asc nulls first limit {}",
        limit + 1
    );
    Ok(Question { path: format!("/v1/schema?kind=values&{query}"), sql, limit: Some(limit) })
}

fn perhaps_of_one_name(random: &mut Random) -> anyhow::Result<Scope> {
    let mut scope = range(random)?;
    if random.once_in(2) {
        scope.filter("event", "event_name", random.of(&NAMES));
    }
    Ok(scope)
}
