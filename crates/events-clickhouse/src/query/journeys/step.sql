multiIf(
    event_name = '$pageview' AND path IS NULL, '$pageview',
    event_name = '$pageview' AND startsWith(ifNull(path, ''), '/'), ifNull(path, ''),
    event_name = '$pageview', concat('page:', ifNull(path, '')),
    startsWith(event_name, '/') OR startsWith(event_name, 'page:') OR startsWith(event_name, 'event:')
        OR startsWith(event_name, 'goal:'), concat('event:', event_name),
    event_name)
