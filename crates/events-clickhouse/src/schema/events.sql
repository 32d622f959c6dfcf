CREATE TABLE IF NOT EXISTS {events} {on_cluster}
(
    project LowCardinality(String),
    env LowCardinality(String),
    timestamp DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
{columns}
    -- Of two rows of an event the one with the higher version stays: that which was received first.
    version UInt64 CODEC(Delta, ZSTD),
    -- Zeros, or the re-classification that the row was written by.
    reclassification UUID,
    -- The time of the server: when the row was inserted.
    inserted_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD),
    -- Keyed hashes of user_id and anonymous_id, by which people are erased; zeros if there is no user.
    user_key FixedString(16),
    visitor_key FixedString(16),
    INDEX of_user_key user_key TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX of_visitor_key visitor_key TYPE bloom_filter(0.01) GRANULARITY 1,
    -- Finds the stored events of some ids, by which repeated events are left out. The id is first: ids that begin
    -- with the time are near each other whatever their project is, and a part that has none of them is not read.
    PROJECTION of_event_id
    (
        SELECT event_id, project, env, timestamp, inserted_at
        ORDER BY event_id
    )
)
ENGINE = {replacing}(version)
PARTITION BY toYYYYMM(timestamp)
PRIMARY KEY (project, env, toDate32(timestamp), cityHash64(anonymous_id))
ORDER BY (project, env, toDate32(timestamp), cityHash64(anonymous_id), event_id, reclassification)
SETTINGS {durable}, {deduplicating}, old_parts_lifetime = 60, cleanup_delay_period = 10,
    deduplicate_merge_projection_mode = 'rebuild', auto_statistics_types = ''
