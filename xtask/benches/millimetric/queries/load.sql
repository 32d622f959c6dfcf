insert into events
select * except (event_uuid) replace (ifNull(event_id, concat('evt_', toString(event_uuid))) as event_id)
from file('{segments}', Parquet)
-- The files have a column that the table has not.
settings use_structure_from_insertion_table_in_table_functions = 0
