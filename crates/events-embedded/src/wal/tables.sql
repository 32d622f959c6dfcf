create table if not exists meta (
    key text primary key,
    value blob not null
) strict;

-- Batches that are not yet in a segment. `data` holds frames (frame.rs).
create table if not exists hot_log (
    seq integer primary key,
    project blob not null,
    env integer not null,
    rows integer not null,
    format integer not null,
    data blob not null
) strict;

-- Rows of the hot log up to this one are in segments; they are deleted a few at a time.
create table if not exists sealed (
    project blob not null,
    env integer not null,
    seq integer not null,
    primary key (project, env)
) strict;

-- Every segment there is. Times are milliseconds since 1970 (UTC); `path` is below segments/.
-- `ids_made` are spans of time that cover the ids which tell when they were made (made.rs), and
-- `dedup_filter` is of all other ids; both are null once the dedup window has passed.
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

-- People to forget, as keyed hashes. `kind`: 0 a visitor, 1 a user.
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

-- Events before this time are expired.
create table if not exists floor (
    project blob not null,
    env integer not null,
    before integer not null,
    primary key (project, env)
) strict;

pragma user_version = 2;
