select
    formatDateTime(toStartOfDay(timestamp), '%Y-%m-%dT%H:%i:%SZ') as bucket,
    uniqExact(anonymous_id) as value
from events
where {scope}
group by toStartOfDay(timestamp)
order by bucket
limit 1000
