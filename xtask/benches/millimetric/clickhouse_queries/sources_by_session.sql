with
    visitors as (
        select anonymous_id, arraySort(arrayZip(groupArray(toUnixTimestamp64Milli(timestamp)), groupArray(event_id),
            groupArray(toUInt8(multiIf(source = 'internal', 0, startsWith(source_rule_id, 'project:')
                or source_rule_id in ({tags}), 2, source = 'direct', 0, 1))),
            groupArray((source, medium)),
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
        select anonymous_id, arrayJoin(sessions) as session,
            arrayCount(event -> event.1 >= toUnixTimestamp64Milli({from}), session) as events,
            multiIf(session[1].3 > 0, session[1].4,
                arrayExists(event -> event.3 = 2, session), arrayFirst(event -> event.3 = 2, session).4,
                ('direct', 'direct')) as credited
        from split
    )
select credited.1 as source, credited.2 as medium, sum(sessions.events) as events,
    uniqExact(anonymous_id) as uniques, if(medium = 'paid', 1., 0.) as paid_share
from sessions
where sessions.events > 0
group by source, medium
order by events desc, source, medium
limit 200
