//! The Pythons that checks and comparisons run in: environments of their own below the target
//! folder, each with the packages of a requirements file in exactly these versions.
//!
//! Installs nothing outside the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::cargo::{MissingProgram, as_typed, root, target_folder};

/// An environment.
#[derive(Debug)]
pub struct Environment {
    /// Its folder below the target folder.
    pub folder: &'static str,
    /// The file that lists its packages, from the repository's root.
    pub requirements: &'static str,
    /// How much is installed, for whoever waits for it.
    pub size: &'static str,
}

/// What the comparisons with ClickHouse run in.
const COMPARISONS: Environment =
    Environment { folder: "python", requirements: "xtask/python/requirements.txt", size: "about 1 GB" };

/// The Python of the comparisons with ClickHouse.
pub fn python() -> anyhow::Result<PathBuf> {
    environment(&COMPARISONS)
}

/// The environment's Python, made and filled first where it is missing or out of date.
pub fn environment(environment: &Environment) -> anyhow::Result<PathBuf> {
    let requirements = root().join(environment.requirements);
    let wanted = fs::read_to_string(&requirements)?;
    let folder = target_folder()?.join(environment.folder);
    let (python, installed) = (folder.join("bin/python"), folder.join("installed.txt"));
    if fs::read_to_string(&installed).is_ok_and(|there| there == wanted) {
        return Ok(python);
    }
    eprintln!(
        "installing {} into {} ({}, once)",
        environment.requirements,
        folder.display(),
        environment.size
    );
    make(&folder)?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    install.arg(requirements);
    if !install.status().with_context(|| format!("{} does not start", python.display()))?.success() {
        bail!("the Python packages could not be installed: `{}`", as_typed(&install));
    }
    fs::write(installed, wanted)?;
    Ok(python)
}

fn make(folder: &Path) -> anyhow::Result<()> {
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(folder);
    if venv.status().is_ok_and(|status| status.success()) {
        return Ok(());
    }
    bail!(MissingProgram(format!(
        "this command needs python3 with venv and pip (on Debian: `apt-get install python3-venv`); \
         `{}` failed",
        as_typed(&venv)
    )))
}
