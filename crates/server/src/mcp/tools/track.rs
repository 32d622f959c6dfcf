//! `track_event`: an event comes in as through `/v1/track`, and its sender learns how it was
//! classified.

use rmcp::model::JsonObject;
use serde_json::{Map, Value, json};

use super::super::arguments::meant;
use super::super::clean::word;
use super::super::response::{Page, ToolResponse};
use super::super::session::Session;
use super::spec::Tool;
use crate::auth::agents::ProjectAgent;
use crate::error::ApiResult;
use crate::ops::collect::{Sent, collect_one};
use crate::ops::reports::schema;
use crate::wire::reports::Classified;
use crate::wire::requests::{self, not_collected};

/// Stores one event.
pub(super) async fn track(
    session: &Session,
    agent: &ProjectAgent,
    sent: &JsonObject,
) -> ApiResult<ToolResponse> {
    let app = &session.app;
    let by = agent.sender(app, &session.client)?;
    let (input, context) = requests::event(&Value::Object(event(sent)).to_string())?.into_input();
    let context = context.unwrap_or_default();
    let sent_event = Sent { input, visitor_ip: context.ip, visitor_agent: context.user_agent };
    let stored = collect_one(app, by, &session.client, sent_event).await;
    let (collected, event) = stored.map_err(|error| not_collected(error, false))?;
    let classified = Classified::from(&event);
    let mut notes = ignored(sent);
    if collected.duplicates > 0 {
        notes.push("An event with this id was there already; nothing new was stored.".to_owned());
    }
    if agent.reads() {
        notes.extend(similar_names(session, agent, &event.event_name).await?);
    }
    let mut row = Map::new();
    row.insert("event_id".to_owned(), event.event_id.as_str().into());
    if collected.duplicates > 0 {
        row.insert("duplicates".to_owned(), collected.duplicates.into());
    }
    row.insert("classified".to_owned(), json!(classified));
    let summary = format!(
        "Stored `{}`, classified as {} / {} by rule {}.",
        word(&event.event_name),
        word(&classified.source),
        word(&classified.medium),
        classified.source_rule_id
    );
    // As REST returns it, with what it does not include.
    let mut facts = row.clone();
    facts.insert("ok".to_owned(), true.into());
    let page = Page { rows: vec![row], facts, ..Page::default() };
    Ok(ToolResponse { page, summary, notes, ..ToolResponse::default() })
}

/// The fields of the event.
fn event(sent: &JsonObject) -> JsonObject {
    let fields = Tool::TrackEvent.parameters(false).filter_map(|parameter| {
        let value = meant(parameter.shape, sent.get(parameter.name)?)?;
        Some((parameter.name.to_owned(), value.into_owned()))
    });
    fields.collect()
}

/// REST ignores unknown fields; an agent gets a note, since it meant something by them.
fn ignored(sent: &JsonObject) -> Vec<String> {
    let known = |name: &str| Tool::TrackEvent.parameters(false).any(|parameter| parameter.name == name);
    let unknown: Vec<_> =
        sent.keys().filter(|name| !known(name)).map(|name| format!("`{}`", word(name))).collect();
    let note = || {
        format!(
            "Ignored, since an event has no such field: {}. Facts belong into properties.",
            unknown.join(", ")
        )
    };
    (!unknown.is_empty()).then(note).into_iter().collect()
}

async fn similar_names(session: &Session, agent: &ProjectAgent, name: &str) -> ApiResult<Option<String>> {
    let similar = schema::similar_names(&session.app, agent.reader()?, name).await?;
    let similar: Vec<_> = similar.iter().take(3).map(|other| format!("`{}`", word(other))).collect();
    let note = || {
        format!(
            "`{}` looks like {}, which occurs more often; if they mean the same, use that name.",
            word(name),
            similar.join(", ")
        )
    };
    Ok((!similar.is_empty()).then(note))
}
