//! Web origins and the list that binds a publishable key to them.
//!
//! Compared as the web platform does (scheme, host, port; RFC 6454 and the URL standard), never
//! as text. This file knows nothing of keys or requests.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// The longest entry or header that is looked at, in bytes.
const MAX_BYTES: usize = 300;

/// An origin as a browser names it in the `Origin` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

/// One entry of a project's list: an origin, or `https://*.example.com` for every subdomain at
/// any depth (never the apex itself).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedOrigin {
    origin: Origin,
    subdomains: bool,
}

/// Why an entry cannot stand in the list. The sentence is for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Not scheme, host and optional port.
    #[error("`{0}` is not an origin: write scheme and host, like https://example.com")]
    NotAnOrigin(String),
    /// Something after the port, or user info before the host.
    #[error(
        "`{0}` has a path, query, fragment or user info: write scheme, host and port only, like https://example.com"
    )]
    MoreThanAnOrigin(String),
    /// A wildcard that would let strangers in.
    #[error(
        "`{0}` is too wide: a wildcard must stand before a domain of your own, like https://*.example.com"
    )]
    TooWide(String),
}

impl Origin {
    /// Reads the value of one `Origin` header. `None` for `null`, lists, and anything that is not
    /// exactly one http(s) origin.
    pub fn parse(header: &str) -> Option<Self> {
        let url = plain_url(header).ok()?;
        // What a browser sends is the serialised origin and nothing else: no path, not even "/".
        (!header.ends_with('/')).then(|| Self::of(&url)).flatten()
    }

    fn of(url: &Url) -> Option<Self> {
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str()?.to_owned(),
            port: url.port_or_known_default()?,
        })
    }

    /// Whether this is the developer's own machine: localhost, 127.0.0.1 or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "[::1]")
    }
}

impl AllowedOrigin {
    /// Whether a request from this origin passes this entry.
    pub fn matches(&self, origin: &Origin) -> bool {
        if (self.origin.scheme.as_str(), self.origin.port) != (origin.scheme.as_str(), origin.port) {
            return false;
        }
        if !self.subdomains {
            return self.origin.host == origin.host;
        }
        origin.host.strip_suffix(&self.origin.host).is_some_and(|sub| sub.len() > 1 && sub.ends_with('.'))
    }
}

impl FromStr for AllowedOrigin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let text = text.trim();
        let not_an_origin = || OriginError::NotAnOrigin(shortened(text));
        if text == "*" {
            return Err(OriginError::TooWide(text.to_owned()));
        }
        let (plain, subdomains) = match text.split_once("://*.") {
            Some((scheme, host)) => (format!("{scheme}://{host}"), true),
            None => (text.to_owned(), false),
        };
        if plain.contains('*') {
            return Err(OriginError::TooWide(shortened(text)));
        }
        let url = plain_url(&plain).map_err(|e| match e {
            Rejected::NotAnOrigin => not_an_origin(),
            Rejected::MoreThanAnOrigin => OriginError::MoreThanAnOrigin(shortened(text)),
        })?;
        if subdomains && !is_registrable(&url) {
            return Err(OriginError::TooWide(shortened(text)));
        }
        Ok(Self { origin: Origin::of(&url).ok_or_else(not_an_origin)?, subdomains })
    }
}

impl fmt::Display for AllowedOrigin {
    /// The canonical text, as it is stored and shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { scheme, host, port } = &self.origin;
        write!(f, "{scheme}://{}{host}", if self.subdomains { "*." } else { "" })?;
        let default = if scheme == "https" { 443 } else { 80 };
        if *port == default { Ok(()) } else { write!(f, ":{port}") }
    }
}

enum Rejected {
    NotAnOrigin,
    MoreThanAnOrigin,
}

/// An http(s) URL that is nothing but an origin (a single trailing slash is forgiven here).
fn plain_url(text: &str) -> Result<Url, Rejected> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '\\');
    if text.len() > MAX_BYTES || text.contains(odd) {
        return Err(Rejected::NotAnOrigin);
    }
    let (scheme, after_scheme) = text.split_once("://").ok_or(Rejected::NotAnOrigin)?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(Rejected::NotAnOrigin);
    }
    let authority = after_scheme.strip_suffix('/').unwrap_or(after_scheme);
    if authority.contains(['/', '?', '#', '@']) {
        return Err(Rejected::MoreThanAnOrigin);
    }
    let url = Url::parse(text).map_err(|_| Rejected::NotAnOrigin)?;
    let named = url.host_str().is_some_and(|host| !host.is_empty());
    if named { Ok(url) } else { Err(Rejected::NotAnOrigin) }
}

/// Whether the host is a domain that somebody can own: not an address, not a public suffix such
/// as `com`, `co.uk` or `github.io`.
fn is_registrable(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => psl::domain(domain.as_bytes()).is_some(),
        _ => false,
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(entry: &str, origin: &str) -> bool {
        let entry: AllowedOrigin = entry.parse().unwrap();
        Origin::parse(origin).is_some_and(|origin| entry.matches(&origin))
    }

    #[test]
    fn origins_match_as_on_the_web() {
        let cases = [
            ("https://example.com", "https://example.com", true),
            ("https://example.com/", "https://example.com", true),
            ("HTTPS://Example.COM:443", "https://example.com", true),
            ("https://example.com", "https://example.com:443", true),
            ("https://bücher.example", "https://xn--bcher-kva.example", true),
            ("http://localhost:3000", "http://localhost:3000", true),
            ("http://[::1]:3000", "http://[::1]:3000", true),
            ("https://example.com", "http://example.com", false),
            ("https://example.com", "https://example.com:8443", false),
            ("https://example.com", "https://www.example.com", false),
            ("https://www.example.com", "https://example.com", false),
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://a.b.example.com", true),
            ("https://*.example.com:8443", "https://a.example.com:8443", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://evilexample.com", false),
            ("https://*.example.com", "https://example.com.evil.io", false),
            ("https://*.example.com", "https://.example.com", false),
            ("https://*.example.com", "http://a.example.com", false),
        ];
        for (entry, origin, expected) in cases {
            assert_eq!(matches(entry, origin), expected, "{entry} against {origin}");
        }
    }

    #[test]
    fn a_header_that_is_not_one_origin_is_none() {
        for header in [
            "",
            "null",
            "https://a.com, https://b.com",
            "https://a.com https://b.com",
            "https://a.com/",
            "https://a.com/path",
            "https://user@a.com",
            "https://a.com?x",
            "ftp://a.com",
            "chrome-extension://abcdef",
            "//a.com",
            "a.com",
            "https://",
            "https:\\\\a.com",
        ] {
            assert_eq!(Origin::parse(header), None, "{header}");
        }
    }

    #[test]
    fn an_entry_that_lets_strangers_in_or_means_nothing_is_refused() {
        type Kind = fn(String) -> OriginError;
        let cases: [(&str, Kind); 15] = [
            ("", OriginError::NotAnOrigin),
            ("example.com", OriginError::NotAnOrigin),
            ("null", OriginError::NotAnOrigin),
            ("ftp://example.com", OriginError::NotAnOrigin),
            ("https://", OriginError::NotAnOrigin),
            ("https://exa mple.com", OriginError::NotAnOrigin),
            ("https://example.com/path", OriginError::MoreThanAnOrigin),
            ("https://example.com?x=1", OriginError::MoreThanAnOrigin),
            ("https://me@example.com", OriginError::MoreThanAnOrigin),
            ("*", OriginError::TooWide),
            ("https://*", OriginError::TooWide),
            ("https://*.com", OriginError::TooWide),
            ("https://*.co.uk", OriginError::TooWide),
            ("https://*.github.io", OriginError::TooWide),
            ("https://a.*.example.com", OriginError::TooWide),
        ];
        for (entry, kind) in cases {
            assert_eq!(entry.parse::<AllowedOrigin>(), Err(kind(entry.to_owned())), "{entry}");
        }
    }

    #[test]
    fn an_entry_is_shown_in_its_canonical_form() {
        for (entry, shown) in [
            ("HTTPS://*.Example.com:443/", "https://*.example.com"),
            ("http://localhost:3000", "http://localhost:3000"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(entry.parse::<AllowedOrigin>().unwrap().to_string(), shown);
        }
    }
}
