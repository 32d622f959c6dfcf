//! Sessions and attribution in both languages, with window functions of ClickHouse.

use std::fmt::Write as _;

use millimetric_core::classify::{Rule, is_explicit_tag, rules};
use millimetric_core::time::Timestamp;

use super::super::events::{CAMPAIGNS, NAMES, PATHS, time};
use super::{Question, bucket, percent_encoded, quoted};
use crate::random::Random;

const DAY: i64 = 86_400_000;
/// The columns of sessions, and how they are called in [`events_with_sessions`].
const COLUMNS: [(&str, &str); 7] = [
    ("session_source", "credited.1"),
    ("session_medium", "credited.2"),
    ("session_campaign", "credited.3"),
    ("session_confidence", "credited.4"),
    ("session_rule_id", "credited.5"),
    ("entry_path", "entry.1"),
    ("exit_path", "exit.1"),
];

/// A range: in our language, and in milliseconds.
pub(super) struct Span {
    pub(super) query: String,
    pub(super) from: i64,
    pub(super) to: i64,
}

pub(super) fn span(random: &mut Random) -> anyhow::Result<Span> {
    let (mut from, mut to) =
        (Timestamp::parse("1910-01-01T00:00:00Z")?, Timestamp::parse("2200-01-01T00:00:00Z")?);
    if !random.once_in(3) {
        let hours = random.of(&[1, 30, 300]);
        from = time(random)?.plus_millis(-(random.below(hours * 3_600_000) as i64));
        to = time(random)?.plus_millis(1);
        if from >= to {
            (from, to) = (to.plus_millis(-1), from.plus_millis(1));
        }
    }
    Ok(Span { query: format!("from={from}&to={to}"), from: from.millis(), to: to.millis() })
}

/// Filters by columns of events and sessions, in both languages.
pub(super) fn filters(random: &mut Random) -> (String, String) {
    let (mut query, mut condition) = (String::new(), "1".to_owned());
    let mut add = |parameter: &str, column: &str, value: &str| {
        let _ = write!(query, "&{parameter}={}", percent_encoded(value));
        let _ = write!(condition, " and ifNull({column} = {}, 0)", quoted(value));
    };
    match random.below(8) {
        0 => add("session_source", "credited.1", random.of(&["google", "facebook", "direct"])),
        1 => add("session_medium", "credited.2", random.of(&["paid", "email", "direct"])),
        2 => add("session_campaign", "credited.3", random.of(&CAMPAIGNS)),
        3 => add("entry_path", "entry.1", random.of(&PATHS)),
        4 => add("source", "source", random.of(&["google", "facebook", "direct"])),
        5 => add("path", "path", random.of(&PATHS)),
        _ => {}
    }
    (query, condition)
}

/// Every event of the range and of the time before it that sessions are computed from, with its session: its
/// `key`, `first` event (time and id), `duration`, `views`, whether it is a `bounce`, its `entry` and `exit`
/// (paths in tuples, since aggregates skip nulls), and the classification that it is `credited` with.
pub(super) fn events_with_sessions(from: i64, to: i64) -> String {
    let explicit: Vec<_> =
        rules().iter().map(Rule::id).filter(|id| is_explicit_tag(id)).map(quoted).collect();
    let explicit = explicit.join(", ");
    let classified = "tuple(source, medium, campaign, toString(source_confidence), source_rule_id)";
    let view = "event_name = '$pageview'";
    let by_path = "tuple(ms, isNotNull(path), ifNull(path, ''))";
    let known = "(source != 'internal' and (source != 'direct' or tagged))";
    format!(
        "select *, first_value(tuple(ms, event_id)) over ordered as first, \
         max(ms) over session - min(ms) over session as duration, countIf({view}) over session as views, \
         views = 1 and countIf(not startsWith(event_name, '$')) over session = 0 as bounce, \
         argMinIf(tuple(path), {by_path}, {view}) over session as entry, \
         argMaxIf(tuple(path), {by_path}, {view}) over session as exit, \
         argMin(tuple({known}, {classified}), tuple(ms, event_id)) over session as first_classified, \
         argMinIf({classified}, tuple(ms, event_id), tagged and source != 'internal') over session as tag, \
         countIf(tagged and source != 'internal') over session as tags, \
         multiIf(first_classified.1, first_classified.2, tags > 0, tag, tuple('direct', 'direct', \
         first_classified.2.3, 'high', 'direct')) as credited from \
         (select *, if(run_sent = '', concat('n', toString(run)), concat('s', run_sent)) as key from \
         (select *, max(sent) over (partition by anonymous_id, run) as run_sent from \
         (select *, sum(anchor) over (partition by anonymous_id order by ms, event_id \
         rows between unbounded preceding and current row) as run from \
         (select *, sent != '' or row_number() over visitor = 1 or ms - lagInFrame(ms) over visitor > 1800000 as anchor \
         from (select *, toUnixTimestamp64Milli(timestamp) as ms, source_rule_id in ({explicit}) as tagged, \
         if(session_id = concat(anonymous_id, '-', toString(toInt64(floor(ms / 1800000)))), '', session_id) as sent \
         from events where ms >= {} and ms < {to}) \
         window visitor as (partition by anonymous_id order by ms, event_id rows between unbounded preceding and unbounded following))))) \
         window session as (partition by anonymous_id, key), \
         ordered as (partition by anonymous_id, key order by ms, event_id rows between unbounded preceding and unbounded following)",
        from - DAY
    )
}

pub(super) fn sources(random: &mut Random) -> anyhow::Result<Question> {
    let Span { query, from, to } = span(random)?;
    let (filters, passes) = filters(random);
    // Other names than those of the columns, which the filters are about.
    let (breakdown, names, columns) = random.of(&[
        ("source_medium", "came_from, came_by", "came_from as source, came_by as medium"),
        ("source", "came_from", "came_from as source"),
    ]);
    let limit = random.of(&[1, 2, 200]);
    let sql = format!(
        "select {columns}, events, uniques, paid_share from (select {names}, count() as events, \
         uniqExact(anonymous_id) as uniques, countIf(credited.2 = 'paid') / count() as paid_share \
         from (select *, credited.1 as came_from, credited.2 as came_by from ({})) \
         where ms >= {from} and {passes} group by {names}) order by events desc, {names} limit {}",
        events_with_sessions(from, to),
        limit + 1
    );
    let path =
        format!("/v1/sources?{query}{filters}&attribution=session&breakdown={breakdown}&limit={limit}");
    Ok(Question { path, sql, limit: Some(limit) })
}

pub(super) fn stats(random: &mut Random) -> anyhow::Result<Question> {
    let Span { query, from, to } = span(random)?;
    let (filters, passes) = filters(random);
    let (column, value) = random.of(&COLUMNS);
    let (metric, counted) = random.of(&[("count", "count()"), ("uniques", "uniqExact(anonymous_id)")]);
    let sql = format!(
        "select {value} as {column}, {counted} as value from ({}) where ms >= {from} and {passes} \
         group by {column} order by value desc, {column} asc nulls first limit 1001",
        events_with_sessions(from, to)
    );
    let path = format!("/v1/stats?{query}{filters}&metric={metric}&group_by={column}&limit=1000");
    Ok(Question { path, sql, limit: Some(1000) })
}

/// The sessions that begin in the range, as their entry: one row each.
fn counted(from: i64, to: i64, passes: &str) -> String {
    format!(
        "select * from ({}) where event_name = '$pageview' and first.1 >= {from} and {passes} \
         order by ms, isNotNull(path), path limit 1 by anonymous_id, key",
        // The entry is chosen before the filters.
        format_args!(
            "select * from ({}) where event_name = '$pageview' order by ms, isNotNull(path), path, event_id \
             limit 1 by anonymous_id, key",
            events_with_sessions(from, to)
        )
    )
}

pub(super) fn sessions(random: &mut Random) -> anyhow::Result<Question> {
    let Span { mut query, from, to } = span(random)?;
    // Of page views at one time and path any may be the entry, and they differ in other columns.
    let (filters, passes) = session_filters(random);
    let limit = random.of(&[1, 3, 1000]);
    let (mut columns, mut groups, mut order) = (Vec::new(), Vec::new(), Vec::new());
    if random.once_in(2) {
        let (interval, zone) = (
            random.of(&["hour", "day", "week", "month"]),
            random.of(&["UTC", "Europe/Berlin", "Asia/Kolkata"]),
        );
        let _ = write!(query, "&interval={interval}&timezone={zone}");
        let start =
            bucket(interval, zone).replace("(timestamp)", "(fromUnixTimestamp64Milli(first.1, 'UTC'))");
        columns.push(format!("formatDateTime({start}, '%Y-%m-%dT%H:%i:%SZ', 'UTC') as bucket"));
        groups.push("bucket".to_owned());
        order.push("bucket".to_owned());
    }
    order.push("sessions desc".to_owned());
    if random.once_in(2) {
        let (column, value) = random.of(&COLUMNS);
        let _ = write!(query, "&group_by={column}");
        columns.push(format!("{value} as {column}"));
        groups.push(column.to_owned());
        order.push(format!("{column} asc nulls first"));
    }
    columns.push(
        "count() as sessions, countIf(bounce) as bounces, if(sessions = 0, 0, bounces / sessions) as bounce_rate, \
         if(sessions = 0, 0, sum(views) / sessions) as views_per_session, \
         if(sessions = 0, 0, quantileExactInclusive(0.5)(duration / 1000)) as median_duration_seconds"
            .to_owned(),
    );
    let group = if groups.is_empty() { String::new() } else { format!("group by {}", groups.join(", ")) };
    let sql = format!(
        "select {} from ({}) {group} order by {} limit {} \
         settings enable_extended_results_for_datetime_functions = 1",
        columns.join(", "),
        counted(from, to, &passes),
        order.join(", "),
        limit + 1
    );
    Ok(Question { path: format!("/v1/sessions?{query}{filters}&limit={limit}"), sql, limit: Some(limit) })
}

fn session_filters(random: &mut Random) -> (String, String) {
    loop {
        let (query, condition) = filters(random);
        if !query.starts_with("&source=") {
            return (query, condition);
        }
    }
}

pub(super) fn pages(random: &mut Random) -> anyhow::Result<Question> {
    let Span { query, from, to } = span(random)?;
    let (filters, passes) = session_filters(random);
    // A filter by path is one by the path of the entry.
    let passes = passes.replace("(path =", "(entry.1 =");
    let (sort, limit) = (random.of(&["views", "entries", "exits"]), random.of(&[1, 2, 1000]));
    let of_views = format!(
        "select tuple(path) as page, count() as views, uniqExact(anonymous_id) as uniques, 0 as entries, 0 as exits, \
         0 as bounces from ({}) where event_name = '$pageview' and ms >= {from} and {passes} group by page",
        events_with_sessions(from, to)
    );
    let of_sessions = |page: &str, entries: &str, exits: &str, bounces: &str| {
        format!(
            "select {page} as page, 0 as views, 0 as uniques, {entries} as entries, {exits} as exits, {bounces} as bounces \
             from ({}) group by page",
            counted(from, to, &passes)
        )
    };
    let sql = format!(
        "select page.1 as path, sum(part.views) as views, sum(part.uniques) as uniques, sum(part.entries) as entries, \
         sum(part.exits) as exits, sum(part.bounces) as bounces, if(entries = 0, 0, bounces / entries) as bounce_rate \
         from ({of_views} union all {} union all {}) as part group by page \
         order by {sort} desc, path asc nulls first limit {} settings prefer_column_name_to_alias = 0",
        of_sessions("entry", "count()", "0", "countIf(bounce)"),
        of_sessions("exit", "0", "count()", "0"),
        limit + 1
    );
    let path = format!("/v1/pages?{query}{filters}&sort={sort}&limit={limit}");
    Ok(Question { path, sql, limit: Some(limit) })
}

pub(super) fn attribution(random: &mut Random) -> anyhow::Result<Question> {
    let Span { query, from, to } = span(random)?;
    let (filters, passes) = filters(random);
    let event = random.of(&NAMES);
    let (lookback, days) = random.of(&[("1d", 1), ("7d", 7), ("30d", 30), ("366d", 366)]);
    let count = random.of(&["all", "once"]);
    let first_only = if count == "once" { "limit 1 by anonymous_id" } else { "" };
    let limit = random.of(&[1, 2, 1000]);
    let events = events_with_sessions(from - days * DAY, to);
    let sql = format!(
        "with events_in_sessions as ({events}), \
         conversions as (select anonymous_id, ms, event_id, key from events_in_sessions where ms >= {from} and \
         event_name = {} and {passes} order by anonymous_id, ms, event_id {first_only}), \
         sessions as (select distinct anonymous_id, key, first, credited.1 as source, ifNull(credited.2, '') as medium \
         from events_in_sessions), \
         touched as (select conversions.anonymous_id as visitor, conversions.ms as at, conversions.event_id as id, \
         arraySort(groupArray(tuple(sessions.first, sessions.source, sessions.medium))) as touches \
         from conversions inner join sessions on conversions.anonymous_id = sessions.anonymous_id \
         where conversions.key = sessions.key or \
         (sessions.first.1 <= conversions.ms and sessions.first.1 >= conversions.ms - {}) group by visitor, at, id), \
         weighed as (select visitor, touches, length(touches) as total, \
         arrayExists(touch -> touch.2 != 'direct', touches) as some_known, \
         arrayMap(touch -> toUInt8(touch.2 != 'direct' or not some_known), touches) as eligible, \
         arrayCumSum(eligible) as ranks, arraySum(eligible) as n, \
         arrayMax(arrayMap((touch, ok) -> if(ok, touch.1.1, -1000000000000000), touches, eligible)) as latest, \
         arrayMap((touch, ok) -> if(ok, exp2((touch.1.1 - latest) / 604800000), 0), touches, eligible) as decays, \
         arrayMap((touch, ok, rank, decay, index) -> tuple(touch.2, touch.3, toFloat64(index = 1), \
         toFloat64(index = total), toFloat64(ok and rank = n), ok / n, \
         ok * multiIf(n = 1, 1, n = 2, 0.5, rank = 1 or rank = n, 0.4, 0.2 / (n - 2)), \
         decay / arraySum(decays)), touches, eligible, ranks, decays, arrayEnumerate(touches)) as shares from touched) \
         select share.1 as session_source, share.2 as session_medium, \
         cast(tuple(sum(share.3), sum(share.4), sum(share.5), sum(share.6), sum(share.7), sum(share.8)), \
         'Tuple(first Float64, last Float64, last_non_direct Float64, linear Float64, position Float64, time_decay Float64)') \
         as conversions, count() as touches, uniqExact(visitor) as visitors \
         from (select visitor, arrayJoin(shares) as share from weighed) \
         group by session_source, session_medium \
         order by round(sum(share.5) * 1000000) desc, session_source, session_medium limit {}",
        quoted(event),
        days * DAY,
        limit + 1
    );
    let path = format!(
        "/v1/attribution?{query}{filters}&event={}&lookback={lookback}&count={count}&limit={limit}",
        percent_encoded(event)
    );
    Ok(Question { path, sql, limit: Some(limit) })
}
