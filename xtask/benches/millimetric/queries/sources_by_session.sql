with
    marked as (
        select anonymous_id, event_id, toUnixTimestamp64Milli(timestamp) as ms, source, medium, source_rule_id,
            ms - lagInFrame(ms) over visitor > 1800000 or row_number() over visitor = 1 as starts
        from events
        where {partition} and timestamp >= {from} - interval 1 day and timestamp < {to}
        window visitor as (partition by anonymous_id order by timestamp, event_id
            rows between unbounded preceding and current row)
    ),
    numbered as (
        select *, sum(starts) over (partition by anonymous_id order by ms, event_id
            rows between unbounded preceding and current row) as session
        from marked
    ),
    sessions as (
        select anonymous_id, session, argMin((source, medium), (ms, event_id)) as first,
            countIf(source_rule_id in ({tags}) and source != 'internal') as tags,
            argMinIf((source, medium), (ms, event_id), source_rule_id in ({tags}) and source != 'internal') as tag,
            argMin(source_rule_id in ({tags}), (ms, event_id)) as first_is_tagged,
            multiIf(first.1 != 'internal' and (first.1 != 'direct' or first_is_tagged), first,
                tags > 0, tag, ('direct', 'direct')) as credited,
            countIf(ms >= toUnixTimestamp64Milli({from})) as events
        from numbered
        group by anonymous_id, session
        having events > 0
    )
select credited.1 as source, credited.2 as medium, sum(sessions.events) as events,
    uniqExact(anonymous_id) as uniques, if(medium = 'paid', 1., 0.) as paid_share
from sessions
group by source, medium
order by events desc, source, medium
limit 200
