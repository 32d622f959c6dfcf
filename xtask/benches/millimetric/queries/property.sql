select JSONExtractString(properties, 'title') as `properties.title`, count() as value
from events
where {scope} and event_name = '$pageview'
group by `properties.title`
order by value desc, `properties.title`
limit 1000
