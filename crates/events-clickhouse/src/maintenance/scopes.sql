-- The scopes that have events, also hidden ones.
SELECT DISTINCT project, env FROM events
