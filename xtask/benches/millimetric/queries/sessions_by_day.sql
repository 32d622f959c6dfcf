with
    marked as (
        select anonymous_id, event_id, event_name, toUnixTimestamp64Milli(timestamp) as ms,
            ms - lagInFrame(ms) over visitor > 1800000 or row_number() over visitor = 1 as starts
        from events
        where {partition} and timestamp >= {from} - interval 1 day and timestamp < {to}
        window visitor as (partition by anonymous_id order by timestamp, event_id
            rows between unbounded preceding and current row)
    ),
    numbered as (
        select *, sum(starts) over (partition by anonymous_id order by ms, event_id
            rows between unbounded preceding and current row) as session
        from marked
    ),
    sessions as (
        select anonymous_id, session, min(ms) as first, max(ms) - first as duration,
            countIf(event_name = '$pageview') as views,
            views = 1 and countIf(not startsWith(event_name, '$')) = 0 as bounce
        from numbered
        group by anonymous_id, session
        having views > 0 and first >= toUnixTimestamp64Milli({from})
    )
select formatDateTime(toStartOfDay(fromUnixTimestamp64Milli(first, 'UTC')), '%Y-%m-%dT%H:%i:%SZ', 'UTC') as bucket,
    count() as sessions, countIf(bounce) as bounces, bounces / sessions as bounce_rate,
    sum(views) / sessions as views_per_session,
    quantileExactInclusive(0.5)(duration / 1000) as median_duration_seconds
from sessions
group by bucket
order by bucket
