with
    visitors as (
        select anonymous_id, arraySort(arrayZip(groupArray(toUnixTimestamp64Milli(timestamp)), groupArray(event_id),
            groupArray(toUInt8(multiIf(event_name = '$pageview', 1, startsWith(event_name, '$'), 0, 2))),
            groupArray(tuple(path)),
            groupArray(if(session_id = concat(anonymous_id, '-', toString(toInt64(floor(toUnixTimestamp64Milli(timestamp)
                / 1800000)))), '', session_id)))) as rows
        from events final
        where {partition} and timestamp >= {from} - interval 1 day and timestamp < {to}
        group by anonymous_id
    ),
    numbered as (
        select anonymous_id,
            arrayFill(key -> key != '', arrayMap((sent, pause, n) -> multiIf(sent != '', concat('s', sent),
                pause > 1800000 or n = 1, concat('n', toString(n)), ''), rows.5, arrayDifference(rows.1),
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
        select anonymous_id, arrayJoin(sessions) as session, session[1].1 as first,
            arraySort(event -> (event.1, isNotNull(event.4.1), ifNull(event.4.1, ''), event.2),
                arrayFilter(event -> event.3 = 1, session)) as views,
            length(views) = 1 and not arrayExists(event -> event.3 = 2, session) as bounce
        from split
    ),
    parts as (
        select anonymous_id, arrayJoin(arrayConcat(
            arrayMap(event -> (event.4.1, 1, 0, 0, 0), arrayFilter(event -> event.1 >= toUnixTimestamp64Milli({from}), views)),
            if(first >= toUnixTimestamp64Milli({from}),
                [(views[1].4.1, 0, 1, 0, toUInt8(bounce)), (views[-1].4.1, 0, 0, 1, 0)], []))) as part
        from sessions
        where notEmpty(views)
    )
select part.1 as path, sum(part.2) as views, uniqExactIf(anonymous_id, part.2 = 1) as uniques, sum(part.3) as entries,
    sum(part.4) as exits, sum(part.5) as bounces
from parts
group by path
order by views desc, path asc nulls first
limit 100
