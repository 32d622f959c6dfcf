//! What a visit says about where it came from, read once for all rules.
//!
//! Everything here is normalised, so that a rule compares and never parses. It draws no conclusion.

use std::borrow::Cow;

use super::directory::{self, Listing};
use super::host::{self, Host};
use super::parameters::Parameters;
use super::utm;

/// The signals of one visit.
#[derive(Debug)]
pub(super) struct Signals {
    /// The click ids in the url that have a value.
    pub(super) click_ids: Vec<&'static str>,
    /// Lower-case; the well-known name when an alias was sent.
    pub(super) utm_source: Option<Cow<'static, str>>,
    /// Lower-case.
    pub(super) utm_medium: Option<Cow<'static, str>>,
    /// In its own case.
    pub(super) utm_campaign: Option<String>,
    /// The host that the visitor comes from.
    pub(super) referrer: Option<Host>,
    /// Whether that is the site itself.
    pub(super) from_own_site: bool,
    /// What the tables know of the referrer.
    pub(super) listing: Option<Listing>,
}

impl Signals {
    /// Reads any text; what cannot be understood counts as absent.
    pub(super) fn read(url: Option<&str>, referrer: Option<&str>, site_host: Option<&str>) -> Self {
        let url = url.and_then(host::web_url);
        let referrer = referrer.and_then(Host::of_referrer);
        let from_own_site = referrer.as_ref().is_some_and(|referrer| {
            let site = match &url {
                Some(url) => Host::of_url(url),
                None => site_host.and_then(Host::of_site),
            };
            site.is_some_and(|site| site.is_same_site(referrer))
        });
        let Parameters { click_ids, source, medium, campaign } =
            url.as_ref().map(Parameters::of_url).unwrap_or_default();
        let (utm_source, utm_medium) = utm::well_known(source, medium);
        let listing = referrer.as_ref().and_then(directory::find);
        Self { click_ids, utm_source, utm_medium, utm_campaign: campaign, referrer, from_own_site, listing }
    }
}
