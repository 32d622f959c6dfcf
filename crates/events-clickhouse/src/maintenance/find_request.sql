SELECT project, env, toString(id), state, record, version
FROM requests FINAL
WHERE project = {project:String} AND env = {env:String} AND kind = {kind:String} AND id = {id:UUID}
