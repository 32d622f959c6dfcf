-- Of two processes that set one at the same time, the first one counts.
SELECT name, argMin(value, set_at) FROM settings GROUP BY name
