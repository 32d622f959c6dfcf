//! `POST /v1/explain`: what other rules would change of stored events.

use millimetric_control::Classifier;
use millimetric_core::classify::{MetaClicks, ProjectRules, RuleSettings};
use millimetric_core::query::{
    ChangeSample, ClassifiedAs, RowLimit, RuleChange, RuleChanges, RuleChangesQuery,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::error::{ApiError, ApiResult, ErrorCode, Problems};
use crate::wire::choices::{ConfidenceName, Instant, MetaClicksName, RuleOperatorName};
use crate::wire::params::{Check, FilterParams, Parameters, from_json};
use crate::wire::shapes::RuleValue;

/// `POST /v1/explain`. Rules that are absent are those of the project.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = RuleChangesQuery, example = json!({ "from": "2026-05-01", "to": "2026-06-01", "rules": [{
    "slug": "partner-sites", "when": [{ "field": "query.ref", "op": "is", "value": "partner" }],
    "source": "partner", "medium": "referral" }] }))]
#[allow(dead_code, reason = "describes what `read` takes apart")]
pub struct RuleChangesIn {
    /// First instant, inclusive: ISO 8601, or a date for its midnight in `timezone`.
    #[schema(value_type = Instant, inline)]
    from: String,
    /// First instant after the range.
    #[schema(value_type = Instant, inline)]
    to: String,
    /// The time zone of dates without a time, an IANA name; default UTC.
    timezone: Option<String>,
    /// At most 200, tried in this order before the rules of the classifier.
    #[schema(max_items = 200)]
    rules: Option<Vec<RuleIn>>,
    /// At most 100 hosts. A visitor who comes from one of them or a subdomain has passed through it.
    #[schema(max_items = 100)]
    ignored_referrers: Option<Vec<String>>,
    /// What an `fbclid` without further tags means: `paid` (the default of a project) or `social`.
    #[schema(value_type = Option<MetaClicksName>, inline)]
    meta_clicks: Option<String>,
}

/// A rule of a project.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Rule)]
#[allow(dead_code, reason = "describes core::classify::RuleDefinition")]
pub struct RuleIn {
    /// Its name in the project: 1–63 of a–z, 0–9 and -. Events store `project:<slug>`.
    #[schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9-]+$", example = "partner-sites")]
    slug: String,
    /// 1–10 conditions, all of which must hold.
    #[schema(min_items = 1, max_items = 10)]
    when: Vec<RuleConditionIn>,
    /// 1–100 characters, lower-case.
    #[schema(min_length = 1, max_length = 100)]
    source: String,
    /// 1–100 characters, lower-case.
    #[schema(min_length = 1, max_length = 100)]
    medium: String,
    /// 1–200 characters; absent: the visit's `utm_campaign`.
    #[schema(min_length = 1, max_length = 200)]
    campaign: Option<String>,
}

/// A condition of a rule. Compares without regard to case.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = RuleCondition)]
#[allow(dead_code, reason = "describes core::classify::RuleCondition")]
pub struct RuleConditionIn {
    /// `referrer_host`, `url_host`, `path`, `utm_source` (or another utm parameter) or `query.<name>`.
    #[schema(example = "query.ref")]
    field: String,
    /// `is`, `starts_with`, `contains` or `matches` (a regular expression in the syntax of RE2).
    #[schema(value_type = RuleOperatorName, inline)]
    op: String,
    /// A text, or a list of texts one of which must fit.
    #[schema(value_type = RuleValue, inline)]
    value: Value,
}

/// The members that are parameters like those of other reports.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
struct Range {
    from: Option<String>,
    to: Option<String>,
}

impl Parameters for Range {
    type Query = millimetric_core::time::TimeRange;
    const FILTERED: bool = false;

    fn query(self, _: FilterParams) -> ApiResult<Self::Query> {
        let mut check = Check::default();
        let range = check.range(self.from, self.to);
        Ok(check.finish(range, Some(RowLimit::ONE))?.0)
    }
}

/// Reads a body; what it does not set are the settings of the project.
///
/// # Errors
/// `invalid_payload`, with the place of a rule that is wrong.
pub fn query(mut body: Map<String, Value>, project: &Classifier) -> ApiResult<RuleChangesQuery> {
    let mut settings = project.settings();
    if let Some(rules) = member(&mut body, "rules")? {
        settings.rules = rules;
    }
    if let Some(hosts) = member(&mut body, "ignored_referrers")? {
        settings.ignored_referrers = hosts;
    }
    if let Some(meaning) = member::<MetaClicks>(&mut body, "meta_clicks")? {
        settings.meta_clicks = meaning;
    }
    // The parameters are members of a body here.
    let range = from_json::<Range>(body).map_err(|mut error| {
        error.code = ErrorCode::InvalidPayload;
        error
    })?;
    Ok(RuleChangesQuery { range, rules: rules(settings)? })
}

/// Takes a member out of the body; `null` counts as absent.
fn member<T: serde::de::DeserializeOwned>(body: &mut Map<String, Value>, name: &str) -> ApiResult<Option<T>> {
    let Some(value) = body.remove(name) else { return Ok(None) };
    serde_json::from_value(value).map_err(|error| problem(name, error.to_string()))
}

/// The rules of checked settings.
fn rules(settings: RuleSettings) -> ApiResult<ProjectRules> {
    ProjectRules::new(settings).map_err(|error| problem(&error.at, error.problem))
}

fn problem(field: &str, message: String) -> ApiError {
    let mut problems = Problems::default();
    problems.field(field, message);
    ApiError::validation(ErrorCode::InvalidPayload, problems)
}

/// `POST /v1/explain`
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleChangesRows {
    /// Events in the range.
    pub events: u64,
    /// Events whose source, medium, campaign, confidence or rule would change.
    pub changed: u64,
    /// Events that would keep what they have, because their stored URL lost what a rule needs.
    pub kept: u64,
    /// Events whose path is stored without being normalised, as older releases did. A re-classification
    /// normalises it.
    pub paths: u64,
    /// Most events first, at most 1000. A row whose two sides are equal changes the campaign only.
    pub rows: Vec<RuleChangeRow>,
    /// Changed events that are in no row, because there are too many; absent if all are.
    #[serde(skip_serializing_if = "crate::wire::responses::is_zero")]
    pub other: u64,
}

/// Events that would change in the same way.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleChangeRow {
    /// As they are stored.
    pub old: ClassifiedAsRow,
    /// As the rules classify them.
    pub new: ClassifiedAsRow,
    /// How many.
    pub events: u64,
    /// The first of them, at most 3.
    pub samples: Vec<ChangeSampleRow>,
}

/// An attribution without its campaign.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClassifiedAs)]
pub struct ClassifiedAsRow {
    /// The source.
    pub source: String,
    /// The medium.
    pub medium: String,
    /// The rule that fired.
    pub rule_id: String,
    /// `high`, `medium` or `low`.
    #[schema(value_type = ConfidenceName, inline)]
    pub confidence: String,
}

/// An event that would change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChangeSample)]
pub struct ChangeSampleRow {
    /// Its id.
    pub event_id: String,
    /// When it happened.
    #[schema(format = DateTime)]
    pub timestamp: String,
    /// Its stored URL.
    pub url: Option<String>,
    /// Its stored referrer.
    pub referrer: Option<String>,
}

impl From<RuleChanges> for RuleChangesRows {
    fn from(changes: RuleChanges) -> Self {
        let RuleChanges { events, changed, kept, paths, rows, other, .. } = changes;
        Self { events, changed, kept, paths, rows: rows.into_iter().map(Into::into).collect(), other }
    }
}

impl From<RuleChange> for RuleChangeRow {
    fn from(change: RuleChange) -> Self {
        let RuleChange { old, new, events, samples } = change;
        Self {
            old: old.into(),
            new: new.into(),
            events,
            samples: samples.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<ClassifiedAs> for ClassifiedAsRow {
    fn from(classified: ClassifiedAs) -> Self {
        let ClassifiedAs { source, medium, rule_id, confidence } = classified;
        Self { source, medium, rule_id, confidence }
    }
}

impl From<ChangeSample> for ChangeSampleRow {
    fn from(sample: ChangeSample) -> Self {
        let ChangeSample { timestamp, event_id, url, referrer } = sample;
        Self { event_id, timestamp: timestamp.to_string(), url, referrer }
    }
}
