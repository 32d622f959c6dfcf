-- What a group of batches must leave out: the stored events of some ids that were inserted in the last eight days,
-- for imports also older ones, and those of some people who were erased, as keyed hashes with the time before which
-- their events are erased. The combination of project, env and id is compared by the caller.
SELECT
    'stored' AS kind,
    project,
    env,
    event_id AS id,
    toUnixTimestamp64Milli(timestamp) AS at,
    toUInt8(inserted_at >= now() - INTERVAL 8 DAY) AS is_recent
FROM events
PREWHERE event_id IN ids
WHERE project IN {projects:Array(String)}
    AND env IN {envs:Array(String)}
    AND (inserted_at >= now() - INTERVAL 8 DAY /* or older */)
-- Few rows of many parts are read: more threads cost more than they save.
SETTINGS max_threads = 1, log_comment = 'millimetric lookup'
UNION ALL
SELECT 'erased', project, env, hex(key), max(at), 0
FROM
(
    SELECT project, env, at, arrayJoin(keys) AS key
    FROM requests FINAL
    WHERE kind = 'erasure' AND project IN {projects:Array(String)}
)
WHERE hex(key) IN people
GROUP BY project, env, key
