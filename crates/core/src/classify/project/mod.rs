//! A project's own part of the classifier: rules that stand before all others, referrers that visitors
//! only pass through, and what a click id of Meta means.
//!
//! `settings` has the values as they are stored and sent, `compile` checks them and builds the matchers.
//! Nothing here stores them.

mod compile;
mod settings;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use regex::RegexSet;
use url::{Url, form_urlencoded};

use super::host::Host;
use super::parameters::{self, lower_case};
use super::signals::Signals;
use super::{Attribution, PassedOver};
use crate::event::Confidence;

pub use compile::RuleError;
pub use settings::{
    MetaClicks, RuleCondition, RuleDefinition, RuleField, RuleOperator, RuleSettings, RuleValues,
    UnknownField,
};

/// Settings that were checked, ready to classify with. Cheap to clone; the default has no rules.
#[derive(Clone, Default)]
pub struct ProjectRules(Option<Arc<Compiled>>);

struct Compiled {
    settings: RuleSettings,
    rules: Vec<Rule>,
    /// Names of the parameters that the conditions compare, sorted.
    parameters: Vec<String>,
    ignored: Vec<Host>,
}

/// A rule that was checked.
pub(super) struct Rule {
    /// `project:<slug>`
    id: String,
    conditions: Vec<Condition>,
    source: String,
    medium: String,
    campaign: Option<String>,
}

struct Condition {
    subject: Subject,
    test: Test,
    /// `path starts with /a or /b`
    words: String,
}

enum Subject {
    ReferrerHost,
    UrlHost,
    Path,
    /// An index into [`Compiled::parameters`].
    Parameter(usize),
}

/// Values are lower-case.
enum Test {
    Is(Vec<String>),
    StartsWith(Vec<String>),
    Contains(Vec<String>),
    Matches(RegexSet),
}

/// What the conditions compare of one visit, lower-case.
struct Fields<'a> {
    referrer_host: Option<&'a str>,
    url_host: Option<Host>,
    path: Option<String>,
    /// By the index of the name.
    parameters: Vec<Option<String>>,
}

impl ProjectRules {
    /// No rules.
    pub const NONE: Self = Self(None);

    /// The settings that were checked; `None` for the default.
    pub fn settings(&self) -> Option<&RuleSettings> {
        self.0.as_deref().map(|compiled| &compiled.settings)
    }

    pub(super) fn meta_clicks(&self) -> MetaClicks {
        self.settings().map(|settings| settings.meta_clicks).unwrap_or_default()
    }

    /// Whether the referrer is one of the ignored ones or a subdomain of one.
    pub(super) fn ignores(&self, referrer: &Host) -> bool {
        self.0.as_ref().is_some_and(|compiled| {
            compiled.ignored.iter().any(|host| {
                if host.is_domain() { referrer.is_on(host.name()) } else { referrer.name() == host.name() }
            })
        })
    }

    /// The first rule whose conditions all hold.
    pub(super) fn fired(&self, signals: &Signals) -> Option<&Rule> {
        let compiled = self.0.as_ref().filter(|compiled| !compiled.rules.is_empty())?;
        let fields = Fields::read(signals, &compiled.parameters);
        compiled.rules.iter().find(|rule| rule.lacks(&fields).is_none())
    }

    /// Whether a rule before the one that fires may have fired for the URL as it was before it was stored:
    /// all that it lacks are parameters without a value, or, if the event was stored with that rule,
    /// parameters that are absent.
    pub(super) fn lost(&self, signals: &Signals, stored_rule: &str) -> bool {
        let Some(compiled) = self.0.as_ref().filter(|compiled| !compiled.parameters.is_empty()) else {
            return false;
        };
        let fields = Fields::read(signals, &compiled.parameters);
        let without_value = parameters_without_value(signals, &compiled.parameters);
        for rule in &compiled.rules {
            let is_lost = |condition: &&Condition| match condition.subject {
                Subject::Parameter(index) if fields.parameters[index].is_none() => {
                    rule.id == stored_rule || without_value[index]
                }
                _ => false,
            };
            let mut lacking = rule.conditions.iter().filter(|condition| !condition.holds(&fields)).peekable();
            if lacking.peek().is_none() {
                return false;
            }
            if lacking.all(|condition| is_lost(&condition)) {
                return true;
            }
        }
        false
    }

    /// The rules before the one that fired, or all, each with the condition that did not hold.
    pub(super) fn passed_over(&self, signals: &Signals) -> Vec<PassedOver> {
        let Some(compiled) = &self.0 else { return Vec::new() };
        let fields = Fields::read(signals, &compiled.parameters);
        let lacking = compiled.rules.iter().map_while(|rule| Some((rule, rule.lacks(&fields)?)));
        lacking
            .map(|(rule, condition)| PassedOver {
                rule_id: rule.id.clone().into(),
                reason: format!("needs {}", condition.words),
                is_near: rule.conditions.iter().any(|condition| condition.holds(&fields)),
            })
            .collect()
    }
}

impl Rule {
    /// The attribution of a visit for which the rule fired.
    pub(super) fn attribution(&self, signals: Signals) -> Attribution {
        Attribution {
            source: self.source.clone().into(),
            medium: self.medium.clone().into(),
            campaign: self.campaign.clone().or(signals.utm_campaign),
            confidence: Confidence::High,
            rule_id: self.id.clone().into(),
        }
    }

    /// When the rule fires, in words.
    pub(super) fn fires_when(&self) -> String {
        let words: Vec<_> = self.conditions.iter().map(|condition| condition.words.as_str()).collect();
        words.join(" and ")
    }

    /// The first condition that does not hold.
    fn lacks(&self, fields: &Fields<'_>) -> Option<&Condition> {
        self.conditions.iter().find(|condition| !condition.holds(fields))
    }
}

impl Condition {
    fn holds(&self, fields: &Fields<'_>) -> bool {
        let field = match self.subject {
            Subject::ReferrerHost => fields.referrer_host,
            Subject::UrlHost => fields.url_host.as_ref().map(Host::name),
            Subject::Path => fields.path.as_deref(),
            Subject::Parameter(index) => fields.parameters[index].as_deref(),
        };
        field.is_some_and(|field| self.test.fits(field))
    }
}

impl Test {
    fn fits(&self, field: &str) -> bool {
        match self {
            Self::Is(values) => values.iter().any(|value| field == value),
            Self::StartsWith(values) => values.iter().any(|value| field.starts_with(value)),
            Self::Contains(values) => values.iter().any(|value| field.contains(value)),
            Self::Matches(expressions) => expressions.is_match(field),
        }
    }
}

impl<'a> Fields<'a> {
    fn read(signals: &'a Signals, names: &[String]) -> Self {
        let mut fields = Self {
            referrer_host: signals.referrer.as_ref().map(Host::name),
            url_host: signals.url.as_ref().and_then(Host::of_url),
            path: signals.url.as_ref().map(|url| decoded(url.path()).to_lowercase()),
            parameters: vec![None; names.len()],
        };
        if let Some(url) = signals.url.as_ref().filter(|_| !names.is_empty()) {
            fields.read_parameters(url, names);
        }
        fields
    }

    /// Of a repeated parameter the first with a value, as in the rest of the classifier.
    fn read_parameters(&mut self, url: &Url, names: &[String]) {
        for (name, value) in parameters::pairs(url).flat_map(|pair| form_urlencoded::parse(pair.as_bytes())) {
            if let Ok(index) = names.binary_search(&name.to_lowercase()) {
                let slot = &mut self.parameters[index];
                if slot.is_none() {
                    *slot = lower_case(&value);
                }
            }
        }
    }
}

/// For each name, whether the url has the parameter with an empty value.
fn parameters_without_value(signals: &Signals, names: &[String]) -> Vec<bool> {
    let mut found = vec![false; names.len()];
    let pairs = signals.url.iter().flat_map(parameters::pairs);
    for (name, value) in pairs.flat_map(|pair| form_urlencoded::parse(pair.as_bytes())) {
        if let Ok(index) = names.binary_search(&name.to_lowercase()) {
            found[index] |= value.is_empty();
        }
    }
    found
}

/// A path without its percent-encoding; bytes that are no UTF-8 become U+FFFD.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |digit: u8| char::from(digit).to_digit(16);
        match after {
            [high, low, after @ ..] if *first == b'%' && hex(*high).is_some() && hex(*low).is_some() => {
                let value = hex(*high).unwrap_or_default() * 16 + hex(*low).unwrap_or_default();
                bytes.push(value as u8);
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl PartialEq for ProjectRules {
    fn eq(&self, other: &Self) -> bool {
        self.settings() == other.settings()
    }
}

impl Eq for ProjectRules {}

impl fmt::Debug for ProjectRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProjectRules").field(&self.settings()).finish()
    }
}
