//! The way from the command line to a running server: a socket in the data folder that only the
//! folder's owner can open. Commands that need the event store use it while the server holds it.
//!
//! Never reachable over the network; who can open the file owns the data anyway.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use millimetric_core::classify::{ProjectRules, RuleSettings};
use millimetric_core::event::{Event, EventScope};
use millimetric_core::ids::ReclassificationId;
use millimetric_core::query::{EventSelector, ExportQuery, RuleChanges, RuleChangesQuery};
use millimetric_core::time::{TimeRange, Timestamp};
use millimetric_events::{Appended, EventStoreExt as _, ReclassifyReport, Snapshot, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixStream};

use crate::body::stream;
use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::ops::export::Export;
use crate::state::App;
use crate::wire::rows::{RowFormat, RowWriter};

/// The most bytes of one call.
const MAX_CALL: usize = 64 * 1024 * 1024;

/// Finished events for one scope, as `POST /append` takes them.
#[derive(Debug, Serialize, Deserialize)]
struct Append {
    scope: EventScope,
    events: Vec<Event>,
}

/// What `POST /export` takes.
#[derive(Debug, Serialize, Deserialize)]
struct ExportCall {
    scope: EventScope,
    from: Timestamp,
    to: Timestamp,
    format: RowFormat,
}

/// Listens until the task is dropped. A folder whose path is too long for a socket has none.
pub fn listen(app: &Arc<App>, data_dir: &Path) -> anyhow::Result<impl Future<Output = ()> + use<>> {
    let path = socket(data_dir);
    // Whatever is there was left by a server that died: the store's lock says there is no other.
    let _ = std::fs::remove_file(&path);
    let listener =
        UnixListener::bind(&path).with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let router = Router::new()
        .route("/public-url", post(public_url))
        .route("/append", post(append))
        .route("/import", post(import))
        .route("/snapshot", post(snapshot))
        .route("/export", post(export))
        .route("/rule-changes", post(rule_changes))
        .route("/reclassification", post(reclassification))
        .layer(DefaultBodyLimit::max(MAX_CALL))
        .with_state(Arc::clone(app));
    Ok(async move {
        let _ = axum::serve(listener, router).await;
    })
}

async fn public_url(State(app): State<Arc<App>>) -> Json<String> {
    Json(app.public_url.as_str().to_owned())
}

async fn append(State(app): State<Arc<App>>, body: Bytes) -> ApiResult<Json<u64>> {
    let Append { scope, events } = serde_json::from_slice(&body)
        .map_err(|error| ApiError::new(ErrorCode::InvalidPayload).because(error))?;
    Ok(Json(app.stores.events.append(scope, events).await?.stored))
}

async fn import(State(app): State<Arc<App>>, Json(call): Json<Append>) -> Response {
    match app.stores.events.import(call.scope, call.events).await {
        Err(StoreError::Overloaded) => Json(None::<Appended>).into_response(),
        Ok(appended) => Json(Some(appended)).into_response(),
        Err(error) => failed("an import", &error),
    }
}

/// Who can call here owns the data, so the response has the cause.
fn failed(what: &str, error: &StoreError) -> Response {
    tracing::error!(%error, "{what} failed");
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
}

fn no_local_store() -> Response {
    let why = "The events are in an external store: back them up with the tools of that store.";
    (StatusCode::NOT_IMPLEMENTED, why).into_response()
}

async fn snapshot(State(app): State<Arc<App>>, Json(folder): Json<PathBuf>) -> Response {
    let Some(store) = app.stores.events.local() else { return no_local_store() };
    match store.snapshot(&folder).await {
        Ok(snapshot) => Json(snapshot).into_response(),
        Err(error) => failed("a backup", &error),
    }
}

async fn export(State(app): State<Arc<App>>, Json(call): Json<ExportCall>) -> ApiResult<Response> {
    let range = TimeRange::new(call.from, call.to).ok_or(ApiError::new(ErrorCode::InvalidParams))?;
    let query = ExportQuery { range, events: EventSelector::Any, filters: Vec::new() };
    let encoder = RowWriter::new(call.format, call.scope)?;
    let export = Export::start(app.stores.events.export(call.scope, Timestamp::MIN, query), encoder, ());
    Ok(Body::from_stream(stream::pieces(None, export)).into_response())
}

/// What `POST /rule-changes` takes.
#[derive(Debug, Serialize, Deserialize)]
struct RuleChangesCall {
    scope: EventScope,
    from: Timestamp,
    to: Timestamp,
    rules: RuleSettings,
}

async fn rule_changes(State(app): State<Arc<App>>, Json(call): Json<RuleChangesCall>) -> Response {
    let range = TimeRange::new(call.from, call.to);
    let (Some(range), Ok(rules)) = (range, ProjectRules::new(call.rules)) else {
        return ApiError::new(ErrorCode::InvalidParams).into_response();
    };
    match app.stores.events.query(call.scope, RuleChangesQuery { range, rules }).await {
        Ok(changes) => Json(changes).into_response(),
        Err(error) => failed("a query", &error),
    }
}

async fn reclassification(
    State(app): State<Arc<App>>,
    Json((scope, id)): Json<(EventScope, ReclassificationId)>,
) -> Response {
    match app.stores.events.reclassification(scope, id).await {
        Ok(report) => Json(report).into_response(),
        Err(error) => failed("a look at a re-classification", &error),
    }
}

fn socket(data_dir: &Path) -> PathBuf {
    data_dir.join("server.sock")
}

/// A connection to the server of a data folder.
#[derive(Debug)]
pub struct LocalServer {
    sender: SendRequest<Body>,
}

impl LocalServer {
    /// Connects; an error when no server runs on this folder.
    pub async fn connect(data_dir: &Path) -> anyhow::Result<Self> {
        let path = socket(data_dir);
        let stream = UnixStream::connect(&path)
            .await
            .with_context(|| format!("no server responds at {}", path.display()))?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// The address under which clients reach the server, without a trailing slash.
    pub async fn public_url(&mut self) -> anyhow::Result<String> {
        self.call("/public-url", &()).await
    }

    /// Stores events through the server; returns how many were new.
    pub async fn append(&mut self, scope: EventScope, events: Vec<Event>) -> anyhow::Result<u64> {
        self.call("/append", &Append { scope, events }).await
    }

    /// Stores events of an export again; `None` when the server has no room now.
    pub async fn import(
        &mut self,
        scope: EventScope,
        events: Vec<Event>,
    ) -> anyhow::Result<Option<Appended>> {
        self.call("/import", &Append { scope, events }).await
    }

    /// Has the server copy its event store into a folder.
    pub async fn snapshot(&mut self, folder: &Path) -> anyhow::Result<Snapshot> {
        self.call("/snapshot", &folder).await
    }

    /// What rules would change of stored events.
    pub async fn rule_changes(
        &mut self,
        scope: EventScope,
        query: RuleChangesQuery,
    ) -> anyhow::Result<RuleChanges> {
        let RuleChangesQuery { range, rules } = query;
        let rules = rules.settings().cloned().unwrap_or_default();
        let call = RuleChangesCall { scope, from: range.from(), to: range.to(), rules };
        self.call("/rule-changes", &call).await
    }

    /// The progress of a re-classification; `None` before the server has begun it.
    pub async fn reclassification(
        &mut self,
        scope: EventScope,
        id: ReclassificationId,
    ) -> anyhow::Result<Option<ReclassifyReport>> {
        self.call("/reclassification", &(scope, id)).await
    }

    /// Has the server write down events; they are made while they are taken.
    pub async fn export(
        &mut self,
        scope: EventScope,
        range: TimeRange,
        format: RowFormat,
    ) -> anyhow::Result<Received> {
        let call = ExportCall { scope, from: range.from(), to: range.to(), format };
        Ok(Received(self.send("/export", &call).await?.into_body()))
    }

    async fn call<T: DeserializeOwned>(&mut self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        let response = self.send(path, body).await?;
        Ok(serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?)
    }

    /// Sends a call; a response that is no 200 is an error.
    async fn send(&mut self, path: &str, body: &impl Serialize) -> anyhow::Result<Response<Incoming>> {
        let request =
            Request::post(path).header("host", "localhost").header("content-type", "application/json");
        let request = request.body(Body::from(serde_json::to_vec(body)?))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        if status != StatusCode::OK {
            let response = response.into_body().collect().await?.to_bytes();
            anyhow::bail!(
                "the server refused ({status}); its log says why: {}",
                String::from_utf8_lossy(&response)
            );
        }
        Ok(response)
    }
}

/// A response that is still being made.
#[derive(Debug)]
pub struct Received(Incoming);

impl Received {
    /// The next bytes; `None` at the end, an error when the server broke off.
    pub async fn next(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        while let Some(frame) = self.0.frame().await {
            let frame = frame.context("the server broke off; its log says why")?;
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes.to_vec()));
            }
        }
        Ok(None)
    }
}
