create table events
(
    project_id LowCardinality(String),
    env LowCardinality(String),
    timestamp DateTime64(3, 'UTC') codec(Delta, LZ4),
    received_at DateTime64(3, 'UTC') codec(Delta, LZ4),
    event_name LowCardinality(String),
    event_id String,
    anonymous_id String,
    user_id Nullable(String),
    session_id String,
    source LowCardinality(String),
    medium LowCardinality(String),
    campaign LowCardinality(Nullable(String)),
    source_confidence LowCardinality(String),
    source_rule_id LowCardinality(String),
    referrer Nullable(String),
    url Nullable(String),
    path LowCardinality(Nullable(String)),
    country LowCardinality(String),
    device_type LowCardinality(String),
    browser LowCardinality(String),
    os LowCardinality(String),
    ip_hash String,
    properties String
)
engine = MergeTree
partition by toYYYYMM(timestamp)
order by (project_id, env, timestamp)
