//! One host, normalised: lower-case, ASCII, without port, trailing dot and `www.`.
//!
//! Compares on label borders only, never as text that happens to have the same end. What a host is known for
//! stands in `directory`.

use std::borrow::Cow;

use url::Url;

use super::directory;

/// The longest host that is stored as a source, in characters.
const MAX_NAME_CHARS: usize = 100;
const ANDROID_APP: &str = "android-app://";

/// The host of a page.
#[derive(Debug)]
pub(super) struct Host {
    name: Cow<'static, str>,
    is_domain: bool,
}

/// An absolute http(s) URL; `None` for every other text.
pub(super) fn web_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

impl Host {
    /// The host that a referrer names: a page's, or the one that a known Android app stands for.
    pub(super) fn of_referrer(referrer: &str) -> Option<Self> {
        match android_package(referrer) {
            Some(package) => {
                let host = directory::host_of_app(&package.to_ascii_lowercase())?;
                Some(Self { name: Cow::Borrowed(host), is_domain: true })
            }
            None => Self::of_url(&web_url(referrer)?),
        }
    }

    /// A site's own host, with or without a port.
    pub(super) fn of_site(host: &str) -> Option<Self> {
        Self::of_url(&web_url(&format!("http://{host}"))?)
    }

    /// The host of a page. The URL standard has lower-cased it and turned it into ASCII.
    pub(super) fn of_url(url: &Url) -> Option<Self> {
        let is_domain = url.domain().is_some();
        let host = url.host_str()?.trim_end_matches('.');
        // `www.com` is a name of its own, not `com` with a prefix.
        let bare = host.strip_prefix("www.").filter(|rest| rest.contains('.')).unwrap_or(host);
        (!bare.is_empty()).then(|| Self { name: Cow::Owned(bare.to_owned()), is_domain })
    }

    /// The normalised text.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The end of the name that is at most 100 characters long and begins at a label: the part that
    /// says whose host it is.
    pub(super) fn short_name(&self) -> &str {
        suffixes(&self.name).find(|suffix| suffix.len() <= MAX_NAME_CHARS).unwrap_or("unknown")
    }

    /// Whether it is the given host or a subdomain of it.
    pub(super) fn is_on(&self, parent: &str) -> bool {
        self.name.strip_suffix(parent).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    }

    /// Whether both are one site: the same host, or two under one registrable domain. Tenants of a
    /// shared domain such as `github.io` are different sites, and an address is like itself only.
    pub(super) fn is_same_site(&self, other: &Self) -> bool {
        let same_domain = || self.registrable().is_some_and(|domain| other.registrable() == Some(domain));
        self.name == other.name || same_domain()
    }

    fn registrable(&self) -> Option<&str> {
        if self.is_domain { psl::domain_str(&self.name) } else { None }
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
