create table if not exists meta (
    key text primary key,
    value blob not null
) strict;

-- The write-ahead log: batches that are not yet in a segment. `data` holds frames (batch_codec.rs).
create table if not exists hot_log (
    seq integer primary key,
    project blob not null,
    env integer not null,
    rows integer not null,
    format integer not null,
    data blob not null
) strict;

-- Rows of hot_log up to `seq` are flushed to segments; they are deleted a few at a time.
create table if not exists sealed (
    project blob not null,
    env integer not null,
    seq integer not null,
    primary key (project, env)
) strict;

-- All segments. Times are milliseconds since 1970 (UTC); `path` is below segments/.
-- `ids_made` are the spans that cover the times of the event ids that are UUIDs of version 7
-- (encoding/uuid_time.rs), and `dedup_filter` is a filter of all other ids (segment/id_filter.rs); both
-- are null once the deduplication window has passed.
create table if not exists segment (
    id integer primary key,
    project blob not null,
    env integer not null,
    month text not null,
    path text not null,
    rows integer not null,
    bytes integer not null,
    earliest integer not null,
    latest integer not null,
    latest_received integer not null,
    dedup_filter blob,
    ids_made blob
) strict;

-- People to erase, as keyed hashes. `kind`: 0 is a visitor, 1 a user. `linked` are the hashes of the
-- visitors linked to a user, 16 bytes each. Times are milliseconds since 1970 (UTC).
create table if not exists erasure (
    id blob primary key,
    project blob not null,
    env integer not null,
    kind integer not null,
    subject blob not null,
    include_linked integer not null,
    linked blob,
    at integer not null,
    events_deleted integer not null,
    finished_at integer
) strict;

-- Re-classifications. `rules` is the JSON of core::classify::RuleSettings, `counts` that of
-- core::query::RuleChanges, once it is finished. Times are milliseconds since 1970 (UTC); the range is
-- range_from <= time < range_to.
create table if not exists reclassification (
    id blob primary key,
    project blob not null,
    env integer not null,
    range_from integer not null,
    range_to integer not null,
    rules text not null,
    at integer not null,
    finished_at integer,
    counts text
) strict;

-- What an unfinished re-classification has done: one row for each segment. `path` is the file that will
-- replace it (below segments/), null if nothing changes in it. All replace theirs in one transaction.
create table if not exists reclassified (
    segment integer primary key,
    reclassification blob not null,
    path text,
    counts text not null
) strict;

-- Retention watermarks: events before this time are expired.
create table if not exists floor (
    project blob not null,
    env integer not null,
    before integer not null,
    primary key (project, env)
) strict;

pragma user_version = 2;
