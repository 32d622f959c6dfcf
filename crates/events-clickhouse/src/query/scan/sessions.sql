-- The sessions of each visitor (contract, 4.1), in order of their first event, each an array of its events in order of
-- time, then event_id. An event is a tuple: its time, event_id, kind, origin, the session id that a client sent or '',
-- whether it is selected, and the values that are read of it.
SELECT
    anonymous_id,
    arraySplit((event, step) -> step != 0, numbered.3, arrayDifference(numbered.1)) AS sessions
FROM
(
    SELECT
        anonymous_id,
        -- An event without a session id belongs to the session of the event before it, unless there is a pause.
        arrayFill(key -> key != '', arrayMap(
            (sent, pause, n) -> multiIf(
                sent != '', concat('s', sent),
                pause > $max_pause OR n = 1, concat('n', toString(n)),
                ''),
            rows.5, arrayDifference(rows.1), arrayEnumerate(rows))) AS keys,
        arraySort(
            event -> (event.1, event.2),
            arrayZip(arrayEnumerateDense(keys), arrayEnumerate(rows), rows)) AS numbered
    FROM
    (
        SELECT
            anonymous_id,
            arraySort(arrayZip(
                groupArray(toUnixTimestamp64Milli(timestamp)),
                groupArray(event_id),
                groupArray(toUInt8($kind)),
                groupArray(toUInt8($origin)),
                -- The id that is derived for an event without one counts as not sent.
                groupArray(if(
                    session_id = concat(
                        anonymous_id, '-', toString(toInt64(floor(toUnixTimestamp64Milli(timestamp) / $window)))),
                    '', session_id)),
                groupArray(toUInt8($selected)),
                groupArray(tuple($values)))) AS rows
        FROM events FINAL
        WHERE $where
        GROUP BY anonymous_id
    )
)
