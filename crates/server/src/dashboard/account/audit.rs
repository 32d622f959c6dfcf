//! Who did what to what in an account, newest first.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use millimetric_control::{Actor, AuditEntry, AuditScope};
use serde::Deserialize;
use serde_json::Value;

use crate::auth::sessions::{InAccount, Viewer};
use crate::dashboard::format::date_time;
use crate::dashboard::frame::{AccountTab, Frame, page};
use crate::dashboard::refusal::PageResult;
use crate::state::App;

/// Entries of a page.
const ENTRIES: u32 = 50;

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    frame: Frame,
    base: String,
    rows: Vec<AuditRow>,
    /// Where older entries continue.
    older: Option<String>,
    first_page: bool,
}

struct AuditRow {
    at: String,
    by: String,
    what: String,
    project: String,
    subject: String,
    detail: Vec<(String, String)>,
}

/// Where a page begins.
#[derive(Debug, Deserialize)]
pub(in crate::dashboard) struct AuditParams {
    before: Option<String>,
}

/// The page.
pub(in crate::dashboard) async fn show(
    State(app): State<Arc<App>>,
    member: InAccount<Viewer>,
    Query(from): Query<AuditParams>,
) -> PageResult<Response> {
    let id = member.account.id;
    let before = from.before.and_then(|cursor| cursor.parse().ok());
    let entries = app.stores.control.audit_log(AuditScope::Account(id), ENTRIES, before).await?;
    let names = Names::of(&app, &member).await?;
    let full = entries.len() == ENTRIES as usize;
    page(&Audit {
        frame: Frame::of_account(&member, AccountTab::Audit)?,
        base: format!("/accounts/{id}/audit"),
        older: entries.last().filter(|_| full).map(|entry| entry.cursor.to_string()),
        rows: entries.iter().map(|entry| names.row(entry)).collect(),
        first_page: before.is_none(),
    })
}

/// What identifiers stand for, where that is still known.
struct Names(HashMap<String, String>);

impl Names {
    async fn of(app: &App, member: &InAccount<Viewer>) -> PageResult<Self> {
        let id = member.account.id;
        let members = app.stores.control.members(id).await?.into_iter();
        let projects = app.stores.control.projects_of_account(id).await?.into_iter();
        let members = members.map(|member| (member.user.to_string(), member.email.to_string()));
        let projects = projects.map(|project| (project.id.to_string(), project.name.to_string()));
        let own = (id.to_string(), member.account.name.to_string());
        Ok(Self(members.chain(projects).chain([own]).collect()))
    }

    fn name(&self, id: &str) -> String {
        self.0.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    fn row(&self, entry: &AuditEntry) -> AuditRow {
        AuditRow {
            at: date_time(entry.at),
            by: match &entry.by {
                Actor::CommandLine => "Command line".to_owned(),
                Actor::Setup => "First start".to_owned(),
                Actor::Server => "Server".to_owned(),
                Actor::Key(id) => id.to_string(),
                Actor::User(id) => self.name(&id.to_string()),
                Actor::Token(id, prefix) => format!("{} (token mmt_{prefix}_…)", self.name(&id.to_string())),
            },
            what: action(&entry.action),
            project: entry.project_id.map(|id| self.name(&id.to_string())).unwrap_or_default(),
            subject: self.name(&entry.subject),
            detail: entry.detail.as_object().into_iter().flatten().filter_map(detail).collect(),
        }
    }
}

/// The stored name of an action as text: `project.updated` is "project updated". Some stored names are
/// older than the words on the page: `key.minted` is "key created".
fn action(name: &str) -> String {
    let created = name.strip_suffix(".minted").or_else(|| name.strip_suffix(".made"));
    created.map_or_else(|| name.to_owned(), |subject| format!("{subject}.created")).replace(['.', '_'], " ")
}

/// A member of an entry's detail as name and text; `None` if it is empty.
fn detail((name, value): (&String, &Value)) -> Option<(String, String)> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Array(list) if list.is_empty() => return None,
        other => other.to_string(),
    };
    Some((name.replace('_', " "), text))
}
