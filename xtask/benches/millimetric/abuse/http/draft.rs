//! A request before it is written: every part can be changed; framing that it does not have is added.

use std::io::Write as _;
use std::net::SocketAddr;

/// A request. `Host` and `Content-Length` are added when it is written, unless the draft has a `Host` or a
/// framing of its own.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) method: String,
    /// Path and query string.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Draft {
    /// `GET` of a path with its query string.
    pub(crate) fn get(target: impl Into<String>) -> Self {
        Self { method: "GET".to_owned(), target: target.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// `POST` of JSON.
    pub(crate) fn post(target: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        let bare = Self { method: "POST".to_owned(), body: body.into(), ..Self::get(target) };
        bare.header("content-type", "application/json")
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With this key as the bearer token.
    pub(crate) fn key(self, key: &str) -> Self {
        self.header("authorization", format!("Bearer {key}"))
    }

    /// Whether there is no body in the response.
    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// The whole request as it goes over the wire.
    pub(crate) fn bytes(&self, host: SocketAddr) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.body.len() + 512);
        let _ = write!(bytes, "{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.has("host") {
            let _ = write!(bytes, "host: {host}\r\n");
        }
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        let framed = self.has("content-length") || self.has("transfer-encoding");
        if !framed && (!self.body.is_empty() || self.method == "POST") {
            let _ = write!(bytes, "content-length: {}\r\n", self.body.len());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }
}
