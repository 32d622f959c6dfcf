SELECT project, env, toString(id), state, record, version
FROM requests FINAL
WHERE kind = {kind:String} AND state != 'done'
ORDER BY project, env, id
