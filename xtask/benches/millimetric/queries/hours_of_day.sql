select
    toHour(timestamp) as hour_of_day,
    count() as value
from events
where {scope} and country = 'DE' and source = 'google'
group by hour_of_day
order by hour_of_day
