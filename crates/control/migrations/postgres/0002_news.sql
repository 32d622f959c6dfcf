-- How often a server has stored events, written with each sign of life. When the sum changes, open pages look again.
alter table instances add column stored bigint not null default 0;

-- What a server refused lately, for the members of a project, as the JSON that the servers write and read.
create table refusals (
    project_id text collate "C" not null references projects (id),
    instance text collate "C" not null,
    at bigint not null,
    list text not null,
    primary key (project_id, instance)
);
