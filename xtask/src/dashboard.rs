//! The dashboard in a real browser: `cargo xtask test` starts a server as a newcomer does, and
//! `xtask/dashboard/story.mjs` opens it in Chromium, does what a newcomer does, and looks at every
//! page.
//!
//! Talks to loopback addresses only.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use crate::browser::chromium;
use crate::cargo::{as_typed, root, target_folder};
use crate::node::{Packages, packages};
use crate::server::Server;

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

/// Plays the story and tells whether all was as expected; the story says what was not. Pictures of
/// every page are left in the target folder.
pub fn story(stage: &Stage) -> anyhow::Result<bool> {
    let (server, pictures) = (Server::start("dashboard-data")?, target_folder()?.join("dashboard-pictures"));
    let mut story = Command::new("node");
    story.arg(root().join("xtask/dashboard/story.mjs"));
    story.env("SERVER", server.url("")).env("SETUP", &server.setup_link);
    story.env("PACKAGES", &stage.packages).env("CHROMIUM", &stage.chromium).env("PICTURES", &pictures);
    let done = story.status().with_context(|| format!("`{}` does not start", as_typed(&story)))?;
    println!("pictures of every page: {}", pictures.display());
    Ok(done.success())
}
