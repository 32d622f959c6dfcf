//! The documents that anybody may read: the API for machines, for people and for language models, the browser
//! script, and the npm packages.

use serde_json::json;

use super::{npm, openapi, reference};
use crate::config::Settings;
use crate::document::Document;
use crate::state::documents::{Documents, Lazy};

/// The browser script, built from `sdk/browser` by `cargo xtask gen`.
const SCRIPT: &str = include_str!("../../../../sdk/browser/a.js");

fn package(files: npm::Files) -> anyhow::Result<Document> {
    Ok(Document::compressed(npm::tarball(files)?, "application/gzip"))
}

/// The documents of a server that clients reach at `base`.
pub fn build(base: &str, settings: &Settings) -> Documents {
    let address = base.to_owned();
    let openapi = move || {
        let mut openapi = openapi::document();
        openapi["servers"] =
            json!([{ "url": address, "description": "The server that this document comes from." }]);
        Ok(Document::new(serde_json::to_vec(&openapi)?, "application/json"))
    };
    Documents {
        openapi: Lazy::new(openapi),
        docs: reference::docs(base, settings),
        script: Document::new(SCRIPT, "application/javascript"),
        track_package: Lazy::new(|| package(npm::TRACK)),
        node_package: Lazy::new(|| package(npm::NODE)),
    }
}
