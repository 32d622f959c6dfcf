//! The listener: connections in, with bounds on their number and patience, and a graceful end.
//!
//! Knows nothing of routes. Slow or silent clients lose their connection; a request that was
//! accepted is finished.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt as _;

use super::unread::ReadToEnd;
use crate::app::App;
use crate::caller::Peer;

/// Connections open at once; more wait in the system's queue.
const CONNECTIONS: usize = 8192;
/// How long the head of a request may take, and a connection may be silent between two.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// The most bytes of a request's head.
const HEAD_BYTES: usize = 64 * 1024;
/// How long requests may take to finish once the server is told to stop.
pub const FINISH_WITHIN: Duration = Duration::from_secs(5);

/// Serves until `stop` resolves, then finishes what is under way, for [`FINISH_WITHIN`] at most.
pub async fn serve(listener: TcpListener, app: Arc<App>, router: Router, stop: impl Future<Output = ()>) {
    let open = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &open) => accepted,
            () = &mut stop => break,
        };
        if let Some((stream, place)) = accepted {
            connect(stream, place, &app, &router, &graceful);
        }
    }
    drop(listener);
    if tokio::time::timeout(FINISH_WITHIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time and were cut off");
    }
}

async fn accept(listener: &TcpListener, open: &Arc<Semaphore>) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(open).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            // Out of file handles, mostly: wait for connections to close instead of spinning.
            tracing::error!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

fn connect(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    app: &Arc<App>,
    router: &Router,
    graceful: &GracefulShutdown,
) {
    let Ok(peer) = stream.peer_addr() else { return };
    // Answers are small and whole: waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let (app, router) = (Arc::clone(app), router.clone());
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let request = request.map(|body| Body::new(ReadToEnd::new(body, Arc::clone(&app))));
        let router = router.clone();
        async move {
            let response: Response<_> = router.oneshot(request).await?;
            Ok::<_, Infallible>(response)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        // A client that breaks off is its own business.
        let _ = connection.await;
        drop(place);
    });
}
