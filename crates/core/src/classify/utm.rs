//! What the values of `utm_source` and `utm_medium` mean.
//!
//! Takes values that are already trimmed and lower-case. A value that is not in these tables means
//! itself.

use std::borrow::Cow;

/// Another spelling of a well-known source.
struct Alias {
    sent: &'static str,
    source: &'static str,
    /// The medium that the spelling itself proves. Such an alias holds only when no medium was sent.
    medium: Option<&'static str>,
}

const fn alias(sent: &'static str, source: &'static str) -> Alias {
    Alias { sent, source, medium: None }
}

/// classifier.md, Notes.
const ALIASES: &[Alias] = &[
    alias("fb", "facebook"),
    alias("meta", "facebook"),
    alias("ig", "instagram"),
    alias("twitter.com", "twitter"),
    alias("x", "twitter"),
    alias("x.com", "twitter"),
    alias("google.com", "google"),
    alias("linkedin.com", "linkedin"),
    // Added to its links by the assistant itself.
    Alias { sent: "chatgpt.com", source: "chatgpt", medium: Some("ai_assistant") },
];

/// classifier.md, "Paid set".
const PAID: &[&str] = &[
    "cpc",
    "ppc",
    "cpm",
    "cpv",
    "cpa",
    "cpp",
    "paid",
    "paidsearch",
    "paid_search",
    "paid-search",
    "paidsocial",
    "paid_social",
    "paid-social",
    "display",
    "banner",
    "retargeting",
    "remarketing",
];

/// Replaces an alias by the source it stands for, and adds the medium that it proves.
pub(super) fn well_known(
    source: Option<String>,
    medium: Option<String>,
) -> (Option<Cow<'static, str>>, Option<Cow<'static, str>>) {
    let alias = source.as_deref().and_then(|sent| ALIASES.iter().find(|alias| alias.sent == sent));
    match alias {
        Some(Alias { source, medium: None, .. }) => (Some(Cow::Borrowed(*source)), medium.map(Cow::Owned)),
        Some(Alias { source, medium: Some(proven), .. }) if medium.is_none() => {
            (Some(Cow::Borrowed(*source)), Some(Cow::Borrowed(*proven)))
        }
        _ => (source.map(Cow::Owned), medium.map(Cow::Owned)),
    }
}

/// Whether a medium says that the visit was paid for.
pub(super) fn is_paid(medium: &str) -> bool {
    PAID.contains(&medium) || medium.starts_with("paid_") || medium.starts_with("paid-")
}

/// A well-known source and every alias of it.
pub(super) fn spellings(source: &'static str) -> impl Iterator<Item = &'static str> {
    let aliases = ALIASES.iter().filter(move |alias| alias.source == source).map(|alias| alias.sent);
    std::iter::once(source).chain(aliases)
}
