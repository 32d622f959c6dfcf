//! The documents that anybody may read: the API for machines, for people and for language models, and the browser
//! script.

use super::{openapi, reference};
use crate::config::Settings;
use crate::document::Document;
use crate::state::documents::{Documents, Lazy};

/// The browser script, built from `sdk/browser` by `cargo xtask gen`.
const SCRIPT: &str = include_str!("../../../../sdk/browser/a.js");

/// The documents of a server that clients reach at `base`.
pub fn build(base: &str, settings: &Settings) -> Documents {
    let openapi = || Ok(Document::new(serde_json::to_vec(&openapi::document())?, "application/json"));
    Documents {
        openapi: Lazy::new(openapi),
        docs: reference::docs(base, settings),
        script: Document::new(SCRIPT, "application/javascript"),
    }
}
