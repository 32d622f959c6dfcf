insert into events (project, env, timestamp, received_at, event_name, event_id, anonymous_id, user_id, session_id,
    source, medium, campaign, source_confidence, source_rule_id, referrer, url, path, country, device_type, browser,
    os, ip_hash, properties, version)
select project_id, env, timestamp, received_at, event_name,
    ifNull(event_id, concat('evt_', toString(event_uuid))), anonymous_id, user_id, session_id,
    source, medium, campaign, source_confidence, source_rule_id, referrer, url, path, country, device_type, browser,
    os, ip_hash, properties, 18446744073709551615 - toUnixTimestamp64Milli(received_at)
from file('{segments}', Parquet)
settings use_structure_from_insertion_table_in_table_functions = 0
