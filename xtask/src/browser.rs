//! The browser that pages are tested in: Chromium, as the system has it.
//!
//! Installs it in continuous integration alone; elsewhere it says how.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::bail;

use crate::cargo::{MissingProgram, runs};
use crate::debian::install_in_ci;

/// What it is called, by system.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Where Chromium lies; an error that says how to get it where there is none.
pub fn chromium() -> anyhow::Result<PathBuf> {
    if let Some(found) = installed() {
        return Ok(found);
    }
    install_in_ci("chromium")?;
    match installed() {
        Some(found) => Ok(found),
        None => {
            bail!(MissingProgram("this needs Chromium (on Debian: `apt-get install chromium`)".to_owned()))
        }
    }
}

fn installed() -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let places = env::split_paths(&folders).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    places.into_iter().find(|place| runs(Command::new(place).arg("--version")))
}
