CREATE TABLE IF NOT EXISTS requests {on_cluster}
(
    project String,
    env String,
    -- 'erasure' or 'reclassification'
    kind String,
    id UUID,
    -- How far its execution is; responses no longer depend on a request that is 'done'.
    state String,
    -- Of an erasure: keyed hashes of the person's ids, and the time before which events are erased.
    keys Array(FixedString(16)),
    at Int64,
    -- All else, as JSON.
    record String,
    version UInt64
)
ENGINE = {replacing_everywhere}(version)
ORDER BY (project, env, kind, id)
SETTINGS {durable}
