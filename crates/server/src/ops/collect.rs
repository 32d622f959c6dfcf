//! Collecting: from what a client sent to events on disk.
//!
//! Returns only after the store has reported that the events are durable. Never keeps the client's
//! address or user agent beyond the call.

use std::net::IpAddr;
use std::sync::Arc;

use millimetric_core::classify::ProjectRules;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::ingest::bots::BotReason;
use millimetric_core::ingest::enrich::{Visit, enrich};
use millimetric_core::ingest::placeholder::is_placeholder_id;
use millimetric_core::ingest::user_agent::ClientHints;
use millimetric_core::ingest::validate::{EventInput, FieldError, ValidEvent, validate};
use millimetric_core::key::KeyKind;
use millimetric_core::time::Timestamp;
use millimetric_events::Appended;

use crate::auth::{Authorized, Ingest};
use crate::client_info::ClientInfo;
use crate::limits::quota::ReserveError;
use crate::ops::error::{CollectError, OpsError, OpsResult};
use crate::refusals::Why;
use crate::state::App;
use crate::telemetry::{Field, Reason};

/// One event as it was sent, and the visitor that a server speaks for.
#[derive(Debug)]
pub struct Sent {
    /// The event.
    pub input: EventInput,
    /// The visitor's address, when the server names one.
    pub visitor_ip: Option<IpAddr>,
    /// The visitor's user agent, when the server names one.
    pub visitor_agent: Option<String>,
}

/// What became of a request's events.
#[derive(Debug)]
pub struct Collected {
    /// The id of each, in the order they were sent.
    pub event_ids: Vec<String>,
    /// How many were there already.
    pub duplicates: u64,
    /// Why they were left out, when they were.
    pub dropped: Option<BotReason>,
}

/// Most events that are completed on the async runtime, at about 10 µs each; more are completed
/// off it.
const FEW: usize = 50;

/// Checks, completes and stores the events of one request, all or none.
pub async fn collect(
    app: &Arc<App>,
    by: &Authorized<Ingest>,
    client: &ClientInfo,
    sent: Vec<Sent>,
) -> Result<Collected, CollectError> {
    let now = app.now();
    let completed = complete_many(app, by, client, sent, now).await?.all_valid()?;
    Ok(keep(app, by, completed, now).await?)
}

/// Checks, completes and stores those events of one request that are valid. Returns what is wrong with the
/// others, each with its index.
pub async fn collect_valid(
    app: &Arc<App>,
    by: &Authorized<Ingest>,
    client: &ClientInfo,
    sent: Vec<Sent>,
) -> OpsResult<(Collected, Vec<(usize, Vec<FieldError>)>)> {
    let now = app.now();
    let mut completed = complete_many(app, by, client, sent, now).await?;
    let invalid = std::mem::take(&mut completed.invalid);
    if completed.events.is_empty() {
        return Ok((Collected { event_ids: Vec::new(), duplicates: 0, dropped: None }, invalid));
    }
    Ok((keep(app, by, completed, now).await?, invalid))
}

/// Like [`collect`] for one event, which it also returns as it was completed.
pub async fn collect_one(
    app: &Arc<App>,
    by: &Authorized<Ingest>,
    client: &ClientInfo,
    sent: Sent,
) -> Result<(Collected, Event), CollectError> {
    let now = app.now();
    let completed = complete(app, by, client, vec![sent], now).all_valid()?;
    let event = completed.events.first().cloned();
    let event = event.ok_or_else(|| OpsError::internal("no event is left"))?;
    Ok((keep(app, by, completed, now).await?, event))
}

/// Events that are complete and not stored yet, and what is wrong with the others.
struct Completed {
    events: Vec<Event>,
    dropped: Option<BotReason>,
    invalid: Vec<(usize, Vec<FieldError>)>,
}

impl Completed {
    /// An error if an event is not valid.
    fn all_valid(self) -> Result<Self, CollectError> {
        if self.invalid.is_empty() { Ok(self) } else { Err(CollectError::Invalid(self.invalid)) }
    }
}

async fn complete_many(
    app: &Arc<App>,
    by: &Authorized<Ingest>,
    client: &ClientInfo,
    sent: Vec<Sent>,
    now: Timestamp,
) -> OpsResult<Completed> {
    if sent.len() <= FEW {
        return Ok(complete(app, by, client, sent, now));
    }
    let (their_app, by, client) = (Arc::clone(app), by.clone(), client.clone());
    let work = move || complete(&their_app, &by, &client, sent, now);
    Ok(app.limits.heavy.run(work).await?)
}

fn complete(
    app: &App,
    by: &Authorized<Ingest>,
    client: &ClientInfo,
    sent: Vec<Sent>,
    now: Timestamp,
) -> Completed {
    let visits = Visits::new(app, by, client, now);
    let dropped = visits.bot();
    let (mut invalid, mut events) = (Vec::new(), Vec::with_capacity(sent.len()));
    for (index, sent) in sent.into_iter().enumerate() {
        let (ip, agent) = (sent.visitor_ip, sent.visitor_agent);
        match validate(sent.input, now) {
            Ok(valid) => events.push(visits.complete(valid, ip, agent.as_deref())),
            Err(errors) => invalid.push((index, errors)),
        }
    }
    Completed { events, dropped, invalid }
}

async fn keep(
    app: &Arc<App>,
    by: &Authorized<Ingest>,
    completed: Completed,
    now: Timestamp,
) -> OpsResult<Collected> {
    let Completed { events, dropped, .. } = completed;
    let event_ids = events.iter().map(|event| event.event_id.clone()).collect();
    if let Some(reason) = dropped {
        app.metrics
            .events_dropped
            .get_or_create(&Reason { reason: reason.as_str() })
            .inc_by(events.len() as u64);
        note(app, by, Why::Bot(reason), now);
        return Ok(Collected { event_ids, duplicates: 0, dropped });
    }
    let placeholders = placeholder_ids(&events);
    let appended = store(app, by, events, now).await?;
    for (field, count) in placeholders.into_iter().filter(|(_, count)| *count > 0) {
        app.metrics.placeholder_ids.get_or_create(&Field { field }).inc_by(count);
        note(app, by, Why::PlaceholderId(field.into()), now);
    }
    Ok(Collected { event_ids, duplicates: appended.duplicates, dropped: None })
}

/// How many of the events have an id that identifies nobody, by field.
fn placeholder_ids(events: &[Event]) -> [(&'static str, u64); 2] {
    let count = |id: fn(&Event) -> Option<&str>| {
        events.iter().filter_map(id).filter(|id| is_placeholder_id(id)).count() as u64
    };
    [
        ("anonymous_id", count(|event| Some(&event.anonymous_id))),
        ("user_id", count(|event| event.user_id.as_deref())),
    ]
}

fn note(app: &App, by: &Authorized<Ingest>, why: Why, now: Timestamp) {
    if let Some(key) = by.key() {
        app.refusals.note(by.project().id, key, why, now);
    }
}

/// Stores in a task of its own: once begun, the counting goes on to its end even when the client
/// has gone.
async fn store(
    app: &Arc<App>,
    by: &Authorized<Ingest>,
    events: Vec<Event>,
    now: Timestamp,
) -> OpsResult<Appended> {
    let reserved = app
        .limits
        .usage
        .reserve(&app.stores.control, by.project(), by.scope().env, events.len() as u64, now)
        .await;
    let reserved = reserved.inspect_err(|error| {
        if matches!(error, ReserveError::UsedUp { .. }) {
            note(app, by, Why::QuotaUsedUp, now);
        }
    })?;
    let (app, scope): (_, EventScope) = (Arc::clone(app), by.scope());
    let task = tokio::spawn(async move {
        let appended = app.stores.events.append(scope, events).await?;
        reserved.settle(appended.stored);
        app.metrics.events_stored.inc_by(appended.stored);
        app.metrics.events_duplicate.inc_by(appended.duplicates);
        app.live.came();
        Ok::<_, OpsError>(appended)
    });
    task.await.map_err(OpsError::internal)?
}

/// Completes the events of one request; what is the same for all of them is worked out once.
struct Visits<'a> {
    app: &'a App,
    client: &'a ClientInfo,
    for_others: bool,
    rules: &'a ProjectRules,
    own: Visit,
    now: Timestamp,
}

impl<'a> Visits<'a> {
    fn new(app: &'a App, by: &'a Authorized<Ingest>, client: &'a ClientInfo, now: Timestamp) -> Self {
        // A server's own address and agent say nothing of the visitor, but are all there is when
        // it sends no context.
        let for_others = by.key().is_some_and(|(kind, _)| kind == KeyKind::Sk);
        let rules = by.project().classifier.rules();
        let mut visits = Self { app, client, for_others, rules, own: Visit::default(), now };
        visits.own = visits.visit(client.ip, client.user_agent.as_deref(), client.hints());
        visits
    }

    /// Why this client's events are left out: it is a known bot where a browser is expected.
    fn bot(&self) -> Option<BotReason> {
        if self.for_others {
            return None;
        }
        self.app
            .enrichment
            .user_agents
            .read(self.client.user_agent.as_deref().unwrap_or_default(), &self.client.hints())
            .bot
    }

    fn visit(&self, ip: Option<IpAddr>, agent: Option<&str>, hints: ClientHints<'_>) -> Visit {
        Visit {
            device: self.app.enrichment.user_agents.read(agent.unwrap_or_default(), &hints).device,
            country: ip.map(|ip| self.app.enrichment.countries.country(ip)).unwrap_or_default(),
            ip_hash: ip.map(|ip| self.app.enrichment.ip_salt.hash(ip, self.now)).unwrap_or_default(),
            site_host: self.client.origin_host.clone(),
            rules: self.rules.clone(),
        }
    }

    fn complete(&self, valid: ValidEvent, ip: Option<IpAddr>, agent: Option<&str>) -> Event {
        let id = || self.app.new_id();
        if !self.for_others || (ip.is_none() && agent.is_none()) {
            return enrich(valid, &self.own, self.now, id);
        }
        enrich(valid, &self.visit(ip, agent, ClientHints::default()), self.now, id)
    }
}
