-- What projects count as conversions.

create table goals (
    project_id text not null references projects (id),
    slug text not null,
    name text not null,
    -- The name of an event, or a path with wildcards: one of them.
    event text,
    page text,
    -- Conditions, a JSON list.
    filters text not null,
    -- The numeric property that says what reaching the goal is worth.
    value_property text,
    currency text,
    created_at integer not null,
    primary key (project_id, slug),
    check ((event is null) <> (page is null)),
    check (currency is null or value_property is not null)
) strict;

-- Its row makes changes of goals take turns.
insert into revisions (subject, revision) values ('goals', 0);
