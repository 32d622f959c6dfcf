//! Renders the documents that anybody may read: the API for machines, for people and for language
//! models, the browser script, and the npm packages.

use askama::Template as _;
use serde_json::json;

use super::reference::Reference;
use super::{npm, openapi};
use crate::document::Document;
use crate::state::documents::Documents;

/// The browser script, built from `sdk/browser` by `cargo xtask gen`.
const SCRIPT: &str = include_str!("../../../../sdk/browser/a.js");

/// The documents of a server that clients reach at `base`.
pub fn build(base: &str) -> anyhow::Result<Documents> {
    let mut openapi = openapi::document();
    openapi["servers"] = json!([{ "url": base, "description": "The server that this document comes from." }]);
    let reference = Reference::new(&openapi, base).render()?;
    let llms = include_str!("llms.txt").replace("{base}", base);
    Ok(Documents {
        openapi: Document::new(serde_json::to_vec(&openapi)?, "application/json"),
        reference: Document::new(reference, "text/html; charset=utf-8"),
        llms: Document::new(llms, "text/plain; charset=utf-8"),
        script: Document::new(SCRIPT, "application/javascript"),
        track_package: Document::compressed(npm::tarball(npm::TRACK)?, "application/gzip"),
        node_package: Document::compressed(npm::tarball(npm::NODE)?, "application/gzip"),
    })
}
