//! The dashboard in a real browser: `cargo xtask test` starts a server as a newcomer does, and
//! `xtask/dashboard/story.mjs` opens it in Chromium, does what a newcomer does, and looks at every
//! page; `docs.mjs` does the same with the documentation, and `reports.mjs` with the reports of a
//! busy project. `paint.mjs` measures `cargo xtask bench dashboard` when pages are painted.
//!
//! Talks to loopback addresses only.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::browser::chromium;
use crate::cargo::{as_typed, root, target_folder};
use crate::node::{Packages, packages};
use crate::server::{Server, binary};

const PACKAGES: Packages = Packages { name: "dashboard", size: "about 15 MB" };

/// What the story needs and the machine may not have.
#[derive(Debug)]
pub struct Stage {
    packages: PathBuf,
    chromium: PathBuf,
}

/// The packages and the browser; an error where one cannot be had.
pub fn stage() -> anyhow::Result<Stage> {
    Ok(Stage { packages: packages(&PACKAGES)?, chromium: chromium()? })
}

/// Events of the project that the reports are read of.
const EVENTS: &str = "60000";

/// Runs the tests and returns whether all was as expected; a test prints what was not. Pictures
/// of every page are left in the target folder.
pub fn story(stage: &Stage) -> anyhow::Result<bool> {
    let newcomer = Server::start("dashboard-data")?;
    if !play(stage, &newcomer, "story.mjs")? || !play(stage, &newcomer, "docs.mjs")? {
        return Ok(false);
    }
    let busy = Server::start("reports-data")?;
    busy.command(&["demo", "--events", EVENTS, "--days", "70"])?;
    play(stage, &busy, "reports.mjs")
}

/// When the largest content of pages is painted: for each path a line with a JSON list of milliseconds.
/// `cookie` is the session of whoever opens them.
pub fn paints(stage: &Stage, server: &str, cookie: &str, paths: &[&str]) -> anyhow::Result<String> {
    let mut script = Command::new("node");
    script.arg(root().join("xtask/dashboard/paint.mjs"));
    script.env("SERVER", server).env("COOKIE", cookie).env("PATHS", paths.join(" "));
    script.env("PACKAGES", &stage.packages).env("CHROMIUM", &stage.chromium);
    let output = script.stderr(Stdio::inherit()).output().context("node does not start")?;
    ensure!(output.status.success(), "the pages could not be opened");
    Ok(String::from_utf8(output.stdout)?)
}

fn play(stage: &Stage, server: &Server, name: &str) -> anyhow::Result<bool> {
    let pictures = target_folder()?.join("dashboard-pictures");
    let mut story = Command::new("node");
    story.arg(root().join("xtask/dashboard").join(name));
    story.env("SERVER", server.url("")).env("SETUP", &server.setup_link);
    story.env("SECRET_KEY", &server.secret_key);
    story.env("PROGRAM", binary()?).env("DATA", &server.folder);
    story.env("PACKAGES", &stage.packages).env("CHROMIUM", &stage.chromium).env("PICTURES", &pictures);
    let done = story.status().with_context(|| format!("`{}` does not start", as_typed(&story)))?;
    println!("pictures of every page: {}", pictures.display());
    Ok(done.success())
}
