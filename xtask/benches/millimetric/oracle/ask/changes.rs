//! Changes between two ranges in both languages: the values of one column.

use millimetric_core::time::Timestamp;

use super::super::events::{NAMES, time};
use super::{COLUMNS, Question, Scope};
use crate::random::Random;

/// A range that is not empty.
fn range(random: &mut Random) -> anyhow::Result<(Timestamp, Timestamp)> {
    if random.once_in(4) {
        return Ok((Timestamp::parse("1910-01-01T00:00:00Z")?, Timestamp::parse("2200-01-01T00:00:00Z")?));
    }
    let (one, other) = (time(random)?, time(random)?);
    Ok((one.min(other), one.max(other).plus_millis(1)))
}

pub(super) fn changes(random: &mut Random) -> anyhow::Result<Question> {
    let ranges = [range(random)?, range(random)?];
    let [(from, to), (since, until)] = ranges;
    let mut scope = Scope { query: String::new(), condition: "1".to_owned() };
    match random.below(4) {
        0 => scope.filter("event", "event_name", random.of(&NAMES)),
        1 => scope.filter("source", "source", random.of(&["google", "facebook", "direct"])),
        _ => {}
    }
    let Scope { query, condition } = scope;
    let column = random.of(&COLUMNS);
    let metric = random.of(&["count", "uniques"]);
    let [now, before] = ranges.map(|(from, to)| {
        let ms = "toUnixTimestamp64Milli(timestamp)";
        let within = format!("{ms} >= {} and {ms} < {}", from.millis(), to.millis());
        let counted = if metric == "count" {
            format!("countIf({within})")
        } else {
            format!("uniqExactIf(anonymous_id, {within})")
        };
        format!("toInt64({counted})")
    });
    let [length, compared] = ranges.map(|(from, to)| (to.millis() - from.millis()) as f64);
    let scale = length / compared;
    let limit = 100;
    // A value that all events have explains nothing, nor does one that did not change.
    let sql = format!(
        "select cast(tuple(key), 'Tuple(`{column}` Nullable(String))') as columns, now as value, before as previous, \
         now - before as change from \
         (select toNullable(toString({column})) as key, {now} as now, {before} as before from events \
         where {condition} group by key) \
         where now != before and tuple(now, before) != (select tuple({now}, {before}) from events where {condition}) \
         order by abs((now - {scale:?} * before) / sqrt(now + {scale:?} * {scale:?} * before)) < 3, \
         abs(now - before) desc, key asc nulls first limit {}",
        limit + 1
    );
    let path = format!(
        "/v1/changes?from={from}&to={to}&compare={since}/{until}&metric={metric}&columns={column}&limit={limit}{query}"
    );
    Ok(Question { path, sql, limit: Some(limit) })
}
