//! The listener: connections in, with bounds on their number and patience, and a graceful end.
//!
//! Knows nothing of routes. Slow or silent clients lose their connection; a request that was
//! accepted is finished.

mod connection;
mod connections;
mod drain_body;
mod framing;
mod socket;
mod turns;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper::{Request, Response};
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt as _;

use self::connection::{InFlight, drive};
use self::connections::{Connections, Slot};
use self::drain_body::ReadToEnd;
use self::turns::Turns;
use crate::client_info::Peer;
use crate::limits::network;
use crate::state::App;
use crate::telemetry::Reason;

/// The most bytes of responses that wait in the system for a client to read, beside those in transit.
/// Without a bound the system takes megabytes for each connection, and the server goes on to work on
/// requests of clients that never read.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 128 * 1024;

/// How long requests may take to finish once the server is asked to stop.
pub const FINISH_WITHIN: Duration = Duration::from_secs(5);

/// Serves until `stop` resolves, then finishes what is under way, for [`FINISH_WITHIN`] at most.
pub async fn serve(listener: TcpListener, app: Arc<App>, router: Router, stop: impl Future<Output = ()>) {
    let connections = Connections::new(app.settings.network.connections_per_address.get());
    let turns = Turns::new();
    let (stopping, stopped) = watch::channel(false);
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            () = &mut stop => break,
        };
        let address = counted_address(&app, peer);
        let (app, router, turns) = (Arc::clone(&app), router.clone(), Arc::clone(&turns));
        let accepted = Accepted { stream, peer, app, router, turns };
        let stopped = stopped.clone();
        if let Some(taken) = connections.try_take(address) {
            tokio::spawn(accepted.serve(taken, stopped));
            continue;
        }
        // A connection that waits for a slot does not delay the accepting of others.
        let connections = Arc::clone(&connections);
        let place = match address {
            Some(address) => connections.wait(address).map(Some),
            None => Some(None),
        };
        let Some(place) = place else {
            accepted.count_refused();
            continue;
        };
        tokio::spawn(async move {
            let taken = connections.take(address).await;
            drop(place);
            match taken {
                Some(taken) => accepted.serve(taken, stopped).await,
                None => accepted.count_refused(),
            }
        });
    }
    drop(listener);
    stopping.send_replace(true);
    if tokio::time::timeout(FINISH_WITHIN, connections.all_closed()).await.is_err() {
        tracing::warn!("some requests did not finish in time and were cut off");
    }
}

/// The next connection.
async fn accept(listener: &TcpListener, connections: &Connections) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                // Usually out of file handles: retry as soon as a connection closes.
                tracing::error!(%error, "a connection could not be accepted");
                connections.make_room();
                connections.one_closed().await;
            }
        }
    }
}

/// The address whose share a connection counts against; none for a trusted proxy.
fn counted_address(app: &App, peer: SocketAddr) -> Option<IpAddr> {
    let address = peer.ip().to_canonical();
    let trusted = app.settings.network.trusted_proxies.iter().any(|block| block.contains(&address));
    (!trusted).then(|| network(address))
}

/// A connection that was accepted.
struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
    app: Arc<App>,
    router: Router,
    turns: Arc<Turns>,
}

impl Accepted {
    /// Serves it until it ends.
    async fn serve(self, taken: Slot, stopped: watch::Receiver<bool>) {
        let Self { stream, peer, app, router, turns } = self;
        // Responses are small and whole: waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES);
        let _open = Open::counted(app.metrics.connections_open.clone());
        let (state, bodies) = (Arc::clone(&taken.state), Arc::clone(&app));
        let timeouts = app.limits.timeouts;
        let service = service_fn(move |mut request: Request<Incoming>| {
            let pipelined = state.is_pipelined();
            let in_flight = InFlight::begin(Arc::clone(&state));
            request.extensions_mut().insert(Peer(peer));
            let request = request.map(|body| Body::new(ReadToEnd::new(body, Arc::clone(&bodies))));
            let (router, turns) = (router.clone(), Arc::clone(&turns));
            async move {
                let turn = turns.take(network(peer.ip()), pipelined).await;
                let mut responding = pin!(router.oneshot(request));
                // A turn ends when the response is there, or has to wait for something.
                let ready = futures_util::poll!(responding.as_mut());
                drop(turn);
                let mut response: Response<Body> = match ready {
                    Poll::Ready(response) => response?,
                    Poll::Pending => responding.await?,
                };
                // Announced in a response, so that no request is lost to the closing connection.
                if in_flight.age() >= timeouts.age {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response.map(|body| Tracked { body, _in_flight: in_flight }))
            }
        });
        let ended = drive(stream, service, Arc::clone(&taken.state), timeouts, stopped).await;
        if let Some(ended) = ended {
            app.metrics.connections_closed.get_or_create(&Reason { reason: ended.as_str() }).inc();
        }
    }

    /// Ends it, since its address has too many.
    fn count_refused(self) {
        self.app.metrics.connections_refused.get_or_create(&Reason { reason: "address" }).inc();
    }
}

/// Counts among the open connections until it is dropped.
struct Open(Gauge);

impl Open {
    fn counted(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The body of a response. Its request is in flight until this is dropped.
struct Tracked {
    body: Body,
    _in_flight: InFlight,
}

impl hyper::body::Body for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
