select source, medium, count() as value
from events
where {scope} and match(path, '^/pric[a-z]+$')
group by source, medium
order by value desc, source, medium
limit 1000
