//! The tests of the server's API that run again over databases on servers.

use std::process::Command;

use millimetric_test_servers::{ClickHouse, Postgres, StartError};

use crate::cargo::{MissingProgram, cargo};

/// The modules of tests that run over databases on servers too.
const MODULES: [&str; 21] = [
    "attribution::",
    "changes::",
    "collecting::",
    "comparing::",
    "examination::",
    "filter_lists::",
    "forgetting::",
    "goals::",
    "golden::",
    "isolation::",
    "journeys::",
    "keys::",
    "moving::",
    "post_reads::",
    "quality::",
    "raw::",
    "reading::",
    "rules::",
    "stats::",
    "visitor_reports::",
    "warnings::",
];
/// Of these, the tests of files in a data folder.
const OF_FILES: [&str; 5] = [
    "a_plan_that_is_used_up_is_told_where_events_are_waited_for",
    "a_forgotten_user_is_gone_at_once_and_soon_from_disk",
    "a_transfer_that_fails_half_way_is_broken_off",
    "an_export_that_fails_never_looks_complete",
    "stored_events_get_the_rules_of_now_beside_a_running_server_and_without_one",
];

/// A server of each kind, until it is dropped.
pub struct Servers {
    clickhouse: ClickHouse,
    postgres: Postgres,
}

/// Starts both; a [`MissingProgram`] where they cannot be had.
pub fn start() -> anyhow::Result<Servers> {
    let missing = |error| match error {
        StartError::Missing(reason) => MissingProgram(reason).into(),
        StartError::Failed(_) => anyhow::Error::from(error),
    };
    Ok(Servers {
        clickhouse: ClickHouse::start().map_err(missing)?,
        postgres: Postgres::start().map_err(missing)?,
    })
}

impl Servers {
    /// The command that runs the tests. With the package alone, dependencies would have other features than those that
    /// the other tests were built with, and be compiled again.
    pub fn tests(&self) -> Command {
        let mut command = cargo(["test", "--workspace", "--locked", "--test", "it", "--"]);
        command.args(MODULES).args(OF_FILES.iter().flat_map(|test| ["--skip", test]));
        command.env("MILLIMETRIC_TEST_CLICKHOUSE_PORT", self.clickhouse.port().to_string());
        command.env("MILLIMETRIC_TEST_POSTGRES_PORT", self.postgres.port().to_string());
        command
    }
}
