//! Resources: responses that need no arguments, under addresses of their own. Each has a tool that
//! says the same and more.

use chrono_tz::Tz;
use millimetric_core::time::{DAY_MILLIS, HOUR_MILLIS, TimeRange, Timestamp};
use rmcp::ErrorData;
use rmcp::model::{CacheScope, ReadResourceResult, Resource, ResourceContents};
use serde_json::{Map, Value, json};

use super::arguments::Arguments;
use super::clean::{self, Cleaned};
use super::failure::{self, Era};
use super::response::Page;
use super::session::{Agent, Session};
use super::tools;
use super::tools::spec::Tool;
use crate::auth::agents::Projects;
use crate::error::ApiResult;

/// How far back the names of `schema://events` are from, in milliseconds.
const MONTH: i64 = 30 * DAY_MILLIS;
/// How long the rules may be kept, in milliseconds: they change with the server's version.
const RULES_LAST: u64 = HOUR_MILLIS as u64;
/// The most bytes of a resource.
const MAX_BYTES: usize = 256 * 1024;
/// The most bytes of the rows of `events://recent`, which agents read as a whole: with what is around them 20 kB.
const MAX_RECENT: usize = 20_000 - 20;

/// A resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    RecentEvents,
    EventNames,
    AllProjects,
    Rules,
}

impl Named {
    const ALL: [Self; 4] = [Self::AllProjects, Self::RecentEvents, Self::EventNames, Self::Rules];

    const fn uri(self) -> &'static str {
        match self {
            Self::RecentEvents => "events://recent",
            Self::EventNames => "schema://events",
            Self::AllProjects => "projects://all",
            Self::Rules => "schema://rules",
        }
    }

    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::RecentEvents => (
                "recent_events",
                "Recent events",
                "The newest events, up to 100 of them or 20 kB. The tool: query_events.",
            ),
            Self::EventNames => (
                "event_names",
                "Event names",
                "Which events occurred in the last 30 days, with counts and properties. The tool: describe_schema.",
            ),
            Self::AllProjects => (
                "projects",
                "Projects",
                "Every project of the account, with its last week. The tool: list_projects.",
            ),
            Self::Rules => (
                "rules",
                "Rules of attribution",
                "The classifier's rules in the order in which they are tried. The tool: describe_schema with kind=rules.",
            ),
        }
    }

    fn is_for(self, agent: &Agent) -> bool {
        match self {
            Self::RecentEvents => !agent.is_account(),
            Self::AllProjects => agent.is_account(),
            Self::EventNames | Self::Rules => true,
        }
    }

    /// The tool and its arguments that return it.
    fn query(self, now: Timestamp) -> (Tool, Map<String, Value>) {
        let (tool, arguments) = match self {
            Self::RecentEvents => {
                let always = json!({ "from": Timestamp::MIN.to_string(), "to": Timestamp::MAX.to_string() });
                (Tool::QueryEvents, always)
            }
            Self::EventNames => {
                let range =
                    TimeRange::new(now.plus_millis(-MONTH), now.plus_millis(1)).unwrap_or(TimeRange::LAST);
                let ends = json!({ "kind": "events", "from": range.from().to_string(), "to": range.to().to_string() });
                (Tool::DescribeSchema, ends)
            }
            Self::AllProjects => (Tool::ListProjects, json!({})),
            Self::Rules => (Tool::DescribeSchema, json!({ "kind": "rules" })),
        };
        match arguments {
            Value::Object(arguments) => (tool, arguments),
            _ => (tool, Map::new()),
        }
    }
}

/// The resources of a key.
pub(super) fn list(agent: &Agent) -> Vec<Resource> {
    let here = Named::ALL.into_iter().filter(|named| named.is_for(agent) && agent.reads());
    here.map(|named| {
        let (name, title, text) = named.words();
        Resource::new(named.uri(), name)
            .with_title(title)
            .with_description(text)
            .with_mime_type("application/json")
    })
    .collect()
}

/// Reads one by its address.
pub(super) async fn read(session: &Session, uri: &str, era: Era) -> Result<ReadResourceResult, ErrorData> {
    let found = Named::ALL.into_iter().find(|named| named.uri() == uri && named.is_for(&session.agent));
    let named = found.ok_or_else(|| unknown(&session.agent, uri))?;
    let text =
        rows(session, named).await.map_err(|error| failure::of_request(&session.app.metrics, &error, era))?;
    let contents = ResourceContents::text(text, named.uri()).with_mime_type("application/json");
    let (lasts, scope) = match named {
        Named::Rules => (RULES_LAST, CacheScope::Public),
        _ => (0, CacheScope::Private),
    };
    Ok(ReadResourceResult::new(vec![contents]).with_ttl_ms(lasts).with_cache_scope(scope))
}

fn unknown(agent: &Agent, uri: &str) -> ErrorData {
    let uris: Vec<_> = list(agent).into_iter().map(|resource| resource.uri).collect();
    let words = format!("There is no resource {}. Resources: {}.", clean::word(uri), uris.join(", "));
    ErrorData::invalid_params(words, Some(json!({ "uri": clean::word(uri) })))
}

/// `{"rows":[…]}`, as the tool's REST route writes it.
async fn rows(session: &Session, named: Named) -> ApiResult<String> {
    let readers = session.agent.readers(&session.app, &Projects::All).await?;
    let now = session.app.now();
    let (tool, sent) = named.query(now);
    let arguments = Arguments::read(tool, &sent, session.agent.is_account())?.resolve(Tz::UTC, now);
    let mut page: Page = tools::ask::page(&session.app, tool, &readers, &arguments).await?;
    let mut left = match named {
        Named::RecentEvents => MAX_RECENT,
        _ => MAX_BYTES,
    };
    let mut rows = Vec::with_capacity(page.rows.len());
    for mut row in page.rows.drain(..) {
        clean::row(&mut row, &mut Cleaned::default());
        let row = Value::Object(row);
        let Some(rest) = left.checked_sub(row.to_string().len() + 1) else { break };
        left = rest;
        rows.push(row);
    }
    Ok(json!({ "rows": rows }).to_string())
}
