//! `/projects/{project}/install`: the snippet to install, and a section that shows the newest event and why
//! events were refused or have ids that identify nobody.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use millimetric_control::KeyOwner;
use millimetric_core::key::{Env, KeyKind};
use millimetric_core::query::{EventSelector, EventsQuery, RowLimit};
use millimetric_core::time::{HOUR_MILLIS, TimeRange, Timestamp};

use crate::auth::sessions::{InProject, Viewer};
use crate::dashboard::format::ago;
use crate::dashboard::frame::{Frame, Tab, page};
use crate::dashboard::refusal::PageResult;
use crate::ops::{read, refusals};
use crate::refusals::{Refused, Why};
use crate::state::App;

/// How long a refusal is shown, in milliseconds.
const REFUSED_MILLIS: i64 = HOUR_MILLIS;

#[derive(Template)]
#[template(path = "install.html")]
struct Install {
    frame: Frame,
    slug: String,
    host: String,
    origins: Vec<String>,
    /// How the pk keys that work begin.
    pks: Vec<String>,
    arrivals: Arrivals,
}

/// The newest event and the refused ones; also a page of its own, for the script that polls it.
#[derive(Template)]
#[template(path = "arrivals.html")]
struct Arrivals {
    slug: String,
    last: Option<Arrived>,
    refused: Vec<RefusedRow>,
}

/// The newest event.
struct Arrived {
    name: String,
    page: String,
    source: String,
    when: String,
    env: &'static str,
}

struct RefusedRow {
    what: String,
    fix: &'static str,
    key: String,
    when: String,
    times: u64,
}

/// The page.
pub(in crate::dashboard) async fn show(
    State(app): State<Arc<App>>,
    member: InProject<Viewer>,
) -> PageResult<Response> {
    let (project, now) = (&member.project, app.now());
    let keys = app.stores.control.keys(KeyOwner::Project(project.id)).await?;
    let pks = keys.iter().filter(|key| key.kind == KeyKind::Pk && key.is_live(now));
    page(&Install {
        frame: Frame::of_project(&member, Tab::Install)?,
        slug: project.slug.to_string(),
        host: app.public_url.as_str().to_owned(),
        origins: project.allowed_origins.iter().map(ToString::to_string).collect(),
        pks: pks.map(|key| format!("pk_{}_{}", key.env, key.prefix)).collect(),
        arrivals: arrivals(&app, &member).await?,
    })
}

/// The section that is polled.
pub(in crate::dashboard) async fn show_arrivals(
    State(app): State<Arc<App>>,
    member: InProject<Viewer>,
) -> PageResult<Response> {
    page(&arrivals(&app, &member).await?)
}

async fn arrivals(app: &App, member: &InProject<Viewer>) -> PageResult<Arrivals> {
    let now = app.now();
    let mut last: Option<(Timestamp, Arrived)> = None;
    for &env in Env::ALL {
        let found = newest(app, member, env, now).await?;
        if found.as_ref().map(|(at, _)| *at) > last.as_ref().map(|(at, _)| *at) {
            last = found;
        }
    }
    let refused = refusals::recent(app, member.project.id, now.plus_millis(-REFUSED_MILLIS)).await;
    Ok(Arrivals {
        slug: member.project.slug.to_string(),
        last: last.map(|(_, arrived)| arrived),
        refused: refused.iter().map(|one| refused_row(one, now)).collect(),
    })
}

async fn newest(
    app: &App,
    member: &InProject<Viewer>,
    env: Env,
    now: Timestamp,
) -> PageResult<Option<(Timestamp, Arrived)>> {
    let range = TimeRange::new(Timestamp::MIN, Timestamp::MAX).unwrap_or(TimeRange::LAST);
    let query = EventsQuery {
        range,
        events: EventSelector::Any,
        filters: Vec::new(),
        limit: RowLimit::ONE,
        after: None,
    };
    let response = read::run(app, &member.reader(env), query).await?;
    Ok(response.rows.into_iter().next().map(|event| {
        let arrived = Arrived {
            name: event.event_name,
            page: event.url.or(event.path).unwrap_or_default(),
            source: format!("{} / {}", event.source, event.medium),
            when: ago(event.received_at, now),
            env: env.as_str(),
        };
        (event.received_at, arrived)
    }))
}

fn refused_row(refused: &Refused, now: Timestamp) -> RefusedRow {
    let (what, fix) = match &refused.why {
        Why::OriginNotListed(Some(origin)) => (
            format!("403 origin_not_allowed: the page’s origin is {origin}"),
            "If the page is yours, add the origin to the allowed origins.",
        ),
        Why::OriginNotListed(None) => (
            "403 origin_not_allowed: the request has no Origin header".to_owned(),
            "A public key (pk) works in browsers only. Servers send with a secret key (sk).",
        ),
        Why::KeyEnded => (
            "401 invalid_api_key: the key was revoked or has expired".to_owned(),
            "Replace the key in the page or program that still uses it.",
        ),
        Why::AddressNotAllowed => (
            "403 ip_not_allowed: the key is not allowed from this IP address".to_owned(),
            "Send from one of the key’s allowed IP addresses, or create a key without that restriction.",
        ),
        Why::Bot(reason) => (
            format!("not counted: bot traffic ({})", reason.as_str()),
            "Headless browsers, scripts and crawlers are not counted. Test with a normal browser.",
        ),
        Why::QuotaUsedUp => (
            "429 quota_exceeded: this month’s event quota is used up".to_owned(),
            "Change the plan, or wait until next month.",
        ),
        Why::PlaceholderId(field) => (
            format!("stored, but {field} is a placeholder such as undefined or null"),
            "Events with a placeholder ID are not linked to a person. Send a real ID, or leave the field out.",
        ),
    };
    let key = format!("{}_…{}", refused.kind, refused.prefix);
    RefusedRow { what, fix, key, when: ago(refused.at, now), times: refused.times }
}
