//! Checks a project's settings, and builds the matchers of its rules.
//!
//! Every length and count has a bound. Regular expressions are those of the crate `regex`, which match in
//! time linear in the length of the text; their compiled size is bounded too.

use std::collections::BTreeSet;
use std::sync::Arc;

use regex::{RegexSet, RegexSetBuilder};

use super::super::host::Host;
use super::super::parameters::{lower_case, own_case};
use super::settings::{RuleCondition, RuleDefinition, RuleField, RuleOperator, RuleSettings};
use super::{Compiled, Condition, ProjectRules, Rule, Subject, Test, decoded};

const MAX_RULES: usize = 200;
const MAX_CONDITIONS: usize = 10;
const MAX_VALUES: usize = 100;
const MAX_VALUE_CHARS: usize = 256;
const MAX_SLUG_CHARS: usize = 63;
const MAX_IGNORED: usize = 100;
/// Bytes of all texts together.
const MAX_BYTES: usize = 64 << 10;
/// Conditions with `matches`, in all rules together.
const MAX_MATCHES: usize = 100;
/// What the expressions of one condition may take when compiled, and what their cache may take, in bytes.
const MAX_COMPILED_BYTES: usize = 256 << 10;
/// How many values a condition shows in words.
const SHOWN_VALUES: usize = 3;

/// What is wrong with a project's settings, for the person who wrote them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {problem}")]
pub struct RuleError {
    /// Where: `rules[3].when[0].value`.
    pub at: String,
    /// What is wrong, and what is right.
    pub problem: String,
}

impl ProjectRules {
    /// Checks the settings; an error names the first problem.
    pub fn new(settings: RuleSettings) -> Result<Self, RuleError> {
        at_most(MAX_RULES, settings.rules.len(), "rules", "rules")?;
        at_most(MAX_IGNORED, settings.ignored_referrers.len(), "ignored_referrers", "hosts")?;
        let conditions = || settings.rules.iter().flat_map(|rule| &rule.when);
        let matches = conditions().filter(|condition| condition.op == RuleOperator::Matches).count();
        at_most(MAX_MATCHES, matches, "rules", "conditions with `matches`")?;
        let bytes = bytes(&settings);
        if bytes > MAX_BYTES {
            let problem = format!("{bytes} bytes of text are too many: at most {MAX_BYTES}");
            return Err(error("rules".to_owned(), problem));
        }
        let parameters = conditions().filter_map(|condition| match &condition.field {
            RuleField::Parameter(name) => Some(name.clone()),
            _ => None,
        });
        let parameters: Vec<_> = parameters.collect::<BTreeSet<_>>().into_iter().collect();
        let mut slugs = BTreeSet::new();
        let mut rules = Vec::with_capacity(settings.rules.len());
        for (index, definition) in settings.rules.iter().enumerate() {
            let at = format!("rules[{index}]");
            if !slugs.insert(&definition.slug) {
                return Err(error(
                    format!("{at}.slug"),
                    format!("`{}` occurs twice", short(&definition.slug)),
                ));
            }
            rules.push(rule(&at, definition, &parameters)?);
        }
        let ignored = settings.ignored_referrers.iter().enumerate();
        let ignored =
            ignored.map(|(index, text)| ignored_host(index, text)).collect::<Result<Vec<_>, RuleError>>()?;
        Ok(Self(Some(Arc::new(Compiled { settings, rules, parameters, ignored }))))
    }
}

impl RuleSettings {
    /// When the rule with this id (`project:<slug>`) fires, in words; `None` if there is no such rule.
    pub fn fires_when(&self, rule_id: &str) -> Option<String> {
        let slug = rule_id.strip_prefix(super::super::PROJECT_RULE)?;
        self.rules.iter().find(|rule| rule.slug == slug).map(RuleDefinition::fires_when)
    }
}

impl RuleDefinition {
    /// The id that events store: `project:<slug>`.
    pub fn id(&self) -> String {
        format!("{}{}", super::super::PROJECT_RULE, self.slug)
    }

    /// When it fires, in words.
    pub fn fires_when(&self) -> String {
        self.when.iter().map(words).collect::<Vec<_>>().join(" and ")
    }
}

/// Bytes of the texts of all rules and ignored referrers.
fn bytes(settings: &RuleSettings) -> usize {
    let condition = |when: &RuleCondition| {
        let name = if let RuleField::Parameter(name) = &when.field { name.len() } else { 0 };
        name + when.value.as_slice().iter().map(String::len).sum::<usize>()
    };
    let rule = |rule: &RuleDefinition| {
        let names = [&rule.slug, &rule.source, &rule.medium].map(String::len).iter().sum::<usize>();
        let campaign = rule.campaign.as_ref().map_or(0, String::len);
        names + campaign + rule.when.iter().map(condition).sum::<usize>()
    };
    let ignored = settings.ignored_referrers.iter().map(String::len);
    settings.rules.iter().map(rule).chain(ignored).sum()
}

fn rule(at: &str, definition: &RuleDefinition, parameters: &[String]) -> Result<Rule, RuleError> {
    let RuleDefinition { slug, when, source, medium, campaign } = definition;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if slug.is_empty() || slug.len() > MAX_SLUG_CHARS || !slug.chars().all(plain) {
        let problem = format!(
            "`{}` is no slug: use 1–{MAX_SLUG_CHARS} of a–z, 0–9 and -, like partner-sites",
            short(slug)
        );
        return Err(error(format!("{at}.slug"), problem));
    }
    if when.is_empty() {
        return Err(error(format!("{at}.when"), "a rule needs at least one condition".to_owned()));
    }
    at_most(MAX_CONDITIONS, when.len(), &format!("{at}.when"), "conditions")?;
    let name = "1–100 lower-case characters without blanks around them, like partner";
    named(&format!("{at}.source"), source, lower_case, name)?;
    named(&format!("{at}.medium"), medium, lower_case, name)?;
    if let Some(campaign) = campaign {
        let name = "1–200 characters without blanks around them, like Spring Sale";
        named(&format!("{at}.campaign"), campaign, own_case, name)?;
    }
    if source == "internal" {
        let problem = "`internal` is kept for the site's own pages: list hosts in ignored_referrers instead";
        return Err(error(format!("{at}.source"), problem.to_owned()));
    }
    let conditions = when.iter().enumerate();
    let conditions = conditions
        .map(|(index, when)| condition(&format!("{at}.when[{index}]"), when, parameters))
        .collect::<Result<Vec<_>, RuleError>>()?;
    Ok(Rule {
        id: definition.id(),
        conditions,
        source: source.clone(),
        medium: medium.clone(),
        campaign: campaign.clone(),
    })
}

fn condition(at: &str, when: &RuleCondition, parameters: &[String]) -> Result<Condition, RuleError> {
    let values = when.value.as_slice();
    let at = format!("{at}.value");
    if values.is_empty() || values.iter().any(|value| value.trim().is_empty()) {
        return Err(error(at, "a value is empty: write at least one character".to_owned()));
    }
    at_most(MAX_VALUES, values.len(), &at, "values")?;
    if let Some(long) = values.iter().find(|value| value.chars().count() > MAX_VALUE_CHARS) {
        let problem = format!("`{}` is longer than {MAX_VALUE_CHARS} characters", short(long));
        return Err(error(at, problem));
    }
    let is_host = matches!(when.field, RuleField::ReferrerHost | RuleField::UrlHost);
    let lower = || values.iter().map(|value| lower_value(&when.field, value)).collect();
    let test = match when.op {
        RuleOperator::Is if is_host => Test::Is(hosts(&at, values)?),
        RuleOperator::Is => Test::Is(lower()),
        RuleOperator::StartsWith => Test::StartsWith(lower()),
        RuleOperator::Contains => Test::Contains(lower()),
        RuleOperator::Matches => Test::Matches(expressions(&at, values)?),
    };
    let subject = match &when.field {
        RuleField::ReferrerHost => Subject::ReferrerHost,
        RuleField::UrlHost => Subject::UrlHost,
        RuleField::Path => Subject::Path,
        // Every name is in the list, which was collected from the conditions.
        RuleField::Parameter(name) => Subject::Parameter(parameters.partition_point(|other| other < name)),
    };
    Ok(Condition { subject, test, words: words(when) })
}

/// A value as the field is compared: trimmed, lower-case, a path without its percent-encoding.
fn lower_value(field: &RuleField, value: &str) -> String {
    let value = value.trim();
    if *field == RuleField::Path { decoded(value).to_lowercase() } else { value.to_lowercase() }
}

/// Hosts as the referrer's is compared: lower-case, ASCII, without `www.`.
fn hosts(at: &str, values: &[String]) -> Result<Vec<String>, RuleError> {
    values.iter().map(|value| Ok(host(at, value)?.name().to_owned())).collect()
}

fn ignored_host(index: usize, text: &str) -> Result<Host, RuleError> {
    host(&format!("ignored_referrers[{index}]"), text)
}

fn host(at: &str, text: &str) -> Result<Host, RuleError> {
    let text = text.trim();
    let only_a_host = text.len() <= MAX_VALUE_CHARS && !text.contains(['/', '?', '#', '@', '\\']);
    let host = if only_a_host { Host::of_site(text) } else { None };
    host.ok_or_else(|| {
        let problem =
            format!("`{}` is no host: write it without scheme and path, like pay.example.com", short(text));
        error(at.to_owned(), problem)
    })
}

fn expressions(at: &str, values: &[String]) -> Result<RegexSet, RuleError> {
    let built = RegexSetBuilder::new(values)
        .case_insensitive(true)
        .size_limit(MAX_COMPILED_BYTES)
        .dfa_size_limit(MAX_COMPILED_BYTES)
        .build();
    built.map_err(|cause| {
        let problem = match cause {
            regex::Error::CompiledTooBig(_) => {
                "the expressions are too large: use fewer repetitions, or fewer values".to_owned()
            }
            cause => {
                let cause = cause.to_string();
                let reason = cause.lines().last().unwrap_or_default().trim_start_matches("error: ");
                format!(
                    "this is no regular expression ({reason}): use the syntax of RE2, like ^/blog/[0-9]+, \
                     and escape special characters with a backslash"
                )
            }
        };
        error(at.to_owned(), problem)
    })
}

/// Requires that a name is as the classifier would keep it.
fn named(at: &str, text: &str, kept: fn(&str) -> Option<String>, right: &str) -> Result<(), RuleError> {
    if kept(text).as_deref() == Some(text) {
        return Ok(());
    }
    Err(error(at.to_owned(), format!("`{}` must be {right}", short(text))))
}

fn at_most(most: usize, count: usize, at: &str, what: &str) -> Result<(), RuleError> {
    if count <= most {
        return Ok(());
    }
    Err(error(at.to_owned(), format!("{count} {what} are too many: at most {most}")))
}

fn words(when: &RuleCondition) -> String {
    let values = when.value.as_slice();
    let shown: Vec<_> = values.iter().take(SHOWN_VALUES).map(String::as_str).collect();
    let more = match values.len().saturating_sub(SHOWN_VALUES) {
        0 => String::new(),
        more => format!(" or one of {more} more"),
    };
    format!("{} {} {}{more}", when.field, when.op.words(), shown.join(" or "))
}

fn error(at: String, problem: String) -> RuleError {
    RuleError { at, problem }
}

/// The beginning of a text, for a message.
fn short(text: &str) -> String {
    text.chars().take(60).collect()
}
