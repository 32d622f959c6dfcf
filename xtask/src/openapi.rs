//! The API description (`spec/openapi.json`) with the tools that read such documents: Redocly's linter, clients
//! that are generated in TypeScript and Python and talk to a server, and Schemathesis, which sends random requests
//! that fit the description.
//!
//! Talks to loopback addresses only, once the tools are installed. Writes below the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::cargo::{as_typed, root, target_folder};
use crate::node::{Packages, packages};
use crate::python::{Environment, environment};
use crate::server::Server;

/// The linter, and what makes and runs a TypeScript client.
const PACKAGES: Packages = Packages { name: "openapi", size: "about 60 MB" };
/// What makes a Python client, and what sends random requests.
const PYTHON: Environment = Environment {
    folder: "openapi-python",
    requirements: "xtask/openapi/requirements.txt",
    size: "about 140 MB",
};
/// The token for the metrics of a server that Schemathesis asks.
const METRICS_TOKEN: &str = "a-token-for-random-requests";

/// The tools that run in Node; an error where they cannot be had.
pub fn node_tools() -> anyhow::Result<PathBuf> {
    packages(&PACKAGES)
}

/// The Python with its tools; an error where it cannot be had.
pub fn python_tools() -> anyhow::Result<PathBuf> {
    environment(&PYTHON)
}

/// Lints the description; an error if there is anything to complain about.
pub fn lint(tools: &Path) -> anyhow::Result<()> {
    let mut lint = program(tools, "redocly");
    lint.arg("lint").arg(description()).arg("--config").arg(own("redocly.yaml"));
    // It would ask the network for newer versions, and report how it is used.
    lint.env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true").env("REDOCLY_TELEMETRY", "off");
    run(&mut lint)
}

/// Makes the types of a client, checks the types of `client.ts` with them, and runs it against a server.
pub fn typescript_client(tools: &Path) -> anyhow::Result<()> {
    // Below the packages, where Node and the compiler look for them.
    let folder = fresh(&tools.join("client"))?;
    for file in ["client.ts", "tsconfig.json"] {
        fs::copy(own(file), folder.join(file))?;
    }
    fs::write(folder.join("package.json"), "{\"type\":\"module\"}\n")?;
    run(program(tools, "openapi-typescript")
        .arg(description())
        .arg("--output")
        .arg(folder.join("schema.d.ts")))?;
    run(program(tools, "tsc").arg("--project").arg(&folder))?;
    let server = Server::start("openapi-typescript-data")?;
    let mut client = Command::new("node");
    client.arg(folder.join("client.js"));
    run(client.env("SERVER", server.url("")).env("SECRET_KEY", &server.secret_key))
}

/// Generates a client, and runs `client.py` with it against a server.
pub fn python_client(python: &Path) -> anyhow::Result<()> {
    let folder = fresh(&target_folder()?.join("openapi-client"))?;
    let mut generate = script(python, "openapi-python-client")?;
    generate.args(["generate", "--fail-on-warning", "--meta", "none", "--path"]).arg(description());
    generate.arg("--config").arg(own("python-client.yaml"));
    run(generate.arg("--output-path").arg(folder.join("millimetric_client")))?;
    let server = Server::start("openapi-python-data")?;
    let mut client = Command::new(python);
    client.arg(own("client.py")).env("PYTHONPATH", &folder);
    run(client.env("SERVER", server.url("")).env("SECRET_KEY", &server.secret_key))
}

/// Sends random requests to a server for about a minute; an error if a response is not as described.
pub fn random_requests(python: &Path) -> anyhow::Result<()> {
    let limits = ["--rate-limit-track", "off", "--rate-limit-batch", "off", "--rate-limit-admin", "off"];
    let flags = [&limits[..], &["--metrics-token", METRICS_TOKEN]].concat();
    let server = Server::start_with("openapi-random-data", &flags)?;
    let mut requests = script(python, "schemathesis")?;
    requests.arg("--config-file").arg(own("schemathesis.toml"));
    requests.arg("run").arg(description()).args(["--mode", "positive", "--url", &server.url("")]);
    let [(_, secret_key), (_, account_key)] = server.endpoints();
    requests.env("SECRET_KEY", secret_key).env("ACCOUNT_KEY", account_key);
    requests.env("ACCESS_TOKEN", server.access_token()?);
    // The hooks are imported: nothing is written beside them.
    requests.env("METRICS_TOKEN", METRICS_TOKEN).env("PYTHONDONTWRITEBYTECODE", "1");
    run(requests.env("PYTHONPATH", own("")))
}

fn description() -> PathBuf {
    root().join("spec/openapi.json")
}

fn own(file: &str) -> PathBuf {
    root().join("xtask/openapi").join(file)
}

/// An empty folder.
fn fresh(folder: &Path) -> anyhow::Result<PathBuf> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    Ok(folder.to_owned())
}

/// A program of the packages.
fn program(tools: &Path, name: &str) -> Command {
    let mut node = Command::new("node");
    node.arg(tools.join("node_modules/.bin").join(name)).current_dir(tools);
    node
}

/// A program of the environment, which finds others there.
fn script(python: &Path, name: &str) -> anyhow::Result<Command> {
    let folder = python.parent().context("the Python is in no folder")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path)))?;
    let mut script = Command::new(folder.join(name));
    script.env("PATH", path).current_dir(target_folder()?);
    Ok(script)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    println!("{}", as_typed(command));
    if !command.status().with_context(|| format!("`{}` does not start", as_typed(command)))?.success() {
        bail!("`{}` did not succeed", as_typed(command));
    }
    Ok(())
}
