//! Projects as the management API takes and returns them.

use std::num::NonZeroU32;

use chrono_tz::Tz;
use millimetric_control::{Name, Project, ProjectPatch};
use millimetric_core::origin::AllowedOrigin;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::fields::{Fields, parsed};
use crate::error::ApiResult;
use crate::ops::projects::ProjectRequest;
use crate::wire::params::no_zone;

const DAYS: &str =
    "must be a number of days, at least 1, or null to keep events for as long as the plan allows";

/// A project.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Project)]
pub struct ProjectOut {
    /// Its identifier.
    #[schema(example = "prj_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5")]
    pub id: String,
    /// Its short name, which is unique on the server.
    #[schema(example = "acme-shop")]
    pub slug: String,
    /// Its name for people.
    #[schema(example = "Acme Shop")]
    pub name: String,
    /// The account that it belongs to.
    #[schema(example = "acc_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5")]
    pub account_id: String,
    /// `free`, `pro`, `business` or `self_hosted`.
    #[schema(example = "self_hosted")]
    pub plan: &'static str,
    /// Days after which an event is deleted, as the project asks; null: as long as the plan allows.
    pub retention_days: Option<u32>,
    /// The time zone of its days, an IANA name.
    #[schema(example = "Europe/Berlin")]
    pub timezone: &'static str,
    /// When it was created.
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl From<&Project> for ProjectOut {
    fn from(project: &Project) -> Self {
        Self {
            id: project.id.to_string(),
            slug: project.slug.to_string(),
            name: project.name.to_string(),
            account_id: project.account_id.to_string(),
            plan: project.plan.as_str(),
            retention_days: project.retention_days.map(NonZeroU32::get),
            timezone: project.timezone.name(),
            created_at: project.created_at.to_string(),
        }
    }
}

/// `GET /v1/admin/projects`
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectList {
    /// Oldest first.
    pub projects: Vec<ProjectOut>,
    /// Continues the list; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// `POST /v1/admin/projects`
#[derive(Debug, ToSchema)]
#[schema(as = NewProject)]
#[allow(dead_code, reason = "describes what `new_project` reads")]
pub struct NewProjectIn {
    /// Its name for people, 1–100 characters. The slug is derived from it, with a number if it is taken.
    #[schema(example = "Acme Shop", max_length = 100)]
    name: String,
    /// The origins that its public keys may be used from, at most 100.
    #[schema(example = json!(["https://acme.example"]))]
    allowed_origins: Option<Vec<String>>,
    /// Days after which an event is deleted; absent or null: as long as the plan allows.
    #[schema(minimum = 1)]
    retention_days: Option<u32>,
    /// The time zone of its days, an IANA name; absent: UTC.
    #[schema(example = "Europe/Berlin")]
    timezone: Option<String>,
}

/// `PATCH /v1/admin/projects/{project}`: fields that are absent stay as they are.
#[derive(Debug, ToSchema)]
#[schema(as = ProjectPatch)]
#[allow(dead_code, reason = "describes what `patch` reads")]
pub struct ProjectPatchIn {
    /// A new name; the slug stays.
    #[schema(example = "Acme Shop", max_length = 100)]
    name: Option<String>,
    /// Days after which an event is deleted; null: as long as the plan allows.
    #[schema(minimum = 1, example = 365)]
    retention_days: Option<u32>,
    /// The time zone of its days, an IANA name.
    #[schema(example = "Europe/Berlin")]
    timezone: Option<String>,
}

/// Reads a new project.
pub fn new_project(text: &str) -> ApiResult<ProjectRequest> {
    let mut fields = Fields::of_body(text)?;
    let name: Option<Name> = fields.required("name");
    let allowed_origins = origins(&mut fields).unwrap_or_default();
    let retention_days = fields.read("retention_days", days);
    let timezone = fields.read("timezone", zone).unwrap_or(Tz::UTC);
    fields.finish(name.map(|name| ProjectRequest { name, allowed_origins, retention_days, timezone }))
}

/// Reads a change of a project.
pub fn patch(text: &str) -> ApiResult<ProjectPatch> {
    let mut fields = Fields::of_body(text)?;
    let name = fields.text("name");
    let retention_days = match fields.raw("retention_days") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(value) => match days(value) {
            Ok(days) => Some(Some(days)),
            Err(message) => {
                fields.wrong("retention_days", message);
                None
            }
        },
    };
    let timezone = fields.read("timezone", zone);
    fields.finish(Some(ProjectPatch { name, retention_days, timezone, ..ProjectPatch::default() }))
}

/// The list of origins, each once.
pub(super) fn origins(fields: &mut Fields) -> Option<Vec<AllowedOrigin>> {
    let mut origins: Vec<AllowedOrigin> = fields.texts("allowed_origins", |text| {
        text.parse().map_err(|error: millimetric_core::origin::OriginError| error.to_string())
    })?;
    let mut seen = std::collections::HashSet::new();
    origins.retain(|entry| seen.insert(entry.to_string()));
    let most = AllowedOrigin::MAX_PER_PROJECT;
    if origins.len() > most {
        fields.wrong("allowed_origins", format!("must have at most {most} entries"));
    }
    Some(origins)
}

fn days(value: Value) -> Result<NonZeroU32, String> {
    let days = value.as_u64().and_then(|days| u32::try_from(days).ok()).and_then(NonZeroU32::new);
    days.ok_or_else(|| DAYS.to_owned())
}

fn zone(value: Value) -> Result<Tz, String> {
    parsed(&value).map_err(|_| no_zone(value.as_str().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_new_project_is_read_and_its_wrong_fields_are_named() {
        let read = new_project(
            r#"{"name":" Acme ","allowed_origins":["https://a.example","https://A.example:443"],"timezone":"Europe/Berlin","retention_days":30}"#,
        )
        .unwrap();
        assert_eq!((read.name.as_str(), read.timezone.name()), ("Acme", "Europe/Berlin"));
        assert_eq!((read.allowed_origins.len(), read.retention_days.map(NonZeroU32::get)), (1, Some(30)));
        let wrong = r#"{"nane":"A","allowed_origins":["https://*.com"],"timezone":"Mars","retention_days":0,"slug":"x"}"#;
        let details = new_project(wrong).unwrap_err().details;
        let names: Vec<&String> = details["fieldErrors"].as_object().unwrap().keys().collect();
        assert_eq!(names, ["name", "allowed_origins.0", "retention_days", "timezone", "nane", "slug"]);
    }

    #[test]
    fn a_patch_tells_null_from_absent() {
        let days = |text| patch(text).unwrap().retention_days;
        assert_eq!(days("{}"), None);
        assert_eq!(days(r#"{"retention_days":null}"#), Some(None));
        assert_eq!(days(r#"{"retention_days":7}"#), Some(NonZeroU32::new(7)));
        for wrong in
            [json!({ "retention_days": -1 }), json!({ "retention_days": "7" }), json!({ "plan": "pro" })]
        {
            assert!(patch(&wrong.to_string()).is_err(), "{wrong}");
        }
    }
}
