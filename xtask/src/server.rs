//! The server that checks speak to: built, and started as a newcomer starts it, over a folder of its
//! own below the target folder. It and its folder are gone when it is dropped.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

use crate::cargo::{as_typed, cargo, target_folder};

/// A server on its first start.
pub(crate) struct Server {
    child: Child,
    address: String,
    /// The project's key that sends and reads.
    pub(crate) secret_key: String,
    /// The project's key that reads.
    pub(crate) read_key: String,
    account_key: String,
    /// The link that makes the dashboard's first owner.
    pub(crate) setup_link: String,
    /// Its data.
    pub(crate) folder: PathBuf,
}

impl Server {
    /// Starts it over the folder of this name.
    pub(crate) fn start(folder: &str) -> anyhow::Result<Self> {
        Self::start_with(folder, &[])
    }

    /// The same with these flags of `serve`.
    pub(crate) fn start_with(folder: &str, flags: &[&str]) -> anyhow::Result<Self> {
        let binary = binary()?;
        let folder = target_folder()?.join(folder);
        // What a check left that was cut off.
        let _ = fs::remove_dir_all(&folder);
        let mut command = Command::new(&binary);
        command
            .args(["serve", "--print-keys", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&folder)
            .args(flags);
        let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn()?;
        let said = child.stdout.take().context("the server says nothing")?;
        let [address, secret_key, read_key, account_key, setup_link] = [const { String::new() }; 5];
        let mut server = Self { child, address, secret_key, read_key, account_key, setup_link, folder };
        for line in BufReader::new(said).lines() {
            if server.learn(&line?) {
                break;
            }
        }
        let found = [&server.address, &server.secret_key, &server.read_key, &server.setup_link];
        if found.iter().any(|found| found.is_empty()) {
            bail!("the server did not greet with its address, its keys and the setup link");
        }
        server.account_key = create_account_key(&server.folder)?;
        Ok(server)
    }

    /// Reads a line of the start message; returns true for the last one.
    fn learn(&mut self, line: &str) -> bool {
        // The first is the key itself; below come lines to copy, which hold it too.
        for (key, start) in [(&mut self.secret_key, "sk_"), (&mut self.read_key, "rk_")] {
            if let Some(found) = word(line, start).filter(|_| key.is_empty()) {
                found.clone_into(key);
            }
        }
        if let Some(link) = word(line, "http://").filter(|link| link.contains("/setup/")) {
            link.clone_into(&mut self.setup_link);
        }
        let Some(address) = word(line, "http://").filter(|_| line.contains(" listens on ")) else {
            return false;
        };
        address.clone_into(&mut self.address);
        true
    }

    /// The whole address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// Runs a command of the program over the server's folder, while it runs.
    pub(crate) fn command(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(binary()?);
        command.args(arguments).arg("--data-dir").arg(&self.folder);
        if !command.output()?.status.success() {
            bail!("`{}` did not succeed", as_typed(&command));
        }
        Ok(())
    }

    /// A new access token of a new owner of the account, who may change everything.
    pub(crate) fn access_token(&self) -> anyhow::Result<String> {
        self.command(&["user", "create", "ann@example.com", "--role", "owner"])?;
        let create = ["user", "token", "create", "ann@example.com", "--scope", "write"];
        created(&self.folder, &create, "mmt_").context("no access token")
    }

    /// Where agents speak to it, each with the key that opens the most there.
    pub(crate) fn endpoints(&self) -> [(&'static str, &str); 2] {
        [("/mcp", &self.secret_key), ("/mcp/account", &self.account_key)]
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

/// Builds the program and returns its path. It is the one that the tests start: built as a part of the
/// whole workspace, its dependencies have the same features and are not built a second time.
pub(crate) fn binary() -> anyhow::Result<PathBuf> {
    let mut build = cargo(["test", "--no-run", "--locked", "--quiet", "--workspace", "--test", "it"]);
    if !build.status().context("cargo does not start")?.success() {
        bail!("the server could not be built");
    }
    Ok(target_folder()?.join(format!("debug/millimetric{}", std::env::consts::EXE_SUFFIX)))
}

/// A new key of the account that the greeting's project belongs to.
fn create_account_key(folder: &Path) -> anyhow::Result<String> {
    created(folder, &["key", "mint", "--account", "default", "--kind", "ak"], "ak_")
        .context("no key of the account")
}

/// The word that begins like this and that a command prints.
fn created(folder: &Path, arguments: &[&str], start: &str) -> anyhow::Result<String> {
    let mut create = Command::new(binary()?);
    create.args(arguments).arg("--data-dir").arg(folder);
    let said = String::from_utf8(create.output()?.stdout)?;
    let found = said.lines().find_map(|line| word(line, start)).map(str::to_owned);
    found.with_context(|| format!("`{}` does not print one", as_typed(&create)))
}

fn word<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.split_whitespace().find(|word| word.starts_with(start))
}
