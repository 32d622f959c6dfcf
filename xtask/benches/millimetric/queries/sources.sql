select
    source,
    medium,
    count() as events,
    uniqExact(anonymous_id) as uniques,
    countIf(medium = 'paid') / count() as paid_share
from events
where {scope}
group by source, medium
order by events desc, source, medium
limit 200
