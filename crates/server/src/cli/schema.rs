//! `millimetric schema`: prints or creates the tables of the databases that the URLs name.

use anyhow::Context as _;
use clap::Subcommand;
use millimetric_control::{Control, ControlUrl};
use millimetric_events::EventsUrl;
use millimetric_events_clickhouse::schema;

use super::output;
use crate::config::Installation;

/// What follows `millimetric schema`.
#[derive(Debug, Subcommand)]
pub(super) enum SchemaCommand {
    /// Print the SQL that creates the tables; connects to no database
    Show,
    /// Create the tables that are missing; a second time changes nothing
    Apply,
}

/// Runs the command for the databases on servers. The server manages those in files.
pub(super) async fn run(at: &Installation, command: SchemaCommand) -> anyhow::Result<()> {
    let (events, control) = (at.events_url()?, at.control_url()?);
    anyhow::ensure!(
        !matches!((&events, &control), (EventsUrl::File(_), ControlUrl::Sqlite(_))),
        "everything is in files, whose tables the server creates: pass --events-url or --control-url for databases on \
         servers"
    );
    match command {
        SchemaCommand::Show => show(&events, &control),
        SchemaCommand::Apply => return apply(&events, &control).await,
    }
    Ok(())
}

fn show(events: &EventsUrl, control: &ControlUrl) {
    if let EventsUrl::ClickHouse(url) = events {
        output::line(format_args!("-- ClickHouse, in the database {}\n", url.database));
        for statement in schema::statements(url.cluster.as_deref()) {
            output::line(format_args!("{statement};\n"));
        }
    }
    if matches!(control, ControlUrl::Postgres(_)) {
        for (name, sql) in millimetric_control::postgres_migrations() {
            output::line(format_args!("-- PostgreSQL: {name}\n\n{}\n", sql.trim()));
        }
    }
}

async fn apply(events: &EventsUrl, control: &ControlUrl) -> anyhow::Result<()> {
    if let EventsUrl::ClickHouse(url) = events {
        schema::apply(url).await.with_context(|| format!("the database `{}` in ClickHouse", url.database))?;
        output::line(format_args!(
            "ClickHouse: the database `{}` has the tables of this release.",
            url.database
        ));
    }
    if matches!(control, ControlUrl::Postgres(_)) {
        Control::open(control).await?.close().await;
        output::line("PostgreSQL: the database has the tables of this release.");
    }
    Ok(())
}
