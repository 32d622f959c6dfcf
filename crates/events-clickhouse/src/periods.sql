-- The first and the last time of each month that has events.
SELECT toUnixTimestamp64Milli(min(timestamp)), toUnixTimestamp64Milli(max(timestamp))
FROM events
WHERE project = {project:String} AND env = {env:String}
GROUP BY toYYYYMM(timestamp)
