//! Funnels and retention in both languages. Times between steps and groups of the attempt that got furthest are
//! left to the store's own recount: ClickHouse has no function for them.

use std::fmt::Write as _;

use super::super::events::{NAMES, PATHS, time};
use super::{Question, Scope, bucket, percent_encoded, quoted, range};
use crate::random::Random;

/// Filters on the event that something begins with.
fn beginning(random: &mut Random) -> (String, String) {
    let mut scope = Scope { query: String::new(), condition: "1".to_owned() };
    if random.once_in(3) {
        scope.filter("source", "source", random.of(&["google", "facebook", "direct"]));
    }
    if random.once_in(4) {
        scope.filter("path", "path", random.of(&PATHS));
    }
    (scope.query, scope.condition)
}

/// A step in both languages. Page views are also selected by their path.
fn step(random: &mut Random, name: &str) -> (String, String) {
    let named = format!("event_name = {}", quoted(name));
    if name != "$pageview" || random.once_in(2) {
        return (percent_encoded(name), named);
    }
    let (pattern, path) = random.of(&[
        ("/", "path = '/'"),
        ("/pri*", "startsWith(path, '/pri')"),
        ("*/b", "endsWith(path, '/b')"),
        ("*i*", "position(path, 'i') > 0"),
    ]);
    (format!("page:{pattern}"), format!("{named} and ifNull({path}, 0)"))
}

/// Steps that differ: ClickHouse lets one event be two steps of the same name.
pub(super) fn funnel(random: &mut Random) -> anyhow::Result<Question> {
    let Scope { query, condition } = range(random)?;
    let (filters, starts) = beginning(random);
    let count = 2 + random.below(3);
    let steps = random.several(&NAMES, count);
    let (window, millis) = random.of(&[
        ("30m", 1_800_000_u64),
        ("5h", 18_000_000),
        ("7d", 604_800_000),
        ("365d", 31_536_000_000),
    ]);
    let (list, mut conditions): (Vec<_>, Vec<_>) = steps.iter().map(|name| step(random, name)).unzip();
    conditions[0] = format!("{} and {starts}", conditions[0]);
    let path = format!("/v1/funnel?{query}{filters}&steps={}&window={window}", list.join(","));
    // A century later, so that no time is negative.
    let reached = format!(
        "windowFunnel({millis})(toUInt64(toUnixTimestamp64Milli(timestamp) + 3153600000000), {}) as reached",
        conditions.join(", ")
    );
    let last = steps.len() + 1;
    if random.once_in(2) {
        // The source of the first event that can start an attempt; ties by source.
        let sql = format!(
            "select source, step, uniques from (select *, max(uniques) over (partition by source) as started from \
             (select first_source as source, number as step, countIf(reached >= number) as uniques from \
             (select {reached}, argMinIf(source, tuple(timestamp, source), {}) as first_source from events \
             where {condition} group by anonymous_id having reached > 0) array join range(1, {last}) as number \
             group by source, step)) order by started desc, source, step",
            conditions[0]
        );
        return Ok(Question { path: format!("{path}&group_by=source"), sql, limit: None });
    }
    // And nobody, who reaches no step, so that there is somebody in an empty range.
    let sql = format!(
        "select number as step, countIf(reached >= number) as uniques from (select {reached} from events \
         where {condition} group by anonymous_id union all select 0) array join range(1, {last}) as number \
         group by number order by number"
    );
    Ok(Question { path, sql, limit: None })
}

pub(super) fn retention(random: &mut Random) -> anyhow::Result<Question> {
    let from = time(random)?;
    let hours = 1 + random.below(119 * 24) as i64;
    let to = from.plus_millis(hours * 3_600_000 + random.below(2) as i64);
    let (filters, begins) = beginning(random);
    let interval = random.of(&["day", "week", "month"]);
    let zone = random.of(&["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]);
    let mut query = format!("{filters}&interval={interval}&timezone={zone}");
    let mut conditions = [begins, "1".to_owned()];
    for (name, condition) in ["event", "return_event"].into_iter().zip(&mut conditions) {
        if random.once_in(2) {
            let event = random.of(&NAMES);
            let _ = write!(query, "&{name}={}", percent_encoded(event));
            let _ = write!(condition, " and event_name = {}", quoted(event));
        }
    }
    let [begins, returns] = conditions;
    let (first, last) = (from.millis(), to.millis() - 1);
    let (new, ever) = random.of(&[("", true), ("&new=ever", true), ("&new=range", false)]);
    query.push_str(new);
    let millis = "toUnixTimestamp64Milli(timestamp)";
    // Earlier events decide who is new, and are no returns.
    let since = if ever { "1".to_owned() } else { format!("{millis} >= {first}") };
    let period = bucket(interval, zone);
    // Every period that a moment of the range lies in, six hours at a time.
    let periods = format!(
        "arrayDistinct(arrayMap(at -> {}, arrayMap(step -> fromUnixTimestamp64Milli(least({first} + step * 21600000, \
         {last}), 'UTC'), range(0, {}))))",
        period.replace("(timestamp)", "(at)"),
        hours / 6 + 2
    );
    let sql = format!(
        "with {periods} as all_periods select formatDateTime(cohort_start, '%Y-%m-%dT%H:%i:%SZ', 'UTC') as cohort, \
         count() as visitors, arrayMap(period -> arrayCount(seen -> has(seen, period), groupArray(returned_in)), \
         arrayFilter(period -> period >= cohort_start, all_periods)) as returned \
         from (select anonymous_id, minIf({period}, {begins}) as cohort_start, \
         groupUniqArrayIf({period}, {millis} >= {first} and {returns}) as returned_in from events \
         where {since} and {millis} <= {last} group by anonymous_id \
         having countIf({begins}) > 0 and minIf({millis}, {begins}) >= {first}) \
         group by cohort_start order by cohort_start \
         settings enable_extended_results_for_datetime_functions = 1"
    );
    Ok(Question { path: format!("/v1/retention?from={from}&to={to}{query}"), sql, limit: None })
}
