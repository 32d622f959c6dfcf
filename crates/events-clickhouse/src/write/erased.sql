UNION ALL
SELECT 'erased', project, env, hex(arrayJoin(keys)) AS key, max(requests.at), 0
FROM requests FINAL
WHERE kind = 'erasure' AND project IN {projects:Array(String)}
GROUP BY project, env, key
