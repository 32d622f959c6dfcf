-- What a project sets for the classifier: its rules, ignored referrers and the meaning of Meta's click
-- ids, as the JSON of `core::classify::RuleSettings`.
alter table projects add column classifier text not null default '{}';

-- Re-classifications of stored events. A range without ends is all time; `rules` are those of the request.
-- `counts` is the JSON of what changed, once it is finished.
create table reclassifications (
    id text not null primary key,
    project_id text not null references projects (id),
    env text not null,
    range_from integer,
    range_to integer,
    rules text not null,
    requested_at integer not null,
    finished_at integer,
    counts text
) strict;

-- One at a time: what a second one would change depends on what the first one did.
create unique index reclassifications_running on reclassifications (project_id, env) where finished_at is null;
