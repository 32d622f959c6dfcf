//! The source classifier: which rule explains where a visit came from.
//!
//! Pure and total: it reads two URLs and a host as text, and returns a result for every text. One event at a
//! time: it remembers no visit. `rules` holds the ordered table, `condition` what a rule can ask,
//! `signals`, `parameters` and `host` what is read out of the URLs, `utm` and
//! `directory` the tables of known values and hosts.

mod condition;
mod directory;
mod host;
mod parameters;
mod rules;
mod signals;
mod utm;

use std::borrow::Cow;

use crate::event::Confidence;

pub use rules::{Rule, rules};
use signals::Signals;

/// What the ids of a project's own rules begin with.
const PROJECT_RULE: &str = "project:";

/// Where a visit came from, and which rule says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribution {
    /// `google`, `direct`, a host, …: 1–100 characters, trimmed, no control characters.
    pub source: Cow<'static, str>,
    /// `paid`, `organic`, `social`, …: 1–100 characters, trimmed, no control characters.
    pub medium: Cow<'static, str>,
    /// `utm_campaign`, in its own case: 1–200 characters, trimmed, no control characters.
    pub campaign: Option<String>,
    /// How sure the rule is.
    pub confidence: Confidence,
    /// The rule that fired.
    pub rule_id: &'static str,
}

/// An attribution with the reason why no earlier rule gave another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The result of [`classify`] for the same visit.
    pub attribution: Attribution,
    /// The rules that stand before the one that fired, in their order.
    pub passed_over: Vec<PassedOver>,
}

/// A rule that did not fire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// The rule.
    pub rule_id: &'static str,
    /// The first of its conditions that the visit did not meet: ``needs `gclid` in the url``.
    pub reason: String,
}

/// Explains a visit from its landing page, its referrer, and the site's own host (used when the url
/// is absent).
///
/// Takes any text: a url that is not an absolute http(s) URL counts as absent, and so does a
/// referrer that is neither that nor `android-app://` with a known package. The url must still have
/// its fragment, since parameters are read from there too.
pub fn classify(url: Option<&str>, referrer: Option<&str>, site_host: Option<&str>) -> Attribution {
    let signals = Signals::read(url, referrer, site_host);
    attribution(rules::fired(&signals).0, signals)
}

/// Classifies like [`classify`], and says of each rule before the one that fired what it lacked.
pub fn explain(url: Option<&str>, referrer: Option<&str>, site_host: Option<&str>) -> Explanation {
    let signals = Signals::read(url, referrer, site_host);
    let (rule, before) = rules::fired(&signals);
    let passed_over = before
        .iter()
        .filter_map(|rule| {
            let lacking = rule.lacks(&signals)?;
            Some(PassedOver { rule_id: rule.id(), reason: format!("needs {lacking}") })
        })
        .collect();
    Explanation { attribution: attribution(rule, signals), passed_over }
}

/// Whether the rule with this id decided by tags: click ids, utm parameters, or a project's own rule
/// (`project:<slug>`). A session whose first event is direct or internal is credited to its first event
/// with such a rule.
///
/// Takes any text, so also the ids of stored events: an id that no release has used is none.
pub fn is_explicit_tag(rule_id: &str) -> bool {
    rule_id.starts_with(PROJECT_RULE)
        || rules().iter().any(|rule| rule.id() == rule_id && rule.reads_tags())
}

fn attribution(rule: &Rule, signals: Signals) -> Attribution {
    let (source, medium) = rule.names(&signals);
    Attribution {
        source,
        medium,
        campaign: signals.utm_campaign,
        confidence: rule.confidence(),
        rule_id: rule.id(),
    }
}

#[cfg(test)]
mod tests;
