with
    visitors as (
        select anonymous_id, arraySort(arrayZip(groupArray(toUnixTimestamp64Milli(timestamp)), groupArray(event_id),
            groupArray(event_name = '$pageview' or not startsWith(event_name, '$')),
            groupArray(event_name = '$pageview' and path = '/'),
            groupArray(if(event_name = '$pageview', ifNull(path, '$pageview'), event_name)),
            groupArray(if(session_id = concat(anonymous_id, '-', toString(toInt64(floor(toUnixTimestamp64Milli(timestamp)
                / 1800000)))), '', session_id)))) as rows
        from events final
        where {partition} and timestamp >= {from} - interval 1 day and timestamp < {to}
            and anonymous_id in (select anonymous_id from events final
                where {scope} and event_name = '$pageview' and path = '/')
        group by anonymous_id
    ),
    numbered as (
        select anonymous_id,
            arrayFill(key -> key != '', arrayMap((sent, pause, n) -> multiIf(sent != '', concat('s', sent),
                pause > 1800000 or n = 1, concat('n', toString(n)), ''), rows.6, arrayDifference(rows.1),
                arrayEnumerate(rows))) as keys,
            arraySort(event -> (event.1, event.2),
                arrayZip(arrayEnumerateDense(keys), arrayEnumerate(rows), rows)) as numbered
        from visitors
    ),
    split as (
        select anonymous_id, arraySplit((event, step) -> step != 0, numbered.3, arrayDifference(numbered.1)) as sessions
        from numbered
    ),
    paths as (
        select anonymous_id, arrayJoin(sessions) as session,
            arrayFirstIndex(event -> ifNull(event.4, 0) and event.1 >= toUnixTimestamp64Milli({from}), session) as first,
            arraySlice(session, first) as after,
            arraySlice(arrayCompact(arrayFilter((event, n) -> n = 1 or event.3, after, arrayEnumerate(after)).5), 1, 3)
                as path
        from split
        where first > 0
    )
select path, count() as sessions, uniqExact(anonymous_id) as visitors
from paths
group by path
order by sessions desc, path
limit 100
