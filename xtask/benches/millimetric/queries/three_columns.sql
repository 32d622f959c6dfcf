select source, medium, country, count() as value
from events
where {scope}
group by source, medium, country
order by value desc, source, medium, country
limit 1000
