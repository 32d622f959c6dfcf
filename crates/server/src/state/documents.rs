//! The documents that anybody may read without a key, made once at the start.

use crate::document::Document;

/// The documents.
#[derive(Debug)]
pub struct Documents {
    /// `/openapi.json`
    pub openapi: Document,
    /// `/docs`
    pub reference: Document,
    /// `/llms.txt`
    pub llms: Document,
    /// The browser script.
    pub script: Document,
    /// The npm package for browsers.
    pub track_package: Document,
    /// The npm package for Node.
    pub node_package: Document,
}
