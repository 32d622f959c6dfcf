//! What a rule can ask of a visit, and how each query reads.
//!
//! A condition looks at signals only; it never reads a URL itself, and knows nothing of the order of
//! the rules.

use std::fmt;

use super::directory::Class;
use super::signals::{Relation, Signals};
use super::utm;

/// One condition on a visit.
#[derive(Debug)]
pub(super) enum Condition {
    /// One of these click ids is in the url.
    Carries(&'static [&'static str]),
    /// The `utm_source` is one of these well-known names, or an alias of one.
    SourceIs(&'static [&'static str]),
    /// There is a `utm_source`.
    UtmSource,
    /// There is none.
    NoUtmSource,
    /// There is a `utm_medium`.
    UtmMedium,
    /// The `utm_medium` is in the paid set.
    PaidMedium,
    /// There is no `utm_medium` outside the paid set.
    NoUnpaidMedium,
    /// The referrer's host is exactly one of these.
    ReferrerIs(&'static [&'static str]),
    /// The referrer's host is one of these or a subdomain of one.
    ReferrerOn(&'static [&'static str]),
    /// The referrer's host stands in a table of this class.
    ReferrerListed(Class),
    /// The referrer is a payment or sign-in provider, or one of the project's ignored referrers.
    PassThrough,
    /// The referrer is a cache or translation of the site.
    FromOwnCopy,
    /// The referrer is the site itself.
    FromOwnSite,
    /// There is a referrer.
    Referrer,
}

impl Condition {
    /// Whether it asks that the url carries a click id or a utm parameter.
    pub(super) const fn reads_tags(&self) -> bool {
        matches!(
            self,
            Self::Carries(_) | Self::SourceIs(_) | Self::UtmSource | Self::UtmMedium | Self::PaidMedium
        )
    }

    /// Whether the visit meets it.
    pub(super) fn holds(&self, signals: &Signals) -> bool {
        match self {
            Self::Carries(ids) => ids.iter().any(|id| signals.click_ids.contains(id)),
            Self::SourceIs(names) => signals.utm_source.as_deref().is_some_and(|sent| names.contains(&sent)),
            Self::UtmSource => signals.utm_source.is_some(),
            Self::NoUtmSource => signals.utm_source.is_none(),
            Self::UtmMedium => signals.utm_medium.is_some(),
            Self::PaidMedium => signals.utm_medium.as_deref().is_some_and(utm::is_paid),
            Self::NoUnpaidMedium => signals.utm_medium.as_deref().is_none_or(utm::is_paid),
            Self::ReferrerIs(hosts) => {
                signals.referrer.as_ref().is_some_and(|host| hosts.contains(&host.name()))
            }
            Self::ReferrerOn(hosts) => {
                signals.referrer.as_ref().is_some_and(|host| hosts.iter().any(|parent| host.is_on(parent)))
            }
            Self::ReferrerListed(class) => is_listed(signals, *class),
            Self::PassThrough => {
                signals.relation == Relation::Ignored || is_listed(signals, Class::PassThrough)
            }
            Self::FromOwnCopy => signals.relation == Relation::OwnCopy,
            Self::FromOwnSite => signals.relation == Relation::OwnSite,
            Self::Referrer => signals.referrer.is_some(),
        }
    }
}

fn is_listed(signals: &Signals, class: Class) -> bool {
    signals.listing.is_some_and(|listing| listing.class == class)
}

impl fmt::Display for Condition {
    /// A phrase that reads well after "fires when there is" and after "needs".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Carries(ids) => {
                let names: Vec<_> = ids.iter().map(|id| format!("`{id}`")).collect();
                write!(f, "{} in the url", names.join(" or "))
            }
            Self::SourceIs(names) => {
                let spellings: Vec<_> = names.iter().flat_map(|name| utm::spellings(name)).collect();
                write!(f, "a `utm_source` that is {}", spellings.join(" or "))
            }
            Self::UtmSource => f.write_str("a `utm_source`"),
            Self::NoUtmSource => f.write_str("no `utm_source`"),
            Self::UtmMedium => f.write_str("a `utm_medium`"),
            Self::PaidMedium => f.write_str("a `utm_medium` that means paid"),
            Self::NoUnpaidMedium => f.write_str("no `utm_medium` that means unpaid"),
            Self::ReferrerIs(hosts) => write!(f, "a referrer whose host is {}", hosts.join(" or ")),
            Self::ReferrerOn(hosts) => write!(f, "a referrer on {}", hosts.join(" or ")),
            Self::ReferrerListed(class) => write!(f, "a referrer that is {}", class.words()),
            Self::PassThrough => {
                write!(f, "a referrer that is {} or ignored by the project", Class::PassThrough.words())
            }
            Self::FromOwnCopy => f.write_str("a referrer that is a cache or translation of the site"),
            Self::FromOwnSite => f.write_str("a referrer on the site's own domain"),
            Self::Referrer => f.write_str("a referrer"),
        }
    }
}
