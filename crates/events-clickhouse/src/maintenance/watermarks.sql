SELECT project, env, max(before) FROM retention GROUP BY project, env ORDER BY project, env
