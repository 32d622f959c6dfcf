//! The Python that the comparisons with ClickHouse run in: an environment of its own below the
//! target folder, with the packages of `xtask/python/requirements.txt` in exactly these versions.
//!
//! `cargo xtask test` never needs it. Installs nothing outside the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::cargo::{as_typed, root, target_folder};

/// The environment's Python, made and filled first where it is missing or out of date.
pub fn python() -> anyhow::Result<PathBuf> {
    let wanted = fs::read_to_string(root().join("xtask/python/requirements.txt"))?;
    let folder = target_folder()?.join("python");
    let (python, installed) = (folder.join("bin/python"), folder.join("installed.txt"));
    if fs::read_to_string(&installed).is_ok_and(|there| there == wanted) {
        return Ok(python);
    }
    eprintln!("installing ClickHouse for Python into {} (about 1 GB, once)", folder.display());
    make(&folder)?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    install.arg(root().join("xtask/python/requirements.txt"));
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
    bail!(
        "this command needs python3 with venv and pip (on Debian: `apt-get install python3-venv`); \
         `{}` failed",
        as_typed(&venv)
    )
}
