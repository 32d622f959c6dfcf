//! Packages of Debian, which continuous integration may install: a machine of it is thrown away, while a person's
//! own is theirs to change.

use std::process::Command;

use anyhow::bail;

use crate::cargo::{MissingProgram, as_typed, in_ci};

/// Installs a package in continuous integration; does nothing elsewhere.
pub fn install_in_ci(package: &str) -> anyhow::Result<()> {
    if !in_ci() {
        return Ok(());
    }
    for arguments in
        [&["update", "-qq"][..], &["install", "-qq", "--yes", "--no-install-recommends", package]]
    {
        let mut apt = Command::new("apt-get");
        apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        println!("{}", as_typed(&apt));
        if !apt.status().is_ok_and(|status| status.success()) {
            bail!(MissingProgram(format!("{package} could not be installed: `{}`", as_typed(&apt))));
        }
    }
    Ok(())
}
