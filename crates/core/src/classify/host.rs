//! One host, normalised: lower-case, ASCII, without port, trailing dot and `www.`; or one Android app.
//!
//! Compares on label borders only, never as text that happens to have the same end. What a host is known
//! for stands in `directory`.

use std::borrow::Cow;

use url::Url;

use super::directory;

/// The longest host that is stored as a source, in characters.
const MAX_NAME_CHARS: usize = 100;
const ANDROID_APP: &str = "android-app://";

/// The host of a page, or the package of an app that stands for no host.
#[derive(Debug)]
pub(super) struct Host {
    name: Cow<'static, str>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Domain,
    Address,
    App,
}

/// An absolute http(s) URL; `None` for every other text.
pub(super) fn web_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

impl Host {
    /// The host that a referrer names, with its url if it is a page. An Android app is the host that it
    /// stands for, or its package if it is not known.
    pub(super) fn of_referrer(referrer: &str) -> Option<(Self, Option<Url>)> {
        if let Some(package) = android_package(referrer) {
            return Some((Self::of_app(package)?, None));
        }
        let url = web_url(referrer)?;
        Some((Self::of_url(&url)?, Some(url)))
    }

    /// A site's own host, with or without a port.
    pub(super) fn of_site(host: &str) -> Option<Self> {
        Self::of_url(&web_url(&format!("http://{host}"))?)
    }

    /// The host of a page. The URL standard has lower-cased it and turned it into ASCII.
    pub(super) fn of_url(url: &Url) -> Option<Self> {
        let kind = if url.domain().is_some() { Kind::Domain } else { Kind::Address };
        let host = url.host_str()?.trim_end_matches('.');
        // `www.com` is a name of its own, not `com` with a prefix.
        let bare = host.strip_prefix("www.").filter(|rest| rest.contains('.')).unwrap_or(host);
        (!bare.is_empty()).then(|| Self { name: Cow::Owned(bare.to_owned()), kind })
    }

    fn of_app(package: &str) -> Option<Self> {
        let package = package.to_ascii_lowercase();
        if let Some(host) = directory::host_of_app(&package) {
            return Some(Self { name: Cow::Borrowed(host), kind: Kind::Domain });
        }
        let is_package = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
        let named = !package.is_empty() && package.chars().all(is_package);
        named.then_some(Self { name: Cow::Owned(package), kind: Kind::App })
    }

    /// The normalised text.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a domain name: neither an address nor the package of an app.
    pub(super) fn is_domain(&self) -> bool {
        self.kind == Kind::Domain
    }

    /// The end of the name that is at most 100 characters long and begins at a label: the part that
    /// says whose host it is.
    pub(super) fn short_name(&self) -> &str {
        suffixes(&self.name).find(|suffix| suffix.len() <= MAX_NAME_CHARS).unwrap_or("unknown")
    }

    /// Whether it is the given host or a subdomain of it.
    pub(super) fn is_on(&self, parent: &str) -> bool {
        let before = self.name.strip_suffix(parent).filter(|_| self.kind != Kind::App);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    }

    /// Whether both are one site: the same host, or two under one registrable domain. Tenants of a
    /// shared domain such as `github.io` are different sites, and an address is like itself only.
    pub(super) fn is_same_site(&self, other: &Self) -> bool {
        let same_domain = || self.registrable().is_some_and(|domain| other.registrable() == Some(domain));
        (self.kind == other.kind && self.name == other.name) || same_domain()
    }

    /// The registrable domain: the public suffix with one label before it.
    pub(super) fn registrable(&self) -> Option<&str> {
        if self.is_domain() { psl::domain_str(&self.name) } else { None }
    }

    /// The host whose pages a cache or translation shows under this host, read from the first label:
    /// there `-` stands for `.`, and `--` for `-` (AMP Cache URL Format; Google Translate does the same).
    /// `0-` and `-0` around a label keep it from being taken for an IDN.
    pub(super) fn copied_host(&self) -> Option<Self> {
        let label = self.name.split('.').next()?;
        let label = label.strip_prefix("0-").and_then(|label| label.strip_suffix("-0")).unwrap_or(label);
        let parts: Vec<_> = label.split("--").map(|part| part.replace('-', ".")).collect();
        Self::of_site(&parts.join("-"))
    }
}

/// The host itself, then without its first label, and so on to its last label.
pub(super) fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(host), |suffix| suffix.split_once('.').map(|(_, rest)| rest))
}

fn android_package(referrer: &str) -> Option<&str> {
    let referrer = referrer.trim();
    let (scheme, rest) = referrer.split_at_checked(ANDROID_APP.len())?;
    scheme.eq_ignore_ascii_case(ANDROID_APP).then(|| rest.split(['/', '?', '#']).next())?
}
