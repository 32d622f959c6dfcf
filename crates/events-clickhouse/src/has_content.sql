SELECT (SELECT count() FROM events) + (SELECT count() FROM requests) + (SELECT count() FROM retention)
