//! The JSON of an account's projects, one by one and side by side.
//!
//! Only shapes: nothing is decided here.

use serde::Serialize;
use serde_json::Value;

use super::is_false;
use crate::ops::reports::multi_project::{Compared, Comparison, ProjectSummary};
use crate::wire::reports::number;

/// The projects that an account's key sees.
#[derive(Debug, Serialize)]
pub struct ProjectRows {
    /// Oldest first.
    pub rows: Vec<ProjectRow>,
    /// Present and true when rows were cut at the limit.
    #[serde(skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// One project.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "explained at ops::reports::multi_project::ProjectSummary")]
pub struct ProjectRow {
    pub id: String,
    pub slug: String,
    pub name: String,
    pub created_at: String,
    pub last_event_at: Option<String>,
    pub events_7d: u64,
    pub uniques_7d: u64,
}

impl From<ProjectSummary> for ProjectRow {
    fn from(summary: ProjectSummary) -> Self {
        Self {
            id: summary.project.id.to_string(),
            slug: summary.project.slug.to_string(),
            name: summary.project.name.to_string(),
            created_at: summary.project.created_at.to_string(),
            last_event_at: summary.last_event_at.map(|at| at.to_string()),
            events_7d: summary.events_7d,
            uniques_7d: summary.uniques_7d,
        }
    }
}

/// Projects side by side, the highest figure first.
#[derive(Debug, Serialize)]
pub struct ComparedRows {
    /// A metric of `/v1/stats`.
    pub metric: &'static str,
    /// By currency, if amounts have one; then by value, descending.
    pub rows: Vec<ComparedRow>,
    /// Present and true if distinct visitors are estimated.
    #[serde(skip_serializing_if = "is_false")]
    pub approximate: bool,
}

/// A figure of a project.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "explained at ops::reports::multi_project::Compared")]
pub struct ComparedRow {
    pub rank: usize,
    pub project_id: String,
    pub slug: String,
    pub name: String,
    /// Present if amounts have a currency; null where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Value>,
    pub value: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_pct: Option<f64>,
}

impl ComparedRows {
    /// The ranked projects.
    pub fn new(metric: &'static str, comparison: Comparison, approximate: bool) -> Self {
        let Comparison { rows, by_currency } = comparison;
        let row = |compared: Compared| ComparedRow {
            rank: compared.rank,
            project_id: compared.project.id.to_string(),
            slug: compared.project.slug.to_string(),
            name: compared.project.name.to_string(),
            currency: by_currency.then(|| compared.currency.into()),
            value: number(compared.value),
            share_pct: compared.share_pct,
        };
        Self { metric, rows: rows.into_iter().map(row).collect(), approximate }
    }
}
