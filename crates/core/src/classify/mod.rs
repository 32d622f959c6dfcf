//! The source classifier: which rule explains where a visit came from.
//!
//! Pure and total: it reads two URLs and a host as text, and returns a result for every text. One event at a
//! time: it remembers no visit. `rules` holds the ordered table, `condition` what a rule can ask,
//! `project` the rules that a project puts before them, `signals`, `parameters` and `host` what is read out
//! of the URLs, `utm` and `directory` the tables of known values and hosts; `stored` classifies events again, `derived` reads the
//! derived columns.

mod condition;
mod derived;
mod directory;
mod host;
mod parameters;
mod project;
mod rules;
mod signals;
mod stored;
mod utm;

use std::borrow::Cow;

use crate::event::Confidence;

pub use derived::{derived, normalised_host};
pub use project::{
    MetaClicks, ProjectRules, RuleCondition, RuleDefinition, RuleError, RuleField, RuleOperator,
    RuleSettings, RuleValues, UnknownField,
};
pub use rules::{Rule, rules};
use signals::Signals;
pub use stored::classify_stored;

/// What the ids of a project's own rules begin with.
pub const PROJECT_RULE: &str = "project:";

/// Where a visit came from, and which rule says so.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attribution {
    /// `google`, `direct`, a host, …: 1–100 characters, trimmed, no control characters.
    pub source: Cow<'static, str>,
    /// `paid`, `organic`, `social`, …: 1–100 characters, trimmed, no control characters.
    pub medium: Cow<'static, str>,
    /// `utm_campaign`, in its own case: 1–200 characters, trimmed, no control characters.
    pub campaign: Option<String>,
    /// How sure the rule is.
    pub confidence: Confidence,
    /// The rule that fired; `project:<slug>` for one of the project's own.
    pub rule_id: Cow<'static, str>,
}

/// An attribution with the reason why no earlier rule gave another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The result of [`classify`] for the same visit.
    pub attribution: Attribution,
    /// When the rule that fired does so, in words.
    pub fires_when: String,
    /// The rules that stand before the one that fired, in their order.
    pub passed_over: Vec<PassedOver>,
}

/// A rule that did not fire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// The rule.
    pub rule_id: Cow<'static, str>,
    /// The first of its conditions that the visit did not meet: ``needs `gclid` in the url``.
    pub reason: String,
    /// The visit met another of its conditions: it nearly fired.
    pub is_near: bool,
}

/// Explains a visit from its landing page, its referrer, and the site's own host (used when the url
/// is absent), with the rules of its project before those of the product.
///
/// Takes any text: a url that is not an absolute http(s) URL counts as absent, and so does a
/// referrer that is neither that nor `android-app://<package>`. The url must still have its fragment,
/// since parameters are read from there too.
pub fn classify(
    url: Option<&str>,
    referrer: Option<&str>,
    site_host: Option<&str>,
    project: &ProjectRules,
) -> Attribution {
    let signals = Signals::read(url, referrer, site_host, project);
    match project.fired(&signals) {
        Some(rule) => rule.attribution(signals),
        None => attribution(rules::fired(&signals).0, signals),
    }
}

/// Classifies like [`classify`], and says of each rule before the one that fired what it lacked.
pub fn explain(
    url: Option<&str>,
    referrer: Option<&str>,
    site_host: Option<&str>,
    project: &ProjectRules,
) -> Explanation {
    let signals = Signals::read(url, referrer, site_host, project);
    let mut passed_over = project.passed_over(&signals);
    if let Some(rule) = project.fired(&signals) {
        let fires_when = rule.fires_when();
        return Explanation { attribution: rule.attribution(signals), fires_when, passed_over };
    }
    let (rule, before) = rules::fired(&signals);
    passed_over.extend(before.iter().filter_map(|rule| {
        let lacking = rule.lacks(&signals)?;
        let (reason, is_near) = (format!("needs {lacking}"), rule.meets_some(&signals));
        Some(PassedOver { rule_id: rule.id().into(), reason, is_near })
    }));
    Explanation { fires_when: rule.fires_when(), attribution: attribution(rule, signals), passed_over }
}

/// Whether the rule with this id decided by tags: click ids, utm parameters, or a project's own rule
/// (`project:<slug>`). A session whose first event is direct or internal is credited to its first event
/// with such a rule.
///
/// Takes any text, so also the ids of stored events: an id that no release has used is none.
pub fn is_explicit_tag(rule_id: &str) -> bool {
    rule_id.starts_with(PROJECT_RULE) || rules().iter().any(|rule| rule.id() == rule_id && rule.reads_tags())
}

/// Whether a host is that of a payment or sign-in provider, which sends visitors back to the site that they came
/// from.
pub fn is_passed_through(host: &str) -> bool {
    let listing = host::Host::of_site(host).and_then(|host| directory::find(&host, "/"));
    listing.is_some_and(|listing| listing.class == directory::Class::PassThrough)
}

/// The source that a `utm_source` means: that of another name for a well-known one, or its text, trimmed and in
/// lower case.
pub fn source_of_tag(utm_source: &str) -> String {
    utm::well_known(utm_source.trim().to_lowercase()).0.into_owned()
}

fn attribution(rule: &Rule, signals: Signals) -> Attribution {
    let (source, medium, confidence) = rule.outcome(&signals);
    Attribution { source, medium, campaign: signals.utm_campaign, confidence, rule_id: rule.id().into() }
}

#[cfg(test)]
mod tests;
