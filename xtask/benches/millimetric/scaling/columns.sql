-- Bytes of an event in each column, with its share of the projection, the largest first.
SELECT name, round(sum(bytes) / (SELECT sum(rows) FROM system.parts WHERE active AND table = 'events'), 2) AS each
FROM
(
    SELECT column AS name, column_bytes_on_disk AS bytes
    FROM system.parts_columns
    WHERE active AND table = 'events'
    UNION ALL
    SELECT 'projection of_event_id', bytes_on_disk
    FROM system.projection_parts
    WHERE active AND table = 'events'
)
GROUP BY name
HAVING each >= 0.1
ORDER BY each DESC
FORMAT TSV
