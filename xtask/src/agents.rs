//! The official client of the Model Context Protocol against a real server: `cargo xtask test` makes
//! it an environment below the target folder, starts the server as a newcomer does, and lets
//! `xtask/mcp/client.py` speak to it.
//!
//! Talks to no other address than the server's own, and stops the server that it started.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

use crate::cargo::{cargo, root, target_folder};
use crate::python::{Environment, environment};

/// The client's packages.
const CLIENT: Environment =
    Environment { folder: "mcp-client", requirements: "xtask/mcp/requirements.txt", size: "about 50 MB" };

/// The client's Python; an error where it cannot be had.
pub fn client_environment() -> anyhow::Result<PathBuf> {
    environment(&CLIENT)
}

/// Plays the client's story and tells whether all was as expected; the client says what was not.
pub fn client_story(python: &Path) -> anyhow::Result<bool> {
    let mut build = cargo(["build", "--locked", "--quiet", "--package", "millimetric"]);
    if !build.status().context("cargo does not start")?.success() {
        bail!("the server could not be built");
    }
    let server = Server::start()?;
    let mut client = Command::new(python);
    client.arg(root().join("xtask/mcp/client.py"));
    client.env("MCP_URL", format!("{}/mcp", server.address));
    client.env("MCP_SK", &server.secret_key).env("MCP_RK", &server.read_key);
    Ok(client.status().context("the client does not start")?.success())
}

/// A server on its first start, over a folder of its own below the target folder.
struct Server {
    child: Child,
    address: String,
    secret_key: String,
    read_key: String,
    folder: PathBuf,
}

impl Server {
    fn start() -> anyhow::Result<Self> {
        let target = target_folder()?;
        let folder = target.join("mcp-client-data");
        // What a check left that was cut off.
        let _ = fs::remove_dir_all(&folder);
        let binary = target.join(format!("debug/millimetric{}", std::env::consts::EXE_SUFFIX));
        let mut command = Command::new(binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&folder);
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn()?;
        let said = child.stdout.take().context("the server says nothing")?;
        let unknown = String::new;
        let mut server =
            Self { child, address: unknown(), secret_key: unknown(), read_key: unknown(), folder };
        for line in BufReader::new(said).lines() {
            let line = line?;
            let word = |start: &str| line.split_whitespace().find(|word| word.starts_with(start));
            // The first is the key itself; below come lines to copy, which hold it too.
            for (key, start) in [(&mut server.secret_key, "sk_"), (&mut server.read_key, "rk_")] {
                if let Some(found) = word(start).filter(|_| key.is_empty()) {
                    found.clone_into(key);
                }
            }
            if let Some(address) = word("http://").filter(|_| line.contains(" listens on ")) {
                address.clone_into(&mut server.address);
                break;
            }
        }
        if server.address.is_empty() || server.secret_key.is_empty() || server.read_key.is_empty() {
            bail!("the server did not greet with its address and its keys");
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail on a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
