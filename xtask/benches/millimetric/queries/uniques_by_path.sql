select path, uniqExact(anonymous_id) as value
from events
where {scope} and event_name = '$pageview'
group by path
order by value desc, path nulls first
limit 100
