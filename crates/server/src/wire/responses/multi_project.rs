//! The JSON of an account's projects, one by one and side by side.
//!
//! Only shapes: nothing is decided here.

use serde::Serialize;

use super::is_false;
use crate::ops::reports::multi_project::{Compared, ProjectSummary};

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
    /// `count` or `uniques`.
    pub metric: &'static str,
    /// By value, descending.
    pub rows: Vec<ComparedRow>,
}

/// One project's part.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "explained at ops::reports::multi_project::Compared")]
pub struct ComparedRow {
    pub rank: usize,
    pub project_id: String,
    pub slug: String,
    pub name: String,
    pub value: u64,
    pub share_pct: f64,
}

impl ComparedRows {
    /// Ranks the projects as they come.
    pub fn new(metric: &'static str, compared: Vec<Compared>) -> Self {
        let row = |(place, compared): (usize, Compared)| ComparedRow {
            rank: place + 1,
            project_id: compared.project.id.to_string(),
            slug: compared.project.slug.to_string(),
            name: compared.project.name.to_string(),
            value: compared.value,
            share_pct: compared.share_pct,
        };
        Self { metric, rows: compared.into_iter().enumerate().map(row).collect() }
    }
}
