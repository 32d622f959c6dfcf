select source, medium, count() as value
from events
where {scope} and path = '/pricing'
group by source, medium
order by value desc, source, medium
limit 1000
