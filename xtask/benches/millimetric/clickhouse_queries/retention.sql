with
    arrayDistinct(arrayMap(day -> toMonday({from} + toIntervalDay(day)), range(dateDiff('day', {from}, {to})))) as all,
    visitors as (
        select minIf(timestamp, event_name = '$pageview') as first,
            groupUniqArrayIf(toMonday(timestamp), timestamp >= {from}) as weeks
        from events final
        where {partition} and timestamp < {to}
        group by anonymous_id
        having countIf(event_name = '$pageview') > 0 and first >= {from}
    )
select formatDateTime(toMonday(first), '%Y-%m-%dT00:00:00Z') as cohort, count() as visitors,
    arrayMap(week -> (sumMap(weeks, arrayMap(week -> 1, weeks)) as seen).2[indexOf(seen.1, week)],
        arrayFilter(week -> week >= toMonday(first), all)) as returned
from visitors
group by toMonday(first)
order by cohort
