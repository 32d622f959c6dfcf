CREATE TABLE IF NOT EXISTS events {on_cluster} AS {events}
ENGINE = Distributed('{cluster}', currentDatabase(), '{events}', cityHash64(project, anonymous_id))
