with
    visitors as (
        select anonymous_id, arraySort(arrayZip(groupArray(toUnixTimestamp64Milli(timestamp)), groupArray(event_id),
            groupArray(toUInt8(multiIf(source = 'internal', 0, startsWith(source_rule_id, 'project:')
                or source_rule_id in ({tags}), 2, source = 'direct', 0, 1))),
            groupArray((source, medium)),
            groupArray(event_name = 'purchase' and timestamp >= {from}),
            groupArray(if(session_id = concat(anonymous_id, '-', toString(toInt64(floor(toUnixTimestamp64Milli(timestamp)
                / 1800000)))), '', session_id)))) as rows
        from events final
        where {partition} and timestamp >= {from} - interval 31 day and timestamp < {to}
            and anonymous_id in (select anonymous_id from events final where {scope} and event_name = 'purchase')
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
    conversions as (
        select anonymous_id,
            arrayMap(session -> (session[1].1, multiIf(session[1].3 > 0, session[1].4,
                arrayExists(event -> event.3 = 2, session), arrayFirst(event -> event.3 = 2, session).4,
                ('direct', 'direct')) as credited, credited.1 = 'direct'), sessions) as all,
            arrayJoin(arrayFlatten(arrayMap((session, n) -> arrayMap(event -> (event.1, n),
                arrayFilter(event -> event.5, session)), sessions, arrayEnumerate(sessions)))) as conversion
        from split
    ),
    touched as (
        select anonymous_id as visitor, conversion.1 as at,
            arrayFilter((touch, n) -> n = conversion.2 or (touch.1 <= at and touch.1 >= at - 2592000000),
                all, arrayEnumerate(all)) as touches
        from conversions
    ),
    weighed as (
        select visitor, length(touches) as total,
            arrayExists(touch -> not touch.3, touches) as some_known,
            arrayMap(touch -> toUInt8(not touch.3 or not some_known), touches) as eligible,
            arrayCumSum(eligible) as ranks, arraySum(eligible) as n,
            arrayMap((touch, ok) -> ok * exp2((touch.1 - at) / 604800000), touches, eligible) as decays,
            arrayMap((touch, ok, rank, decay, index) -> (touch.2.1, touch.2.2, toFloat64(index = 1),
                toFloat64(index = total), toFloat64(ok and rank = n), ok / n,
                ok * multiIf(n = 1, 1, n = 2, 0.5, rank = 1 or rank = n, 0.4, 0.2 / (n - 2)),
                decay / arraySum(decays)), touches, eligible, ranks, decays, arrayEnumerate(touches)) as shares
        from touched
    )
select share.1 as session_source, share.2 as session_medium,
    cast((sum(share.3), sum(share.4), sum(share.5), sum(share.6), sum(share.7), sum(share.8)),
        'Tuple(first Float64, last Float64, last_non_direct Float64, linear Float64, position Float64, time_decay Float64)')
        as conversions,
    count() as touches, uniqExact(visitor) as visitors
from (select visitor, arrayJoin(shares) as share from weighed)
group by session_source, session_medium
order by round(sum(share.5) * 1000000) desc, session_source, session_medium
limit 1000
