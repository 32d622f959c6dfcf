//! What the projects of an account used this month, side by side, against their plans.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use millimetric_control::{Month, Project};
use millimetric_core::key::Env;

use crate::auth::sessions::{InAccount, Viewer};
use crate::dashboard::format::{grouped, percent};
use crate::dashboard::frame::{AccountTab, Frame, page};
use crate::dashboard::refusal::PageResult;
use crate::error::ApiError;
use crate::state::App;

#[derive(Template)]
#[template(path = "usage.html")]
struct UsagePage {
    frame: Frame,
    month: String,
    rows: Vec<UsageRow>,
}

struct UsageRow {
    slug: String,
    name: String,
    plan: String,
    live: String,
    test: String,
    limit: Option<String>,
    /// Events used, in percent of the limit: for the meter, at most 100.
    used_pct: u64,
    /// The same as text.
    used: String,
    retention: String,
}

/// The page.
pub(in crate::dashboard) async fn show(
    State(app): State<Arc<App>>,
    member: InAccount<Viewer>,
) -> PageResult<Response> {
    app.limits.usage.write(&app.stores.control).await?;
    let month = Month::of(app.now());
    let mut rows = Vec::new();
    for project in app.stores.control.projects_of_account(member.account.id).await? {
        let used = app.stores.control.usage(project.id, month, month).await.map_err(ApiError::from)?;
        let of = |env| used.iter().filter(|row| row.env == env).map(|row| row.events).sum();
        rows.push(row(&project, of(Env::Live), of(Env::Test)));
    }
    let month = month.start().to_utc().format("%B %Y").to_string();
    page(&UsagePage { frame: Frame::of_account(&member, AccountTab::Usage)?, month, rows })
}

fn row(project: &Project, live: u64, test: u64) -> UsageRow {
    let limit = project.plan.monthly_events();
    let days = project.effective_retention_days();
    UsageRow {
        slug: project.slug.to_string(),
        name: project.name.to_string(),
        plan: project.plan.as_str().replace('_', "-"),
        live: grouped(live),
        test: grouped(test),
        used_pct: limit.map_or(0, |limit| ((live + test) * 100 / limit.max(1)).min(100)),
        used: limit.map(|limit| percent((live + test) as f64 / limit.max(1) as f64)).unwrap_or_default(),
        limit: limit.map(grouped),
        retention: days
            .map_or_else(|| "Unlimited".to_owned(), |days| format!("{} days", grouped(days.into()))),
    }
}
