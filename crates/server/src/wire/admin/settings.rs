//! The allowed origins and the rules of a project, each replaced as a whole.

use millimetric_control::Project;
use millimetric_core::classify::{ProjectRules, RuleSettings};
use millimetric_core::origin::AllowedOrigin;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::fields::Fields;
use super::projects::origins;
use crate::error::{ApiError, ApiResult, ErrorCode, Problems};
use crate::wire::reports::explain::rule_changes::RuleIn;

/// `GET` and `PUT …/origins`
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Origins)]
pub struct OriginsOut {
    /// The origins that public keys of the project may be used from, at most 100.
    #[schema(example = json!(["https://acme.example", "https://*.acme.example"]))]
    pub allowed_origins: Vec<String>,
    /// Stored entries that cannot be read, and so match nothing; absent if there are none. `PUT` removes them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable_origins: Vec<String>,
}

impl From<&Project> for OriginsOut {
    fn from(project: &Project) -> Self {
        Self {
            allowed_origins: project.allowed_origins.iter().map(ToString::to_string).collect(),
            unreadable_origins: project.unreadable_origins.clone(),
        }
    }
}

/// `PUT …/origins`
#[derive(Debug, ToSchema)]
#[schema(as = NewOrigins)]
#[allow(dead_code, reason = "describes what `new_origins` reads")]
pub struct OriginsIn {
    /// The whole list.
    #[schema(example = json!(["https://acme.example", "https://*.acme.example"]))]
    allowed_origins: Vec<String>,
}

/// Reads the whole list of origins.
pub fn new_origins(text: &str) -> ApiResult<Vec<AllowedOrigin>> {
    let mut fields = Fields::of_body(text)?;
    let list = origins(&mut fields);
    if list.is_none() && fields.problems.is_empty() {
        fields.wrong("allowed_origins", "is required: the whole list, empty if no origin is allowed");
    }
    fields.finish(list)
}

/// `GET` and `PUT …/rules`
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Rules)]
#[allow(dead_code, reason = "describes core::classify::RuleSettings")]
pub struct RulesOut {
    /// At most 200, tried in this order before the rules of the classifier.
    #[schema(value_type = Option<Vec<RuleIn>>)]
    rules: Value,
    /// At most 100 hosts. A visitor who comes from one of them or a subdomain has passed through it.
    #[schema(example = json!(["pay.example.com"]))]
    ignored_referrers: Option<Vec<String>>,
    /// What an `fbclid` without further tags means: `paid` (the default) or `social`.
    #[schema(example = "paid")]
    meta_clicks: Option<String>,
}

/// Reads the whole settings for the classifier, and compiles the rules, which can take tens of milliseconds.
///
/// # Errors
/// `invalid_payload`, with the place of a rule that is wrong.
pub fn new_rules(text: &str) -> ApiResult<ProjectRules> {
    let object: serde_json::Result<Map<String, Value>> = serde_json::from_str(text);
    let settings = object.and_then(|object| serde_json::from_value(Value::Object(object)));
    let settings: RuleSettings = settings.map_err(|error| {
        ApiError::form(
            ErrorCode::InvalidPayload,
            format!(
                "the body must be like {{\"rules\":[{{\"slug\":\"partners\",\"when\":[{{\"field\":\"query.ref\",\"op\":\"is\",\
                 \"value\":\"acme\"}}],\"source\":\"acme\",\"medium\":\"partner\"}}],\"ignored_referrers\":[],\
                 \"meta_clicks\":\"paid\"}}: {error}"
            ),
        )
    })?;
    ProjectRules::new(settings).map_err(|error| {
        let mut problems = Problems::default();
        problems.field(error.at, error.problem);
        ApiError::validation(ErrorCode::InvalidPayload, problems)
    })
}
