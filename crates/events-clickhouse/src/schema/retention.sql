CREATE TABLE IF NOT EXISTS retention {on_cluster}
(
    project String,
    env String,
    -- Milliseconds since 1970: events before it have expired. The largest Int64: the scope was deleted.
    before SimpleAggregateFunction(max, Int64)
)
ENGINE = {aggregating_everywhere}
ORDER BY (project, env)
SETTINGS {durable}
