-- The stored events of some ids that were inserted in the last eight days, and for imports also older ones. The
-- combination of project, env and id is compared by the caller.
SELECT DISTINCT
    project,
    env,
    event_id,
    toUnixTimestamp64Milli(timestamp),
    toUInt8(inserted_at >= now() - INTERVAL 8 DAY)
FROM events
WHERE project IN {projects:Array(String)}
    AND env IN {envs:Array(String)}
    AND event_id IN {ids:Array(String)}
    AND (inserted_at >= now() - INTERVAL 8 DAY /* or older */)
