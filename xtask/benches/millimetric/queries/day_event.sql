select
    formatDateTime(toStartOfDay(timestamp), '%Y-%m-%dT%H:%i:%SZ') as bucket,
    event_name,
    count() as value
from events
where {scope}
group by toStartOfDay(timestamp), event_name
order by bucket, value desc, event_name
limit 1000
