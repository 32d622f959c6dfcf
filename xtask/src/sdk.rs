//! The SDKs: builds them with the tools of `xtask/node/sdk`, and plays the stories of `sdk/tests`
//! against a real server, in Node and in a real browser.
//!
//! Writes below the target folder, and by [`write_packages`] alone what the server embeds: the browser
//! script and the files of both packages.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::cargo::{as_typed, root, target_folder};
use crate::node::{Packages, packages};
use crate::server::binary;

/// What builds the SDKs and what their tests need.
const TOOLS: Packages = Packages { name: "sdk", size: "about 120 MB" };

/// The packages: folders below `sdk/`.
const NAMES: [&str; 2] = ["browser", "node"];

/// Files of a package that are generated, beside those in `dist`.
const GENERATED: [&str; 3] = ["LICENSE", "a.d.ts", "a.js"];

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

/// An error if a committed file of a package is not the one that its sources make, or is too many.
pub fn check_packages(built: &Path) -> anyhow::Result<()> {
    for name in NAMES {
        let (from, to) = (generated(&built.join(name))?, generated(&root().join("sdk").join(name))?);
        let differ = from
            .iter()
            .chain(&to)
            .find(|(path, bytes)| from.get(*path) != Some(*bytes) || to.get(*path) != Some(*bytes));
        if let Some((path, _)) = differ {
            bail!("sdk/{name}/{} is out of date: run `cargo xtask gen`", path.display());
        }
    }
    Ok(())
}

/// Builds both packages into the repository.
pub fn write_packages(tools: &Path) -> anyhow::Result<()> {
    let built = build(tools)?;
    for name in NAMES {
        let to = root().join("sdk").join(name);
        fs::create_dir_all(to.join("dist"))?;
        for path in generated(&to)?.keys() {
            fs::remove_file(to.join(path))?;
        }
        for (path, bytes) in generated(&built.join(name))? {
            fs::write(to.join(path), bytes)?;
        }
    }
    Ok(())
}

/// The files of a package that are generated, by their path in it.
fn generated(package: &Path) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for folder in ["", "dist"] {
        for entry in fs::read_dir(package.join(folder)).into_iter().flatten() {
            let name = Path::new(folder).join(entry?.file_name());
            if folder == "dist" || GENERATED.iter().any(|file| name == Path::new(file)) {
                files.insert(name.clone(), fs::read(package.join(name))?);
            }
        }
    }
    Ok(files)
}

/// Runs the tests of a folder below `sdk/tests`; the error names those that failed.
pub fn stories(folder: &str, tools: &Path, chromium: Option<&Path>) -> anyhow::Result<()> {
    let chromium: Vec<_> = chromium.map(|chromium| ("CHROMIUM", chromium)).into_iter().collect();
    stories_with(folder, tools, &chromium)
}

/// The same with more paths in the environment of the tests.
pub fn stories_with(folder: &str, tools: &Path, environment: &[(&str, &Path)]) -> anyhow::Result<()> {
    let (server, target) = (binary()?, target_folder()?);
    let results = target.join(format!("sdk/{folder}.tap"));
    fs::create_dir_all(target.join("sdk"))?;
    let mut node = Command::new("node");
    node.args([
        "--test",
        "--test-concurrency=1",
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
    ]);
    node.arg("--test-reporter=tap").arg(format!("--test-reporter-destination={}", results.display()));
    node.args(files(folder)?);
    println!("{}", as_typed(&node));
    node.env("MILLIMETRIC", server);
    node.env("NODE_PACKAGES", tools).env("SDK_BUILD", target.join("sdk"));
    node.envs(environment.iter().copied());
    if node.status().context("node does not start")?.success() {
        return Ok(());
    }
    bail!("unexpected results: {}", failed(&fs::read_to_string(results)?))
}

/// The names of what failed, of lines like `not ok 3 - the name`; of the format see
/// <https://testanything.org/tap-version-14-specification.html>.
fn failed(results: &str) -> String {
    let lines = results.lines().filter(|line| line.starts_with("not ok "));
    lines.filter_map(|line| line.split_once(" - ")).map(|(_, name)| name).collect::<Vec<_>>().join("; ")
}

/// The test files of a folder, in order of name: Node's versions do not agree on what a folder means.
fn files(folder: &str) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(root().join("sdk/tests").join(folder))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    let mut tests: Vec<PathBuf> =
        paths.into_iter().filter(|path| path.extension() == Some(OsStr::new("mjs"))).collect();
    tests.sort();
    Ok(tests)
}

#[cfg(test)]
mod tests {
    use super::failed;

    #[test]
    fn what_failed_is_named() {
        let results = "TAP version 13\n# Subtest: good\nok 1 - good\nnot ok 2 - bad\n  ---\n  error: 'x'\nnot ok 3 - worse - still\n";
        assert_eq!(failed(results), "bad; worse - still");
    }
}
