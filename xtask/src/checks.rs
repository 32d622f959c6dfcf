//! `cargo xtask test`: every check of the repository, in order, with a summary.
//!
//! A failed check never hides a later one: all run, and any failure fails the whole. A check that
//! cannot run is listed with its reason. In continuous integration it fails if a program is missing that
//! the machine can be given; what cannot exist there (another system, a registry out of reach) is
//! skipped.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use millimetric_test_servers::{Disk, StartError};

use crate::abuse;
use crate::agents::{self, NodeAgents};
use crate::browser::chromium;
use crate::cargo::{MissingProgram, as_typed, cargo, cargo_deny, in_ci, runs};
use crate::clickhouse;
use crate::dashboard;
use crate::data;
use crate::on_servers;
use crate::openapi;
use crate::postgres;
use crate::sdk;
use crate::segment;

/// What came of one check.
enum Outcome {
    Passed,
    /// Passed, with something to do about it.
    Warned(String),
    Failed(String),
    Skipped(String),
}

type Check = fn() -> anyhow::Result<Outcome>;

/// Title and body of each check, in the order in which they run: the quick ones first.
const CHECKS: &[(&str, Check)] = &[
    ("formatting", formatting),
    ("lints", lints),
    ("a PostgreSQL server for tests", postgresql),
    ("a ClickHouse server for tests", clickhouse_server),
    ("a small disk for tests", small_disk),
    ("tests", tests),
    ("tests over databases on servers", tests_on_servers),
    ("fault injection", fault_injection),
    ("the abuse campaign", abuse_campaign),
    ("the official MCP client", mcp_client),
    ("the MCP conformance suite", mcp_conformance),
    ("the MCP Inspector", mcp_inspector),
    ("the dashboard in Chromium", dashboard_in_chromium),
    ("the SDKs' build", sdk_build),
    ("the SDKs' packages", sdk_packages),
    ("the SDKs in Node", sdk_in_node),
    ("the SDKs in a browser", sdk_in_browser),
    ("the API description's lint", description_lint),
    ("a TypeScript client", typescript_client),
    ("a Python client", python_client),
    ("random requests to the API", random_requests),
    ("Segment's libraries on servers", segment_on_servers),
    ("Segment's library in a browser", segment_in_browser),
    ("examples in the documentation", documentation_examples),
    ("documentation", documentation),
    ("dependency rules", dependency_rules),
    ("known vulnerabilities", known_vulnerabilities),
    ("age of the embedded data", age_of_data),
];

/// Runs every check and prints a summary; an error when any of them failed.
pub fn run_all() -> anyhow::Result<()> {
    let mut lines = Vec::new();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (title, check) in CHECKS {
        println!("\n── {title}");
        let start = Instant::now();
        let outcome = check().unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        let seconds = start.elapsed().as_secs_f64();
        let (count, word, reason) = match outcome {
            Outcome::Passed => (&mut passed, "passed", String::new()),
            Outcome::Warned(reason) => (&mut passed, "warning", reason),
            Outcome::Failed(reason) => (&mut failed, "FAILED", reason),
            Outcome::Skipped(reason) => (&mut skipped, "skipped", reason),
        };
        *count += 1;
        lines.push(format!("{word:<8} {title:<30} {seconds:>6.1} s  {reason}"));
    }
    println!("\n── summary\n{}", lines.join("\n"));
    println!("checks: {passed} passed, {failed} failed, {skipped} skipped");
    if failed > 0 {
        bail!("{failed} of {} checks failed", CHECKS.len());
    }
    Ok(())
}

/// Writes what the repository keeps of the code's own description; the tests that compare the two do it. The
/// examples come first: they are part of the document.
pub fn write_spec() -> anyhow::Result<()> {
    for tests in [&["the_example_of_every_operation"][..], &["the_document_in_the", "the_page_about"]] {
        let test = [&["test", "--workspace", "--locked", "--test", "it", "--"], tests].concat();
        let Outcome::Passed = shown(cargo(test).env("MILLIMETRIC_WRITE_SPEC", "1"))? else {
            bail!("spec/, docs/attribution.md, docs/api.md and docs/mcp.md could not be written");
        };
    }
    Ok(())
}

fn formatting() -> anyhow::Result<Outcome> {
    shown(&mut cargo(["fmt", "--all", "--check"]))
}

fn lints() -> anyhow::Result<Outcome> {
    shown(&mut cargo(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
}

/// Tests start servers of their own, and prove nothing about an engine without one, which the summary must say.
fn postgresql() -> anyhow::Result<Outcome> {
    needed(postgres::check())
}

/// The same for the event store.
fn clickhouse_server() -> anyhow::Result<Outcome> {
    needed(clickhouse::library().map_err(|error| error.context("the tests with ClickHouse ran nothing")))
}

/// Tests that fill a disk mount one, which root of a container may not: they prove nothing there.
fn small_disk() -> anyhow::Result<Outcome> {
    match Disk::mount(1) {
        Ok(_) => Ok(Outcome::Passed),
        Err(StartError::Missing(reason)) => {
            Ok(Outcome::Skipped(format!("{reason}: the tests with a full disk ran nothing")))
        }
        Err(error) => Err(error.into()),
    }
}

/// The outcome of looking for something that tests need.
fn needed<T>(found: anyhow::Result<T>) -> anyhow::Result<Outcome> {
    match found {
        Ok(_) => Ok(Outcome::Passed),
        Err(error) if error.is::<MissingProgram>() => Ok(unavailable(&error)),
        Err(error) => Err(error),
    }
}

/// With nextest where it is installed, which is quicker; the same tests without it.
fn tests() -> anyhow::Result<Outcome> {
    if runs(&mut cargo(["nextest", "--version"])) {
        shown(&mut cargo(["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]))
    } else {
        shown(&mut cargo(["test", "--workspace", "--locked", "--no-fail-fast", "--lib", "--bins", "--tests"]))
    }
}

/// Runs the tests that read and write events again, over ClickHouse and `PostgreSQL`.
fn tests_on_servers() -> anyhow::Result<Outcome> {
    match on_servers::start() {
        Ok(servers) => shown(&mut servers.tests()),
        Err(error) if error.is::<MissingProgram>() => Ok(unavailable(&error)),
        Err(error) => Err(error),
    }
}

/// Some tests attach strace to a server. Where that cannot be done they fail in CI and prove nothing
/// elsewhere, which the summary must say.
fn fault_injection() -> anyhow::Result<Outcome> {
    let mut target = Command::new("sleep").arg("60").spawn().context("cannot start `sleep`")?;
    let mut command = Command::new("strace");
    command.args(["-o", "/dev/null", "-p", &target.id().to_string()]);
    println!("{}", as_typed(&command));
    let mut words = String::new();
    let started = command.stderr(Stdio::piped()).spawn().and_then(|mut strace| {
        // It says whether it is attached, and ends with the process that it is attached to.
        let read = strace.stderr.as_mut().map_or(Ok(0), |said| BufReader::new(said).read_line(&mut words));
        target.kill()?;
        strace.wait().and(read)
    });
    let _ = target.kill();
    target.wait().context("`sleep` does not end")?;
    Ok(match started {
        Ok(_) if words.contains(" attached") => Outcome::Passed,
        Ok(_) => without_strace(&format!("may not attach here ({})", words.trim())),
        Err(error) => without_strace(&format!("cannot be started ({error})")),
    })
}

fn without_strace(why: &str) -> Outcome {
    let reason =
        format!("strace {why} (on Debian: `apt-get install strace`): the tests that need it ran nothing");
    unavailable(&MissingProgram(reason).into())
}

/// The outcome of a check that lacks something.
fn unavailable(error: &anyhow::Error) -> Outcome {
    let reason = format!("{error:#}");
    if in_ci() && error.is::<MissingProgram>() { Outcome::Failed(reason) } else { Outcome::Skipped(reason) }
}

/// About a minute of it, with the debug build. Its clients have addresses that only Linux gives them.
fn abuse_campaign() -> anyhow::Result<Outcome> {
    if !cfg!(target_os = "linux") {
        return Ok(Outcome::Skipped("it needs Linux".to_owned()));
    }
    shown(&mut abuse::short_campaign()?)
}

/// The client comes from a registry; where that cannot be reached nothing was tested, which the
/// summary must report.
fn mcp_client() -> anyhow::Result<Outcome> {
    let python = match agents::client_environment() {
        Ok(python) => python,
        Err(error) => return Ok(unavailable(&error.context("the client cannot be installed"))),
    };
    Ok(expected(agents::client_story(&python)?, "the client did not get what it expected"))
}

fn mcp_conformance() -> anyhow::Result<Outcome> {
    let otherwise =
        "something failed that xtask/mcp/expected-failures does not list, or passed that it lists";
    with_node_agents(NodeAgents::conformance, otherwise)
}

fn mcp_inspector() -> anyhow::Result<Outcome> {
    with_node_agents(NodeAgents::inspection, "the Inspector did not get, or did not like, what it asked for")
}

/// As with the client: what comes from a registry may be out of reach.
fn with_node_agents(
    check: fn(&NodeAgents) -> anyhow::Result<bool>,
    otherwise: &str,
) -> anyhow::Result<Outcome> {
    match NodeAgents::installed() {
        Ok(agents) => Ok(expected(check(&agents)?, otherwise)),
        Err(error) => Ok(unavailable(&error)),
    }
}

fn expected(so: bool, otherwise: &str) -> Outcome {
    if so { Outcome::Passed } else { Outcome::Failed(otherwise.to_owned()) }
}

/// Needs Node with its registry, and Chromium.
fn dashboard_in_chromium() -> anyhow::Result<Outcome> {
    let stage = match dashboard::stage() {
        Ok(stage) => stage,
        Err(error) => return Ok(unavailable(&error.context("the dashboard was not opened"))),
    };
    Ok(expected(dashboard::story(&stage)?, "the dashboard did not do what a newcomer expects"))
}

/// Types, sizes, and whether the committed packages are those that their sources make.
fn sdk_build() -> anyhow::Result<Outcome> {
    with_tools(sdk::tools, |tools| {
        sdk::check_packages(&sdk::build(tools)?)?;
        Ok(Outcome::Passed)
    })
}

/// What npm packs of them: publint, attw, the lists of files, and the tarballs of the server.
fn sdk_packages() -> anyhow::Result<Outcome> {
    with_tools(sdk::tools, |tools| sdk::stories("packages", tools, None).map(|()| Outcome::Passed))
}

/// The Node package, and the pages about the SDKs.
fn sdk_in_node() -> anyhow::Result<Outcome> {
    with_tools(sdk::tools, |tools| {
        sdk::stories("node", tools, None)?;
        sdk::stories("docs", tools, None)?;
        Ok(Outcome::Passed)
    })
}

fn sdk_in_browser() -> anyhow::Result<Outcome> {
    with_tools(sdk::tools, |tools| match chromium() {
        Ok(chromium) => sdk::stories("browser", tools, Some(&chromium)).map(|()| Outcome::Passed),
        Err(error) => Ok(unavailable(&error)),
    })
}

/// As with the client: what comes from a registry may be out of reach.
fn with_tools(
    tools: fn() -> anyhow::Result<PathBuf>,
    check: impl Fn(&Path) -> anyhow::Result<Outcome>,
) -> anyhow::Result<Outcome> {
    match tools() {
        Ok(tools) => check(&tools),
        Err(error) => Ok(unavailable(&error)),
    }
}

fn description_lint() -> anyhow::Result<Outcome> {
    with_tools(openapi::node_tools, |tools| openapi::lint(tools).map(|()| Outcome::Passed))
}

fn typescript_client() -> anyhow::Result<Outcome> {
    with_tools(openapi::node_tools, |tools| openapi::typescript_client(tools).map(|()| Outcome::Passed))
}

fn python_client() -> anyhow::Result<Outcome> {
    with_tools(openapi::python_tools, |tools| openapi::python_client(tools).map(|()| Outcome::Passed))
}

fn random_requests() -> anyhow::Result<Outcome> {
    with_tools(openapi::python_tools, |tools| openapi::random_requests(tools).map(|()| Outcome::Passed))
}

/// The libraries for Node and Python, against the program that was built.
fn segment_on_servers() -> anyhow::Result<Outcome> {
    with_tools(sdk::tools, |tools| match segment::server_libraries() {
        Ok(libraries) => libraries.stories(tools).map(|()| Outcome::Passed),
        Err(error) => Ok(unavailable(&error)),
    })
}

fn segment_in_browser() -> anyhow::Result<Outcome> {
    with_tools(sdk::tools, |tools| {
        match segment::node_libraries().and_then(|found| Ok((found, chromium()?))) {
            Ok((libraries, chromium)) => {
                segment::browser_stories(tools, &libraries, &chromium).map(|()| Outcome::Passed)
            }
            Err(error) => Ok(unavailable(&error)),
        }
    })
}

fn documentation_examples() -> anyhow::Result<Outcome> {
    shown(&mut cargo(["test", "--workspace", "--locked", "--doc"]))
}

fn documentation() -> anyhow::Result<Outcome> {
    shown(cargo(["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn dependency_rules() -> anyhow::Result<Outcome> {
    let arguments = ["--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"];
    shown(&mut cargo_deny(arguments)?)
}

/// Needs the public advisory database. Without it there is nothing to check against, which is
/// reported and does not fail the run: an unreachable network is not an error of the code.
fn known_vulnerabilities() -> anyhow::Result<Outcome> {
    let fetched = captured(&mut cargo_deny(["fetch", "db"])?)?;
    if !fetched.status.success() {
        let words = String::from_utf8_lossy(&fetched.stderr);
        let cause = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
        return Ok(Outcome::Skipped(format!("the advisory database cannot be fetched ({})", cause.trim())));
    }
    shown(&mut cargo_deny(["--locked", "check", "--hide-inclusion-graph", "--disable-fetch", "advisories"])?)
}

/// Old data are reported and fail nothing: no change of the code has made them old.
fn age_of_data() -> anyhow::Result<Outcome> {
    Ok(data::old_data()?.map_or(Outcome::Passed, Outcome::Warned))
}

/// Runs a command in the open: what it is and what it prints.
fn shown(command: &mut Command) -> anyhow::Result<Outcome> {
    println!("{}", as_typed(command));
    let status = command.status().with_context(|| format!("cannot start `{}`", as_typed(command)))?;
    Ok(if status.success() { Outcome::Passed } else { Outcome::Failed(as_typed(command)) })
}

fn captured(command: &mut Command) -> anyhow::Result<Output> {
    println!("{}", as_typed(command));
    command.output().with_context(|| format!("cannot start `{}`", as_typed(command)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_found_below_any_context() {
        let error = anyhow::Error::from(MissingProgram("no strace".to_owned())).context("a check");
        assert!(error.is::<MissingProgram>());
        let (Outcome::Failed(reason) | Outcome::Skipped(reason)) = unavailable(&error) else {
            panic!("it passed")
        };
        assert_eq!(reason, "a check: no strace");
    }
}
