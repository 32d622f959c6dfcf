//! What every test uses: servers in this process and in their own, requests, files, sample events.
//! Asserts only that its own requests succeed.

mod commands;
mod described;
mod files;
mod instance;
mod on_servers;
mod process;
mod samples;
mod server;

use std::time::{Duration, Instant};

pub(crate) use commands::{PROGRAM, clean, cli, command};
pub(crate) use files::{files, files_with};
pub(crate) use instance::{Instance, Project, Response};
pub(crate) use process::{ServerProcess, signal, wait};
pub(crate) use samples::{ALWAYS, CHROME, ask, pageview, server_with, shop};
pub(crate) use server::{Server, serve_with, shorter_timeouts};

/// Deadline of every wait; only a hang reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Says why a test proves nothing on this machine; in continuous integration (`CI` in the environment) it
/// fails instead.
#[allow(clippy::print_stdout, reason = "a test that proves nothing must say so")]
pub(crate) fn cannot_run(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "this test cannot run, which fails in CI: {reason}");
    println!("skipped: {reason}");
}

/// Polls until `look` returns something; panics at [`PATIENCE`], naming `what`.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The path of a link to the server.
pub(crate) fn path_of(link: &str) -> String {
    let (_, path) = link.split_once("://").unwrap().1.split_once('/').unwrap();
    format!("/{path}")
}
