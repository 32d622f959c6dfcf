//! The `PostgreSQL` server that tests start, as the system has it.

use std::env;
use std::path::PathBuf;

use anyhow::bail;

use crate::cargo::MissingProgram;
use crate::debian::install_in_ci;

/// Where Debian keeps the programs of each version; elsewhere they are in the path.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Whether tests can start a server; an error that says how to get it if not.
pub fn check() -> anyhow::Result<()> {
    if !is_installed() {
        install_in_ci("postgresql")?;
    }
    if !is_installed() {
        bail!(MissingProgram(
            "PostgreSQL is not installed (on Debian: `apt-get install postgresql`): the tests that need it ran nothing"
                .to_owned()
        ));
    }
    Ok(())
}

fn is_installed() -> bool {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let in_path = env::var_os("PATH").unwrap_or_default();
    let mut folders = versions.map(|version| version.path().join("bin")).chain(env::split_paths(&in_path));
    folders.any(|folder: PathBuf| folder.join("initdb").is_file())
}
