with
    visitors as (
        select anonymous_id, arraySort(arrayZip(groupArray(toUnixTimestamp64Milli(timestamp)), groupArray(event_id),
            groupArray(toUInt8(multiIf(event_name = '$pageview', 1, startsWith(event_name, '$'), 0, 2))),
            groupArray(if(session_id = concat(anonymous_id, '-', toString(toInt64(floor(toUnixTimestamp64Milli(timestamp)
                / 1800000)))), '', session_id)))) as rows
        from events final
        where {partition} and timestamp >= {from} - interval 1 day and timestamp < {to}
        group by anonymous_id
    ),
    numbered as (
        select anonymous_id,
            arrayFill(key -> key != '', arrayMap((sent, pause, n) -> multiIf(sent != '', concat('s', sent),
                pause > 1800000 or n = 1, concat('n', toString(n)), ''), rows.4, arrayDifference(rows.1),
                arrayEnumerate(rows))) as keys,
            arraySort(event -> (event.1, event.2),
                arrayZip(arrayEnumerateDense(keys), arrayEnumerate(rows), rows)) as numbered
        from visitors
    ),
    split as (
        select anonymous_id, arraySplit((event, step) -> step != 0, numbered.3, arrayDifference(numbered.1)) as sessions
        from numbered
    ),
    sessions as (
        select arrayJoin(sessions) as session, session[1].1 as first, session[-1].1 - first as duration,
            arrayCount(event -> event.3 = 1, session) as views,
            views = 1 and not arrayExists(event -> event.3 = 2, session) as bounce
        from split
    )
select formatDateTime(toStartOfDay(fromUnixTimestamp64Milli(first, 'UTC')), '%Y-%m-%dT%H:%i:%SZ', 'UTC') as bucket,
    count() as sessions, countIf(bounce) as bounces, bounces / sessions as bounce_rate,
    sum(views) / sessions as views_per_session,
    quantileExactInclusive(0.5)(duration / 1000) as median_duration_seconds
from sessions
where views > 0 and first >= toUnixTimestamp64Milli({from})
group by bucket
order by bucket
