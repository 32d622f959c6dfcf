CREATE TABLE IF NOT EXISTS settings {on_cluster}
(
    -- 'schema': the version of these tables. 'key': the key of the hashes of people's ids.
    name String,
    value String,
    set_at DateTime64(9, 'UTC') DEFAULT now64(9)
)
ENGINE = {merge_everywhere}
ORDER BY (name, set_at)
SETTINGS {durable}
