//! Segment's own libraries against a real server: `cargo xtask test` installs those for Node, browsers and
//! Python below the target folder, and `sdk/tests/segment` and `sdk/tests/segment-browser` let them send.
//!
//! Talks to loopback addresses only: the tests fail if a library asks another host.

use std::path::{Path, PathBuf};

use crate::node::{Packages, packages};
use crate::python::{Environment, environment};
use crate::sdk::stories_with;

/// The libraries for Node and for browsers.
const IN_NODE: Packages = Packages { name: "segment", size: "about 15 MB" };
/// The library for Python.
const IN_PYTHON: Environment =
    Environment { folder: "segment-python", requirements: "xtask/python/segment.txt", size: "about 50 MB" };

/// The libraries that servers use.
#[derive(Debug)]
pub struct ServerLibraries {
    node: PathBuf,
    python: PathBuf,
}

/// Where the libraries for Node and browsers are; an error where they cannot be had.
pub fn node_libraries() -> anyhow::Result<PathBuf> {
    packages(&IN_NODE)
}

/// The libraries that servers use; an error where they cannot be had.
pub fn server_libraries() -> anyhow::Result<ServerLibraries> {
    Ok(ServerLibraries { node: node_libraries()?, python: environment(&IN_PYTHON)? })
}

impl ServerLibraries {
    /// Lets them send; the error names the tests that failed.
    pub fn stories(&self, tools: &Path) -> anyhow::Result<()> {
        let found = [("SEGMENT_PACKAGES", &*self.node), ("SEGMENT_PYTHON", &*self.python)];
        stories_with("segment", tools, &found)
    }
}

/// Lets the library for browsers send from a page; the error names the tests that failed.
pub fn browser_stories(tools: &Path, libraries: &Path, chromium: &Path) -> anyhow::Result<()> {
    stories_with("segment-browser", tools, &[("SEGMENT_PACKAGES", libraries), ("CHROMIUM", chromium)])
}
