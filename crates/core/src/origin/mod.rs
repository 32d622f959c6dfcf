//! Web origins and the list that binds a publishable key to them.
//!
//! Compared as the web platform does (scheme, host, port; RFC 6454 and the URL standard), never
//! as text. This file knows nothing of keys or requests.

mod app;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// An origin as a browser or an app names it in the `Origin` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: String,
    host: String,
    /// `None` for the origin of an app, which has no port.
    port: Option<u16>,
}

/// One entry of a project's list: an origin, or `https://*.example.com` for every subdomain at
/// any depth (never the apex itself).
///
/// Its text, as [`fmt::Display`] writes it, always parses back to an equal entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedOrigin {
    origin: Origin,
    subdomains: bool,
}

/// Why a text is not a valid entry. The message is for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Not scheme, host and optional port.
    #[error("`{0}` is not an origin: write scheme and host, like https://example.com")]
    NotAnOrigin(String),
    /// The scheme of an app, with something that is not the host of one.
    #[error(
        "`{0}` is not the origin of an app: write capacitor://localhost, ionic://localhost, tauri://localhost, \
         app://<host> or chrome-extension://<the 32 letters of its id>"
    )]
    NotAnApp(String),
    /// Something after the port, or user info before the host.
    #[error(
        "`{0}` has a path, query, fragment or user info: write scheme, host and port only, like https://example.com"
    )]
    MoreThanAnOrigin(String),
    /// A wildcard that would let strangers in.
    #[error("`{0}` is too wide: a wildcard must be followed by your own domain, like https://*.example.com")]
    TooWide(String),
    /// Percent-decoding or IDNA turns it into something that is no entry, or another one.
    #[error(
        "`{typed}` becomes `{normalised}`, which is not the same origin: write the host in plain characters, \
         like https://example.com"
    )]
    NotStable {
        /// What was typed, shortened.
        typed: String,
        /// What it is once it is normalised, shortened.
        normalised: String,
    },
    /// More than [`AllowedOrigin::MAX_BYTES`].
    #[error(
        "`{0}…` is too long: an origin has at most {max} bytes, like https://example.com",
        max = AllowedOrigin::MAX_BYTES
    )]
    TooLong(String),
}

impl Origin {
    /// Reads the value of one `Origin` header. `None` for `null`, lists, and anything that is not
    /// exactly one origin of a page (http, https) or of an app.
    pub fn parse(header: &str) -> Option<Self> {
        // What a browser sends is the serialised origin and nothing else: no path, not even "/".
        (!header.ends_with('/')).then(|| read_origin(header).ok()).flatten()
    }

    fn of(url: &Url) -> Option<Self> {
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str()?.to_owned(),
            port: Some(url.port_or_known_default()?),
        })
    }

    /// Whether this is a page of the developer's own machine: localhost, 127.0.0.1 or `[::1]`.
    /// An app is not, whatever its host is called: it runs on anybody's device.
    pub fn is_loopback(&self) -> bool {
        self.port.is_some() && matches!(self.host.as_str(), "localhost" | "127.0.0.1" | "[::1]")
    }

    /// Whether this is the origin of an app (`capacitor://localhost` and the like).
    pub const fn is_app(&self) -> bool {
        self.port.is_none()
    }
}

impl AllowedOrigin {
    /// The longest entry, and the longest `Origin` header, that is read, in bytes.
    pub const MAX_BYTES: usize = 300;
    /// The most entries in the list of one project.
    pub const MAX_PER_PROJECT: usize = 100;

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

    /// Whether the entry is the origin of an app, which matches exactly.
    pub const fn is_app(&self) -> bool {
        self.origin.is_app()
    }
}

impl FromStr for AllowedOrigin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let typed = text.trim();
        let entry = read_entry(typed)?;
        // Percent-decoding and IDNA can produce `*`, `,` or a longer text. Such an entry would not
        // be readable once it is stored, or would be read as a wildcard.
        let normalised = entry.to_string();
        if read_entry(&normalised).as_ref() == Ok(&entry) {
            return Ok(entry);
        }
        Err(OriginError::NotStable { typed: shortened(typed), normalised: shortened(&normalised) })
    }
}

impl fmt::Display for Origin {
    /// As browsers serialise it: a default port is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "")
    }
}

impl Origin {
    fn write(&self, f: &mut fmt::Formatter<'_>, before_host: &str) -> fmt::Result {
        let Self { scheme, host, port } = self;
        write!(f, "{scheme}://{before_host}{host}")?;
        let default = if scheme == "https" { 443 } else { 80 };
        port.filter(|port| *port != default).map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Display for AllowedOrigin {
    /// The canonical text, as it is stored and shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.origin.write(f, if self.subdomains { "*." } else { "" })
    }
}

/// Reads an entry without asking whether its normalised form is stable.
fn read_entry(text: &str) -> Result<AllowedOrigin, OriginError> {
    if text.len() > AllowedOrigin::MAX_BYTES {
        return Err(OriginError::TooLong(shortened(text)));
    }
    let (plain, subdomains) = match text.split_once("://*.") {
        Some((scheme, host)) => (format!("{scheme}://{host}"), true),
        None => (text.to_owned(), false),
    };
    let too_wide = || OriginError::TooWide(shortened(text));
    if plain.contains('*') {
        return Err(too_wide());
    }
    let origin = read_origin(&plain).map_err(|rejected| rejected.of(text))?;
    if subdomains && !is_registrable(&origin) {
        return Err(too_wide());
    }
    Ok(AllowedOrigin { origin, subdomains })
}

/// Why a text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rejected {
    NotAnOrigin,
    NotAnApp,
    MoreThanAnOrigin,
}

impl Rejected {
    /// The error that names the text.
    fn of(self, text: &str) -> OriginError {
        let text = shortened(text);
        match self {
            Self::NotAnOrigin => OriginError::NotAnOrigin(text),
            Self::NotAnApp => OriginError::NotAnApp(text),
            Self::MoreThanAnOrigin => OriginError::MoreThanAnOrigin(text),
        }
    }
}

/// An origin of a page or an app and nothing else (a single trailing slash is forgiven here).
fn read_origin(text: &str) -> Result<Origin, Rejected> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '\\');
    if text.len() > AllowedOrigin::MAX_BYTES || text.contains(odd) {
        return Err(Rejected::NotAnOrigin);
    }
    let (scheme, after_scheme) = text.split_once("://").ok_or(Rejected::NotAnOrigin)?;
    let scheme = scheme.to_ascii_lowercase();
    let is_page = matches!(scheme.as_str(), "http" | "https");
    if !is_page && !app::is_scheme(&scheme) {
        return Err(Rejected::NotAnOrigin);
    }
    let authority = after_scheme.strip_suffix('/').unwrap_or(after_scheme);
    if authority.contains(['/', '?', '#', '@']) {
        return Err(Rejected::MoreThanAnOrigin);
    }
    if !is_page {
        let host = app::host(&scheme, authority).ok_or(Rejected::NotAnApp)?;
        return Ok(Origin { scheme, host, port: None });
    }
    let url = Url::parse(text).map_err(|_| Rejected::NotAnOrigin)?;
    Origin::of(&url).filter(|origin| !origin.host.is_empty()).ok_or(Rejected::NotAnOrigin)
}

/// Whether the host is a domain that somebody can own: not an address, not a public suffix such
/// as `com`, `co.uk` or `github.io`.
fn is_registrable(origin: &Origin) -> bool {
    if origin.is_app() {
        return false;
    }
    match Host::parse(&origin.host) {
        Ok(Host::Domain(domain)) => {
            // Without the dot of the root: `com.` is as wide as `com`.
            let domain = domain.strip_suffix('.').unwrap_or(&domain);
            domain.split('.').all(|label| !label.is_empty()) && psl::domain(domain.as_bytes()).is_some()
        }
        _ => false,
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
