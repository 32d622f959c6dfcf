-- What no response of a scope may contain: events before the retention watermark, and what requests that are not
-- done mean for responses.
SELECT
    (SELECT maxOrNull(before) FROM retention WHERE project = {project:String} AND env = {env:String}),
    (
        SELECT arraySort(groupArray((kind, toString(id), state, at)))
        FROM requests FINAL
        WHERE project = {project:String} AND env = {env:String} AND state != 'done'
    )
