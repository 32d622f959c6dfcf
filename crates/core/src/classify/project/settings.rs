//! What a project sets for the classifier, as it is stored and sent: plain values that nothing has
//! checked yet.
//!
//! The JSON of a rule:
//! `{"slug":"partners","when":[{"field":"query.ref","op":"is","value":["a","b"]}],"source":"partner",`
//! `"medium":"affiliate"}`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest name of a parameter, in characters.
const MAX_PARAMETER_CHARS: usize = 100;

/// A project's rules, ignored referrers, and what a click id of Meta means for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleSettings {
    /// At most 200, tried in this order before the rules of the classifier.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleDefinition>,
    /// At most 100 hosts. A visitor who comes from one of them or a subdomain has passed through it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored_referrers: Vec<String>,
    /// What an `fbclid` without further tags means.
    pub meta_clicks: MetaClicks,
}

/// One rule: if all conditions hold, the visit has this source and medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleDefinition {
    /// Its name in the project: 1–63 of `a-z`, `0-9` and `-`. Events store `project:<slug>`.
    pub slug: String,
    /// 1–10 conditions, all of which must hold.
    pub when: Vec<RuleCondition>,
    /// 1–100 characters, lower-case.
    pub source: String,
    /// 1–100 characters, lower-case.
    pub medium: String,
    /// 1–200 characters; the visit's `utm_campaign` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
}

/// One condition. Compares without regard to case; a visit that lacks the field does not meet it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleCondition {
    /// What is compared.
    pub field: RuleField,
    /// How.
    pub op: RuleOperator,
    /// With what: one of these must fit.
    pub value: RuleValues,
}

/// The part of a visit that a condition compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RuleField {
    /// `referrer_host`: the host of the referrer without `www.`, or the package of an Android app.
    ReferrerHost,
    /// `url_host`: the host of the landing page without `www.`.
    UrlHost,
    /// `path`: the path of the landing page, percent-decoded.
    Path,
    /// `query.<name>`, and `utm_<name>` for `query.utm_<name>`: a parameter, decoded and trimmed. Lower-case.
    Parameter(String),
}

/// How a field is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleOperator {
    /// The field equals the value.
    Is,
    /// The field begins with the value.
    StartsWith,
    /// The value occurs in the field.
    Contains,
    /// The value is a regular expression that matches somewhere in the field.
    Matches,
}

/// One value or several, each of at most 256 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RuleValues {
    /// `"a"`
    One(String),
    /// `["a", "b"]`, at most 100.
    Several(Vec<String>),
}

/// What an `fbclid` without further tags means: the network adds it to ads and to unpaid links alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetaClicks {
    /// A click on an ad: medium `paid`.
    #[default]
    Paid,
    /// A visit from the network: medium `social`, confidence `medium`.
    Social,
}

impl RuleValues {
    /// The values, in their order.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }
}

impl MetaClicks {
    /// The word of the setting, which is also the medium.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Social => "social",
        }
    }
}

impl RuleOperator {
    /// The operator between its field and its value.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Is => "is",
            Self::StartsWith => "starts with",
            Self::Contains => "contains",
            Self::Matches => "matches",
        }
    }
}

/// A text that names no field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no field: use referrer_host, url_host, path, utm_source (or another utm parameter) or \
     query.<name>, like query.ref"
)]
pub struct UnknownField(String);

impl TryFrom<String> for RuleField {
    type Error = UnknownField;

    fn try_from(text: String) -> Result<Self, UnknownField> {
        let parameter = |name: &str| {
            let fits = (1..=MAX_PARAMETER_CHARS).contains(&name.chars().count());
            fits.then(|| Self::Parameter(name.to_lowercase()))
        };
        let field = match text.as_str() {
            "referrer_host" => Some(Self::ReferrerHost),
            "url_host" => Some(Self::UrlHost),
            "path" => Some(Self::Path),
            utm if utm.starts_with("utm_") => parameter(utm),
            other => other.strip_prefix("query.").and_then(parameter),
        };
        field.ok_or_else(|| UnknownField(text.chars().take(MAX_PARAMETER_CHARS).collect()))
    }
}

impl From<RuleField> for String {
    fn from(field: RuleField) -> Self {
        field.to_string()
    }
}

impl fmt::Display for RuleField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReferrerHost => f.write_str("referrer_host"),
            Self::UrlHost => f.write_str("url_host"),
            Self::Path => f.write_str("path"),
            Self::Parameter(name) if name.starts_with("utm_") => f.write_str(name),
            Self::Parameter(name) => write!(f, "query.{name}"),
        }
    }
}
