//! The Node packages that checks run with: each set listed with its lock file below `xtask/node/`,
//! installed into the target folder in exactly those versions.
//!
//! Installs nothing outside the target folder, and runs no script of a package while installing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::cargo::{MissingProgram, as_typed, root, runs, target_folder};

/// The oldest Node that the checks work with: the packages' own demand.
const OLDEST: u32 = 20;

/// A set of packages.
#[derive(Debug)]
pub struct Packages {
    /// Its folder below `xtask/node/`, and below `node/` of the target folder.
    pub name: &'static str,
    /// How much is installed, for whoever waits for it.
    pub size: &'static str,
}

/// The folder whose `node_modules` holds the packages, filled first where it is missing or out of
/// date; an error where there is no Node or no registry.
pub fn packages(packages: &Packages) -> anyhow::Result<PathBuf> {
    check_node()?;
    let listed = root().join("xtask/node").join(packages.name);
    let folder = target_folder()?.join("node").join(packages.name);
    let lock = fs::read_to_string(listed.join("package-lock.json"))?;
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|there| there == lock) {
        return Ok(folder);
    }
    eprintln!("installing xtask/node/{} into {} ({}, once)", packages.name, folder.display(), packages.size);
    fs::create_dir_all(&folder)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(listed.join(file), folder.join(file))?;
    }
    install(&folder)?;
    fs::write(installed, lock)?;
    Ok(folder)
}

/// The Node that is one of the packages, for those that need a newer one than the machine's own.
pub fn packaged_node(folder: &Path) -> anyhow::Result<PathBuf> {
    let node = folder.join("node_modules/.bin/node");
    ensure!(runs(Command::new(&node).arg("--version")), "no package holds a Node for this system");
    Ok(node)
}

fn install(folder: &Path) -> anyhow::Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]);
    // A registry that is out of reach is reported in seconds, not in minutes.
    npm.arg("--fetch-retry-mintimeout=1000").current_dir(folder);
    if !npm.status().context("npm does not start")?.success() {
        bail!("the Node packages could not be installed: `{}`", as_typed(&npm));
    }
    Ok(())
}

fn check_node() -> anyhow::Result<()> {
    let output = Command::new("node").arg("--version").output();
    let version =
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|it| it.parse().ok());
    if major.is_some_and(|major: u32| major >= OLDEST) && runs(Command::new("npm").arg("--version")) {
        return Ok(());
    }
    bail!(MissingProgram(format!(
        "this needs Node {OLDEST} or newer with npm (on Debian: `apt-get install nodejs npm`)"
    )))
}
