SELECT project, env, toString(id), state, record, version
FROM requests FINAL
WHERE kind = {kind:String}
ORDER BY project, env, id
