//! The JSON of `GET /v1/explain`, and of an attribution elsewhere.
//!
//! Only shapes: nothing is decided here.

use millimetric_core::event::Event;
use serde::Serialize;
use utoipa::ToSchema;

use crate::ops::reports::explain::Explained;

/// Where a visit counts, and by which rule.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs, reason = "the columns of the stored row, explained at core::event::Event")]
pub struct Classified {
    pub source: String,
    pub medium: String,
    pub campaign: Option<String>,
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
    /// What the rules of today say.
    pub attribution: Classified,
    /// The event that was asked for, as it is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<ExplainedEvent>,
    /// What could be done better, most important first.
    pub advice: Vec<&'static str>,
    /// The rules in the order in which they were tried; the last one fired.
    pub rows: Vec<RuleRow>,
}

/// An event whose attribution is explained.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs, reason = "the columns of the stored row, explained at core::event::Event")]
pub struct ExplainedEvent {
    pub event_id: String,
    pub event_name: String,
    pub timestamp: String,
    pub url: Option<String>,
    pub referrer: Option<String>,
    pub stored: Classified,
    /// Whether what is stored is what the rules of today say.
    pub agrees: bool,
}

/// One rule that was tried.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleRow {
    /// The rule.
    pub rule_id: String,
    /// Whether it explains the visit.
    pub fired: bool,
    /// Why it did, or what it lacked.
    pub reason: String,
}

impl From<Explained> for ExplainedRows {
    fn from(explained: Explained) -> Self {
        let Explained { event, explanation, fired_since, agrees, advice } = explained;
        let now = explanation.attribution;
        let passed = explanation.passed_over.into_iter().map(|passed| RuleRow {
            rule_id: passed.rule_id.to_owned(),
            fired: false,
            reason: passed.reason,
        });
        let fired = RuleRow { rule_id: now.rule_id.to_owned(), fired: true, reason: fired_since };
        Self {
            rows: passed.chain([fired]).collect(),
            advice,
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
                source_rule_id: now.rule_id.to_owned(),
            },
        }
    }
}
