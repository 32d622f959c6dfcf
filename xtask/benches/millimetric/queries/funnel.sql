with visitors as
(
    select
        windowFunnel(7 * 86400000)(
            toUInt64(toUnixTimestamp64Milli(timestamp)),
            event_name = '$pageview',
            event_name = 'add_to_cart',
            event_name = 'purchase'
        ) as reached
    from events
    where {scope} and event_name in ('$pageview', 'add_to_cart', 'purchase')
    group by anonymous_id
)
select number as step, countIf(reached >= number) as uniques
from visitors
array join [1, 2, 3] as number
group by number
order by number
