-- The path of each session with a start: the texts of its steps, of which neighbours differ.
SELECT
    anonymous_id,
    arraySlice(arrayCompact(arrayMap(
        event -> event.7.1,
        arrayFilter((event, n) -> n = 1 OR event.3 = 1, after, arrayEnumerate(after)))), 1, $steps) AS steps
FROM
(
    SELECT anonymous_id, arraySlice(session, arrayFirstIndex(event -> event.6 = 1, session)) AS after
    FROM
    (
        SELECT anonymous_id, arrayJoin($sessions) AS session
        FROM ($visitors)
    )
    WHERE arrayExists(event -> event.6 = 1, session)
)
