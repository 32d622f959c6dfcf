//! The way from the command line to a running server: a socket in the data folder that only the
//! folder's owner can open. Commands that need the event store use it while the server holds it.
//!
//! Never reachable over the network; whoever can open the file owns the data anyway.

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
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use millimetric_core::event::{Event, EventScope};
use millimetric_events::Snapshot;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixStream};

use crate::app::App;
use crate::error::{ApiError, ApiResult, ErrorCode};

/// The most bytes of one call.
const MAX_CALL: usize = 64 * 1024 * 1024;

/// Finished events for one scope, as `POST /append` takes them.
#[derive(Debug, Serialize, Deserialize)]
struct Append {
    scope: EventScope,
    events: Vec<Event>,
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
        .route("/append", post(append))
        .route("/snapshot", post(snapshot))
        .layer(DefaultBodyLimit::max(MAX_CALL))
        .with_state(Arc::clone(app));
    Ok(async move {
        let _ = axum::serve(listener, router).await;
    })
}

async fn append(State(app): State<Arc<App>>, body: Bytes) -> ApiResult<Json<u64>> {
    let Append { scope, events } = serde_json::from_slice(&body)
        .map_err(|error| ApiError::new(ErrorCode::InvalidPayload).because(error))?;
    Ok(Json(app.events.append(scope, events).await?.stored))
}

async fn snapshot(State(app): State<Arc<App>>, Json(folder): Json<PathBuf>) -> Response {
    match app.events.snapshot(&folder).await {
        Ok(snapshot) => Json(snapshot).into_response(),
        Err(error) => {
            tracing::error!(%error, "a backup failed");
            (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
        }
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
            .with_context(|| format!("no server answers at {}", path.display()))?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Stores events through the server; answers how many were new.
    pub async fn append(&mut self, scope: EventScope, events: Vec<Event>) -> anyhow::Result<u64> {
        self.call("/append", &Append { scope, events }).await
    }

    /// Has the server copy its event store into a folder.
    pub async fn snapshot(&mut self, folder: &Path) -> anyhow::Result<Snapshot> {
        self.call("/snapshot", &folder).await
    }

    async fn call<T: DeserializeOwned>(&mut self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        let request =
            Request::post(path).header("host", "localhost").header("content-type", "application/json");
        let request = request.body(Body::from(serde_json::to_vec(body)?))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let answer = response.into_body().collect().await?.to_bytes();
        anyhow::ensure!(
            status == StatusCode::OK,
            "the server refused ({status}); its log says why: {}",
            String::from_utf8_lossy(&answer)
        );
        Ok(serde_json::from_slice(&answer)?)
    }
}
