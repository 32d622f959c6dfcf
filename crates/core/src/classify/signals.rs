//! What a visit says about where it came from, read once for all rules.
//!
//! Everything here is normalised, so that a rule compares and never parses. It draws no conclusion.

use std::borrow::Cow;

use url::Url;

use super::directory::{self, Class, Listing};
use super::host::{self, Host};
use super::parameters::Parameters;
use super::project::{MetaClicks, ProjectRules};
use super::utm;

/// The signals of one visit.
#[derive(Debug)]
pub(super) struct Signals {
    /// The landing page.
    pub(super) url: Option<Url>,
    /// The click ids in the url that have a value.
    pub(super) click_ids: Vec<&'static str>,
    /// Lower-case; the well-known name when an alias was sent.
    pub(super) utm_source: Option<Cow<'static, str>>,
    /// Whether the `utm_source` is an AI assistant.
    pub(super) from_assistant: bool,
    /// Lower-case, as sent.
    pub(super) utm_medium: Option<String>,
    /// In its own case.
    pub(super) utm_campaign: Option<String>,
    /// The host or app that the visitor comes from.
    pub(super) referrer: Option<Host>,
    /// What that is to the site.
    pub(super) relation: Relation,
    /// What the tables know of the referrer.
    pub(super) listing: Option<Listing>,
    /// What a click id of Meta means for the project.
    pub(super) meta_clicks: MetaClicks,
}

/// What a referrer is to the site; of several the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// One of the project's ignored referrers.
    Ignored,
    /// A cache or translation of the site.
    OwnCopy,
    /// The site itself.
    OwnSite,
    /// Nothing.
    None,
}

impl Signals {
    /// Reads any text; what cannot be understood counts as absent.
    pub(super) fn read(
        url: Option<&str>,
        referrer: Option<&str>,
        site_host: Option<&str>,
        project: &ProjectRules,
    ) -> Self {
        let url = url.and_then(host::web_url);
        let (referrer, page) = referrer.and_then(Host::of_referrer).unzip();
        let page = page.flatten();
        let path = page.as_ref().map_or("", Url::path);
        let listing = referrer.as_ref().and_then(|host| directory::find(host, path));
        let relation = referrer.as_ref().map_or(Relation::None, |referrer| {
            let site = match &url {
                Some(url) => Host::of_url(url),
                None => site_host.and_then(Host::of_site),
            };
            Relation::of(referrer, listing, site.as_ref(), project)
        });
        let Parameters { click_ids, source, medium, campaign } =
            url.as_ref().map(Parameters::of_url).unwrap_or_default();
        let (utm_source, from_assistant) = source.map(utm::well_known).unzip();
        Self {
            url,
            click_ids,
            utm_source,
            from_assistant: from_assistant.unwrap_or_default(),
            utm_medium: medium,
            utm_campaign: campaign,
            referrer,
            relation,
            listing,
            meta_clicks: project.meta_clicks(),
        }
    }

    /// Whether there is a click id, a `utm_source` or a `utm_medium`.
    pub(super) fn is_tagged(&self) -> bool {
        !self.click_ids.is_empty() || self.utm_source.is_some() || self.utm_medium.is_some()
    }
}

impl Relation {
    fn of(referrer: &Host, listing: Option<Listing>, site: Option<&Host>, project: &ProjectRules) -> Self {
        let is_copy = listing.is_some_and(|listing| listing.class == Class::Copy);
        let copied = if is_copy { referrer.copied_host() } else { None };
        if project.ignores(referrer) {
            Self::Ignored
        } else if site.zip(copied.as_ref()).is_some_and(|(site, copied)| site.is_same_site(copied)) {
            Self::OwnCopy
        } else if site.is_some_and(|site| site.is_same_site(referrer)) {
            Self::OwnSite
        } else {
            Self::None
        }
    }
}
