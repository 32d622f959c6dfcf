//! Journeys in both languages: over sessions of window functions, with functions of ClickHouse for arrays.

use super::super::events::NAMES;
use super::sessions::{Span, events_with_sessions, filters, span};
use super::{Question, percent_encoded, quoted};
use crate::random::Random;

/// A start in our language, and what its event is in ClickHouse's.
fn start(random: &mut Random) -> (String, String) {
    let page = |condition: &str| format!("event_name = '$pageview' and ifNull({condition}, 0)");
    match random.below(6) {
        0 => ("page:/pricing".to_owned(), page("path = '/pricing'")),
        1 => ("page:/p*".to_owned(), page("startsWith(path, '/p')")),
        2 => ("page:*".to_owned(), page("isNotNull(path)")),
        _ => {
            let name = random.of(&NAMES);
            (name.to_owned(), format!("event_name = {}", quoted(name)))
        }
    }
}

pub(super) fn journeys(random: &mut Random) -> anyhow::Result<Question> {
    let Span { query, from, to } = span(random)?;
    let (filters, passes) = filters(random);
    let (start, starts) = start(random);
    let (steps, limit) = (random.of(&[2, 3, 4, 5]), random.of(&[1, 3, 1000]));
    let (page_views, is_step) = random.of(&[
        ("true", "event_name = '$pageview' or not startsWith(event_name, '$')"),
        ("false", "not startsWith(event_name, '$')"),
    ]);
    let ordered = "arraySort(groupArray(tuple(ms, event_id, step, starts, is_step)))";
    let first = format!("arraySlice(steps, 1, {steps})");
    let (direction, of_session, journey) = if random.once_in(2) {
        ("forwards", ordered.to_owned(), first)
    } else {
        ("backwards", format!("arrayReverse({ordered})"), format!("arrayReverse({first})"))
    };
    let sql = format!(
        "select journey as path, sessions, visitors, sessions / total as share from \
         (select *, sum(sessions) over () as total from \
         (select journey, count() as sessions, uniqExact(visitor) as visitors from \
         (select visitor, arrayCompact(arrayMap(e -> e.3, arrayFilter((e, i) -> i = 1 or e.5, followed, \
         arrayEnumerate(followed)))) as steps, {journey} as journey from \
         (select visitor, arraySlice(of_session, at) as followed from \
         (select anonymous_id as visitor, key, {of_session} as of_session, \
         arrayFirstIndex(e -> e.4, of_session) as at from \
         (select anonymous_id, key, ms, event_id, \
         if(event_name = '$pageview', ifNull(toString(path), '$pageview'), toString(event_name)) as step, \
         toUInt8(ms >= {from} and {starts} and {passes}) as starts, toUInt8({is_step}) as is_step from ({})) \
         group by visitor, key) where at > 0)) group by journey)) order by sessions desc, path limit {}",
        events_with_sessions(from, to),
        limit + 1
    );
    let path = format!(
        "/v1/journeys?{query}{filters}&start={}&direction={direction}&steps={steps}&pageviews={page_views}&limit={limit}",
        percent_encoded(&start)
    );
    Ok(Question { path, sql, limit: Some(limit) })
}
