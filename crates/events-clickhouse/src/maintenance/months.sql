-- The months in which a range has events that can be visible, with their number.
SELECT toYYYYMM(timestamp) AS month, count()
FROM events FINAL
WHERE project = {project:String}
    AND env = {env:String}
    AND toUnixTimestamp64Milli(timestamp) >= {from:Int64}
    AND toUnixTimestamp64Milli(timestamp) < {to:Int64}
    AND /* visible */
GROUP BY month
ORDER BY month
