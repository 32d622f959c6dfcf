//! Agents against a real server: `cargo xtask test` installs them below the target folder and lets
//! them speak to it: the official client of the Model Context Protocol for Python with
//! `xtask/mcp/client.py`, the protocol's conformance suite, and its Inspector.
//!
//! `cargo xtask agents` starts the examination of the tools, which is a test of the server.
//!
//! Talks to no other address than the server's own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::Context;

use crate::bench::run_to_its_end;
use crate::cargo::{cargo, root};
use crate::node::{Packages, packaged_node, packages};
use crate::python::{Environment, environment};
use crate::server::Server;

/// The client's packages.
const CLIENT: Environment =
    Environment { folder: "mcp-client", requirements: "xtask/mcp/requirements.txt", size: "about 50 MB" };
/// The suite, the Inspector, and a Node that is new enough for them.
const NODE_AGENTS: Packages = Packages { name: "mcp", size: "about 330 MB" };
/// The revisions of the protocol that the suite asks for.
const REVISIONS: [&str; 2] = ["2025-11-25", "2026-07-28"];
/// With a handshake and without, in the Inspector's words.
const ERAS: [&str; 2] = ["legacy", "modern"];

/// Asks the questions of the examination (`crates/server/tests/it/examination.rs`) and prints what each took.
pub fn examine() -> anyhow::Result<()> {
    let mut examination = cargo(["test", "--locked", "--package", "millimetric", "--test", "it"]);
    examination.args(["every_question_of_an_owner_is_answered", "--", "--nocapture"]);
    run_to_its_end(&mut examination)
}

/// The client's Python; an error where it cannot be had.
pub fn client_environment() -> anyhow::Result<PathBuf> {
    environment(&CLIENT)
}

/// Runs the client's test and returns whether all was as expected; the client prints what was not.
pub fn client_story(python: &Path) -> anyhow::Result<bool> {
    let server = Server::start("mcp-data")?;
    let mut client = Command::new(python);
    client.arg(root().join("xtask/mcp/client.py"));
    client.env("MCP_URL", server.url("/mcp"));
    client.env("MCP_SK", &server.secret_key).env("MCP_RK", &server.read_key);
    Ok(client.status().context("the client does not start")?.success())
}

/// The agents that run in Node.
#[derive(Debug)]
pub struct NodeAgents {
    folder: PathBuf,
    node: PathBuf,
}

impl NodeAgents {
    /// Installed; an error where they cannot be had.
    pub fn installed() -> anyhow::Result<Self> {
        let folder = packages(&NODE_AGENTS)?;
        Ok(Self { node: packaged_node(&folder)?, folder })
    }

    /// Lets the conformance suite try both endpoints in each revision, and returns whether nothing
    /// failed but what `xtask/mcp/expected-failures/` explains.
    pub fn conformance(&self) -> anyhow::Result<bool> {
        let server = Server::start("mcp-data")?;
        let mut conforms = true;
        for (path, key) in server.endpoints() {
            for revision in REVISIONS {
                let mut suite = self.command("xtask/mcp/with_key.mjs".as_ref());
                suite.arg(self.program("conformance")).args(["server", "--requirements", revision]);
                suite.arg("--expected-failures").arg(expected_failures(revision));
                let output = output(suite.env("MCP_URL", server.url(path)).env("MCP_KEY", key))?;
                println!("revision {revision} at {path}: {}", suite_output(&output));
                conforms &= output.status.success();
            }
        }
        Ok(conforms)
    }

    /// Lets the Inspector list the tools of both endpoints and call one, in each era, and returns
    /// whether that went well and nothing was said against a schema.
    pub fn inspection(&self) -> anyhow::Result<bool> {
        let list = &["tools/list", "--strict"][..];
        let call = &["tools/call", "--tool-name", "get_stats", "--tool-arg", "period=30d"];
        let server = Server::start("mcp-data")?;
        let mut fine = true;
        for (path, key) in server.endpoints() {
            for (era, method) in ERAS.iter().flat_map(|era| [(era, list), (era, call)]) {
                let mut inspector = self.command(&self.program("mcp-inspector"));
                inspector.args(["--cli", &server.url(path), "--transport", "http", "--stored-auth-only"]);
                inspector.args(["--header", &format!("Authorization: Bearer {key}")]);
                inspector.args(["--protocol-era", era, "--method"]).args(method);
                let output = output(&mut inspector)?;
                let complaints = String::from_utf8_lossy(&output.stderr);
                let well = output.status.success() && complaints.is_empty();
                println!("{} at {path}, {era}: {}{complaints}", method[0], if well { "fine" } else { "" });
                fine &= well;
            }
        }
        Ok(fine)
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.join("node_modules/.bin").join(name)
    }

    /// Node with a script of the repository or of a package. What it wants to keep it keeps in the
    /// packages' folder.
    fn command(&self, script: &Path) -> Command {
        let mut command = Command::new(&self.node);
        command.arg(root().join(script)).current_dir(&self.folder).env("HOME", &self.folder);
        command
    }
}

fn expected_failures(revision: &str) -> PathBuf {
    root().join(format!("xtask/mcp/expected-failures/{revision}.yaml"))
}

fn output(command: &mut Command) -> anyhow::Result<Output> {
    command.stdin(Stdio::null()).output().context("Node does not start")
}

/// Everything, unless it is content: then there is nothing to look into.
fn suite_output(output: &Output) -> String {
    if output.status.success() {
        return "nothing failed but what is expected to".to_owned();
    }
    let all = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}
