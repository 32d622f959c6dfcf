-- The people who were erased in some projects, as keyed hashes, and the time before which their events are erased.
SELECT project, env, hex(arrayJoin(keys)) AS key, max(at)
FROM requests FINAL
WHERE kind = 'erasure' AND project IN {projects:Array(String)}
GROUP BY project, env, key
