-- What the operator of a server should know. Each subquery returns one row.
WITH (
    SELECT groupUniqArrayArray(disks) FROM system.storage_policies WHERE policy_name IN (
        SELECT storage_policy FROM system.tables WHERE database = currentDatabase() AND name = {events:String}
    )
) AS of_events
SELECT
    version(),
    toUnixTimestamp64Milli(now64(3)),
    (SELECT max(parts) FROM (
        SELECT count() AS parts FROM system.parts
        WHERE active AND database = currentDatabase() AND table = {events:String}
        GROUP BY partition_id
    )),
    (SELECT count() FROM system.mutations WHERE database = currentDatabase() AND NOT is_done),
    (SELECT max(absolute_delay) FROM system.replicas WHERE database = currentDatabase()),
    (SELECT countIf(is_readonly) FROM system.replicas WHERE database = currentDatabase()),
    (SELECT min(free_space) FROM system.disks WHERE has(of_events, name)),
    (SELECT minOrNull(keep_free_space) FROM system.disks WHERE has(of_events, name) AND type = 'Local'),
    (SELECT countIf(engine_full LIKE '%fsync_after_insert = 1%') FROM system.tables
        WHERE database = currentDatabase() AND name = {events:String})
