//! A ClickHouse server for the tests of its event store. The package `@chdb/lib-linux-x64-gnu` has a library that
//! contains one; `xtask/clickhouse/node.py` starts it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{bail, ensure};

use crate::cargo::{MissingProgram, runs};
use crate::node::{Packages, packages};

/// The package with the library.
const PACKAGES: Packages = Packages { name: "clickhouse", size: "about 550 MB" };
/// The library below the folder of the packages.
const LIBRARY: &str = "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so";

/// The path of the library, which is installed if it is missing; an error where it cannot be had. Tests read it from
/// `MILLIMETRIC_TEST_CLICKHOUSE`.
pub fn library() -> anyhow::Result<PathBuf> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        bail!(MissingProgram(
            "the ClickHouse server for tests is for Linux on x86-64 with glibc only".to_owned()
        ))
    }
    if !runs(Command::new("python3").arg("--version")) {
        bail!(MissingProgram("the ClickHouse server for tests needs python3".to_owned()))
    }
    let library = packages(&PACKAGES)?.join(LIBRARY);
    ensure!(library.is_file(), "the package of ClickHouse has no {LIBRARY}");
    Ok(library)
}
