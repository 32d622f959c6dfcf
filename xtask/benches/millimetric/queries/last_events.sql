select
    concat(replaceOne(toString(timestamp), ' ', 'T'), 'Z') as timestamp,
    event_name, event_id, anonymous_id, user_id, session_id, source, medium, campaign,
    source_confidence, source_rule_id, referrer, url, path, country, device_type, browser, os,
    properties
from events
where {scope} and event_name = 'purchase'
order by timestamp desc, event_id desc
limit 100
settings prefer_column_name_to_alias = 1
