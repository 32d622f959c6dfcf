select
    formatDateTime(toStartOfHour(timestamp), '%Y-%m-%dT%H:%i:%SZ') as bucket,
    count() as value
from events
where {scope} and country = 'DE' and source = 'google'
group by toStartOfHour(timestamp)
order by bucket
limit 1000
