insert into events
select * except (event_uuid) replace (ifNull(event_id, concat('evt_', toString(event_uuid))) as event_id)
from file('{segments}', Parquet)
