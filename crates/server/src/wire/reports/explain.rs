//! `GET /v1/explain`: the rule that decided an attribution, and the rules before it.

pub mod rule_changes;

use std::collections::BTreeMap;

use millimetric_core::attribution::Model;
use millimetric_core::event::Event;
use millimetric_core::query::{RowLimit, TouchRow};
use millimetric_core::time::{TimeRange, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::error::ApiResult;
use crate::ops::reports::explain::{ExplainQuery, Explained};
use crate::wire::choices::{ConfidenceName, ExplainedRulesName, Instant};
use crate::wire::params::{Check, FilterParams, Parameters};

/// Longest URL or referrer that is explained, in characters; the same as of an event.
pub(super) const MAX_URL: usize = 2048;

/// `GET /v1/explain`
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExplainParams {
    /// A stored event; or a dry run, with `url`, `referrer` or both.
    #[param(max_length = 128, example = "evt_0190f3c0-a1b2-7c4d-8e9f-a0b1c2d3e4f5")]
    event_id: Option<String>,
    /// Where to look for the event; default everywhere.
    #[param(value_type = Option<Instant>, inline)]
    from: Option<String>,
    /// First instant after the range.
    #[param(value_type = Option<Instant>, inline)]
    to: Option<String>,
    /// The landing page, such as `https://shop.example/?utm_source=facebook&utm_medium=cpc`.
    #[param(max_length = 2048)]
    url: Option<String>,
    /// Where the visitor came from, such as `https://www.google.com/`.
    #[param(max_length = 2048)]
    referrer: Option<String>,
    /// The site's own host, for a visit without `url`.
    #[param(max_length = 2048)]
    site_host: Option<String>,
    /// Which rules are listed: `all` (default) that were tried, in their order, the one that matched last; or
    /// `near`: first the one that matched, then those of which the visit met a condition.
    #[param(value_type = Option<ExplainedRulesName>, inline)]
    rules: Option<String>,
}

/// Which rules an explanation lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExplainedRules {
    /// All that were tried.
    All,
    /// The one that matched, and those that nearly did.
    Near,
}

impl Parameters for ExplainParams {
    type Query = (ExplainQuery, ExplainedRules);
    const FILTERED: bool = false;

    fn query(self, _: FilterParams) -> ApiResult<Self::Query> {
        let mut check = Check::default();
        let always = TimeRange::new(Timestamp::MIN, Timestamp::MAX).unwrap_or(TimeRange::LAST);
        let bounded = self.from.is_some() || self.to.is_some();
        let range = check.range_or(self.from, self.to, always);
        let event_id = check.text("event_id", self.event_id, 128);
        let url = check.text("url", self.url, MAX_URL);
        let referrer = check.text("referrer", self.referrer, MAX_URL);
        let site_host = check.text("site_host", self.site_host, MAX_URL);
        let rules = check.read("rules", self.rules, |text| match text {
            "all" => Ok(ExplainedRules::All),
            "near" => Ok(ExplainedRules::Near),
            _ => Err("must be all or near"),
        });
        let visits = url.is_some() || referrer.is_some() || site_host.is_some();
        match (&event_id, visits) {
            (Some(_), true) => check.problems.form("send either event_id, or url and referrer"),
            (None, false) => check.problems.form("send event_id, or url, referrer or both for a dry run"),
            (None, true) if bounded => check.problems.form("from and to go with event_id"),
            _ => {}
        }
        let (range, _) = check.finish(range, Some(RowLimit::ONE))?;
        let query = match event_id {
            Some(event_id) => ExplainQuery::Event { event_id, range },
            None => ExplainQuery::Visit { url, referrer, site_host },
        };
        Ok((query, rules.unwrap_or(ExplainedRules::All)))
    }
}

/// The attribution of a visit.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs, reason = "the columns of the stored row, explained at core::event::Event")]
pub struct Classified {
    pub source: String,
    pub medium: String,
    pub campaign: Option<String>,
    #[schema(value_type = ConfidenceName, inline)]
    pub source_confidence: &'static str,
    pub source_rule_id: String,
}

impl From<&Event> for Classified {
    fn from(event: &Event) -> Self {
        Self {
            source: event.source.clone().into_owned(),
            medium: event.medium.clone().into_owned(),
            campaign: event.campaign.clone(),
            source_confidence: event.source_confidence.as_str(),
            source_rule_id: event.source_rule_id.clone().into_owned(),
        }
    }
}

/// `GET /v1/explain`
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedRows {
    /// The attribution by the current rules.
    pub attribution: Classified,
    /// The stored event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<ExplainedEvent>,
    /// The session of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<ExplainedSession>,
    /// The ledger of the event as a conversion: the visitor's sessions that started at most 30 days before it,
    /// and its own, ascending by time. The weights of each model sum to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touches: Option<Vec<ExplainedTouch>>,
    /// What to improve, most important first.
    pub advice: Vec<&'static str>,
    /// The rules in the order in which they were tried, the one that matched last; with `rules=near` first.
    pub rows: Vec<RuleRow>,
}

/// An event whose attribution is explained.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs, reason = "the columns of the stored row, explained at core::event::Event")]
pub struct ExplainedEvent {
    pub event_id: String,
    pub event_name: String,
    #[schema(format = DateTime)]
    pub timestamp: String,
    pub url: Option<String>,
    pub referrer: Option<String>,
    pub stored: Classified,
    /// Whether the stored attribution is that of the current rules.
    pub agrees: bool,
}

/// The session of an event.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedSession {
    /// The id of its first event.
    pub first_event_id: String,
    /// The time of its first event.
    #[schema(format = DateTime)]
    pub first_event_time: String,
    /// Where it came from.
    pub source: String,
    /// How it came.
    pub medium: String,
    /// Its campaign.
    pub campaign: Option<String>,
    /// The rule that the session is credited by.
    pub rule: String,
    /// How confident the classifier is of it.
    #[schema(value_type = ConfidenceName, inline)]
    pub confidence: String,
}

/// A session before a conversion.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedTouch {
    /// When it started.
    #[schema(format = DateTime)]
    pub time: String,
    /// Where it came from.
    pub source: String,
    /// How it came.
    pub medium: String,
    /// Its campaign.
    pub campaign: Option<String>,
    /// The rule that the session is credited by.
    pub rule: String,
    /// How confident the classifier is of it.
    #[schema(value_type = ConfidenceName, inline)]
    pub confidence: String,
    /// Its share of the conversion, 0 to 1, by model.
    #[schema(value_type = std::collections::BTreeMap<String, f64>)]
    pub weight: BTreeMap<&'static str, f64>,
}

impl From<TouchRow> for ExplainedTouch {
    fn from(touch: TouchRow) -> Self {
        Self {
            time: touch.at.to_string(),
            source: touch.source,
            medium: touch.medium,
            campaign: touch.campaign,
            rule: touch.rule_id,
            confidence: touch.confidence,
            weight: Model::ALL.iter().map(|model| model.as_str()).zip(touch.weights).collect(),
        }
    }
}

impl From<&TouchRow> for ExplainedSession {
    fn from(touch: &TouchRow) -> Self {
        let touch = touch.clone();
        Self {
            first_event_id: touch.first_event_id,
            first_event_time: touch.at.to_string(),
            source: touch.source,
            medium: touch.medium,
            campaign: touch.campaign,
            rule: touch.rule_id,
            confidence: touch.confidence,
        }
    }
}

/// One rule that was tried.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleRow {
    /// The rule.
    pub rule_id: String,
    /// Whether it matched.
    pub fired: bool,
    /// Why it matched, or why it did not.
    pub reason: String,
}

impl ExplainedRows {
    /// The explanation with these rules.
    pub fn new(explained: Explained, rules: ExplainedRules) -> Self {
        let Explained { event, touches, explanation, agrees, advice } = explained;
        let now = explanation.attribution;
        let mut passed = explanation.passed_over;
        passed.retain(|passed| rules == ExplainedRules::All || passed.is_near);
        let passed = passed.into_iter().map(|passed| RuleRow {
            rule_id: passed.rule_id.into_owned(),
            fired: false,
            reason: passed.reason,
        });
        let fired = RuleRow { rule_id: now.rule_id.to_string(), fired: true, reason: explanation.fires_when };
        Self {
            rows: match rules {
                ExplainedRules::All => passed.chain([fired]).collect(),
                ExplainedRules::Near => std::iter::once(fired).chain(passed).collect(),
            },
            advice,
            session: touches
                .as_ref()
                .and_then(|found| found.touches.get(found.session))
                .map(ExplainedSession::from),
            touches: touches.map(|found| found.touches.into_iter().map(ExplainedTouch::from).collect()),
            event: event.map(|event| ExplainedEvent {
                stored: Classified::from(&event),
                event_id: event.event_id,
                event_name: event.event_name,
                timestamp: event.timestamp.to_string(),
                url: event.url,
                referrer: event.referrer,
                agrees: agrees.unwrap_or_default(),
            }),
            attribution: Classified {
                source: now.source.into_owned(),
                medium: now.medium.into_owned(),
                campaign: now.campaign,
                source_confidence: now.confidence.as_str(),
                source_rule_id: now.rule_id.into_owned(),
            },
        }
    }
}
