//! The SDKs: builds them with the tools of `xtask/node/sdk`.
//!
//! Writes below the target folder, and by [`write_script`] alone the script that the server embeds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::cargo::{root, target_folder};
use crate::node::{Packages, packages};

/// What builds the SDKs.
const TOOLS: Packages = Packages { name: "sdk", size: "about 90 MB" };

/// The script as it is committed, which the server embeds.
const COMMITTED: &str = "sdk/browser/dist/a.js";

/// Where the tools are; an error where they cannot be had.
pub fn tools() -> anyhow::Result<PathBuf> {
    packages(&TOOLS)
}

/// Both packages as they are published, types checked, and the browser script, whose size is printed
/// and bounded.
pub fn build(tools: &Path) -> anyhow::Result<PathBuf> {
    let built = target_folder()?.join("sdk");
    let mut node = Command::new("node");
    node.arg(root().join("sdk/build.mjs")).arg(&built).env("NODE_PACKAGES", tools);
    if !node.status().context("node does not start")?.success() {
        bail!("the SDKs could not be built");
    }
    Ok(built)
}

/// An error when the committed script is not the one that its sources make.
pub fn check_script(built: &Path) -> anyhow::Result<()> {
    if fs::read(built.join("browser/dist/a.js"))? != fs::read(root().join(COMMITTED))? {
        bail!("{COMMITTED} is out of date: run `cargo xtask gen`");
    }
    Ok(())
}

/// Builds the script into the repository.
pub fn write_script(tools: &Path) -> anyhow::Result<()> {
    let built = build(tools)?;
    fs::copy(built.join("browser/dist/a.js"), root().join(COMMITTED))?;
    Ok(())
}
