with
    converted as (
        select distinct anonymous_id from events
        where {scope} and event_name = 'purchase'
    ),
    marked as (
        select anonymous_id, event_id, event_name, toUnixTimestamp64Milli(timestamp) as ms, source, medium, source_rule_id,
            ms - lagInFrame(ms) over visitor > 1800000 or row_number() over visitor = 1 as starts
        from events
        where {partition} and timestamp >= {from} - interval 31 day and timestamp < {to}
            and anonymous_id in (select anonymous_id from converted)
        window visitor as (partition by anonymous_id order by timestamp, event_id
            rows between unbounded preceding and current row)
    ),
    numbered as (
        select *, sum(starts) over (partition by anonymous_id order by ms, event_id
            rows between unbounded preceding and current row) as session
        from marked
    ),
    sessions as (
        select anonymous_id, session, min(ms) as start, argMin((source, medium), (ms, event_id)) as first,
            countIf(source_rule_id in ({tags}) and source != 'internal') as tags,
            argMinIf((source, medium), (ms, event_id), source_rule_id in ({tags}) and source != 'internal') as tag,
            argMin(source_rule_id in ({tags}), (ms, event_id)) as first_is_tagged,
            multiIf(first.1 != 'internal' and (first.1 != 'direct' or first_is_tagged), first,
                tags > 0, tag, ('direct', 'direct')) as credited
        from numbered
        group by anonymous_id, session
    ),
    conversions as (
        select anonymous_id, session, ms, event_id from numbered
        where event_name = 'purchase' and ms >= toUnixTimestamp64Milli({from})
    ),
    touched as (
        select conversions.anonymous_id as visitor, conversions.ms as at, conversions.event_id as id,
            arraySort(groupArray((sessions.start, sessions.credited.1, sessions.credited.2))) as touches
        from conversions inner join sessions on conversions.anonymous_id = sessions.anonymous_id
        where conversions.session = sessions.session
            or (sessions.start <= conversions.ms and sessions.start >= conversions.ms - 2592000000)
        group by visitor, at, id
    ),
    weighed as (
        select visitor, length(touches) as total,
            arrayExists(touch -> touch.2 != 'direct', touches) as some_known,
            arrayMap(touch -> toUInt8(touch.2 != 'direct' or not some_known), touches) as eligible,
            arrayCumSum(eligible) as ranks, arraySum(eligible) as n,
            arrayMap((touch, ok) -> ok * exp2((touch.1 - at) / 604800000), touches, eligible) as decays,
            arrayMap((touch, ok, rank, decay, index) -> (touch.2, touch.3, toFloat64(index = 1),
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
