-- The number of mutations that are not executed, and of those that failed and will be repeated.
SELECT count(), countIf(latest_fail_reason != '')
FROM system.mutations
WHERE database = currentDatabase() AND table = {table:String} AND NOT is_done AND NOT is_killed
