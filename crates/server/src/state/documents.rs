//! The documents that anybody may read without a key. Each is made once, most when it is first requested.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use axum::http::HeaderMap;
use axum::response::Response;

use crate::document::Document;

/// How long clients may keep a document that a new version of the server may change.
const BRIEFLY: &str = "public, max-age=300";

/// The documents.
#[derive(Debug)]
pub struct Documents {
    /// `/openapi.json`
    pub openapi: Lazy,
    /// The documentation.
    pub docs: Docs,
    /// The browser script.
    pub script: Document,
    /// The npm package for browsers.
    pub track_package: Lazy,
    /// The npm package for Node.
    pub node_package: Lazy,
}

/// The documentation.
#[derive(Debug)]
pub struct Docs {
    /// `/docs`
    pub reference: Lazy,
    /// The pages by their path below `/docs/`.
    pub pages: HashMap<String, Lazy>,
    /// `/llms.txt`
    pub llms: Lazy,
    /// `/llms-full.txt`
    pub llms_full: Lazy,
}

type Make = Box<dyn FnOnce() -> anyhow::Result<Document> + Send>;

/// A document that is made when it is first requested.
pub struct Lazy(LazyLock<anyhow::Result<Document>, Make>);

impl Lazy {
    /// Made by this function.
    pub fn new(make: impl FnOnce() -> anyhow::Result<Document> + Send + 'static) -> Self {
        Self(LazyLock::new(Box::new(make)))
    }

    /// The document, or why it could not be made.
    pub fn get(&self) -> Result<&Document, &anyhow::Error> {
        self.0.as_ref()
    }

    /// The response to a request with these headers.
    pub fn response(&self, asked: &HeaderMap) -> Result<Response, String> {
        self.get().map(|document| document.response(asked, BRIEFLY)).map_err(ToString::to_string)
    }
}

impl fmt::Debug for Lazy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lazy")
    }
}
