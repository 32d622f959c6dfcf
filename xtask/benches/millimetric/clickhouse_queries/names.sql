with
    named as (
        select event_name, arrayJoin(arrayDistinct(JSONExtractKeys(properties))) as name, count() as events
        from events final
        where {scope}
        group by event_name, name
    ),
    listed as (
        select event_name, arraySort(p -> (-toInt64(p.2), p.1),
            groupArray(cast((name, events), 'Tuple(name String, count UInt64)'))) as list
        from named
        group by event_name
    ),
    names as (
        select event_name, countIf(timestamp >= {from}) as total, uniqExactIf(anonymous_id, timestamp >= {from}) as visitors,
            min(timestamp) as first, max(timestamp) as last
        from events final
        where {partition} and timestamp < {to}
        group by event_name
        having total > 0
    )
select event_name, total as count, visitors as uniques,
    concat(replaceOne(toString(first), ' ', 'T'), 'Z') as first_seen,
    concat(replaceOne(toString(last), ' ', 'T'), 'Z') as last_seen, list as properties
from names left join listed using event_name
order by count desc, event_name
