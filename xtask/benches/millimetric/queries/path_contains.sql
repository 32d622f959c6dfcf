select source, medium, count() as value
from events
where {scope} and path like '%pricing%'
group by source, medium
order by value desc, source, medium
limit 1000
