//! One connection, from its first byte to its end: served by hyper, and closed when it reaches the
//! maximum age, is evicted, or the server stops.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::service::HttpService;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::connections::ConnectionState;
use super::socket::Socket;
use crate::limits::timeouts::Timeouts;

/// The most bytes of a request's head, and of what is read and written at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Why the server closed a connection before its client did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The head of a request did not arrive in time, or the connection was idle for too long.
    HeadTimeout,
    /// The client did not read.
    WriteTimeout,
    /// It reached the maximum age.
    Age,
    /// Another connection needed the state.
    Evicted,
}

impl Ended {
    /// The label in the metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::HeadTimeout => "head_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::Age => "age",
            Self::Evicted => "evicted",
        }
    }
}

/// Serves a stream to its end. Returns the reason if the server closed it. `stop` turns true when
/// the server stops: the response in flight is then the last one.
pub(super) async fn drive<S, H>(
    stream: S,
    service: H,
    state: Arc<ConnectionState>,
    timeouts: Timeouts,
    mut stop: watch::Receiver<bool>,
) -> Option<Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: HttpService<Incoming>,
    H::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    H::ResBody: 'static,
    <H::ResBody as Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut connection = pin!(
        hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(timeouts.head)
            .max_buf_size(BUFFER_BYTES)
            .serve_connection(TokioIo::new(Socket::new(stream, timeouts, Arc::clone(&state))), service)
    );
    let (mut ended, mut stops) = (None, false);
    let end = Instant::now() + timeouts.end;
    loop {
        tokio::select! {
            done = connection.as_mut() => {
                let failed = |error: hyper::Error| match error {
                    _ if state.has_timed_out() => Some(Ended::WriteTimeout),
                    error if error.is_timeout() => Some(Ended::HeadTimeout),
                    _ => None,
                };
                return ended.or(done.err().and_then(failed));
            }
            () = sleep_until(end) => return Some(Ended::Age),
            () = state.evicted(), if ended.is_none() => {
                ended = Some(Ended::Evicted);
                if state.waits_since().is_some() {
                    return ended;
                }
                // A request has just arrived on it: respond, then close.
            }
            _ = stop.wait_for(|stop| *stop), if !stops => stops = true,
        }
        connection.as_mut().graceful_shutdown();
    }
}

/// A request in flight, until this is dropped.
pub(super) struct InFlight(Arc<ConnectionState>);

impl InFlight {
    pub(super) fn begin(state: Arc<ConnectionState>) -> Self {
        state.mark_busy();
        Self(state)
    }

    /// How long its connection has been open.
    pub(super) fn age(&self) -> Duration {
        self.0.age()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.mark_idle();
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{Full, StreamBody};
    use hyper::body::{Bytes, Frame};
    use hyper::service::service_fn;
    use hyper::{Request, Response};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::task::JoinHandle;

    use super::*;

    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    struct Served {
        client: DuplexStream,
        state: Arc<ConnectionState>,
        stop: watch::Sender<bool>,
        server: JoinHandle<Option<Ended>>,
    }

    /// A connection whose responses take so long.
    fn served(delay: Duration) -> Served {
        let (client, stream) = duplex(BUFFER_BYTES);
        let (stop, stopped) = watch::channel(false);
        let state = Arc::new(ConnectionState::new(None));
        let service = service_fn(move |_: Request<Incoming>| async move {
            tokio::time::sleep(delay).await;
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"ok"))))
        });
        let driven = drive(stream, service, Arc::clone(&state), Timeouts::default(), stopped);
        Served { client, state, stop, server: tokio::spawn(driven) }
    }

    async fn response(client: &mut DuplexStream) -> String {
        let mut text = String::new();
        while !text.ends_with("ok") {
            let read = client.read_u8().await.expect("a response that ends with `ok`");
            text.push(char::from(read));
        }
        text
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_come_and_an_idle_connection_are_not_waited_for() {
        for sent in [&b""[..], b"GET", &[GET, b"GET / HTTP"].concat()] {
            let started = Instant::now();
            let mut served = served(Duration::ZERO);
            served.client.write_all(sent).await.unwrap();
            if sent.len() > GET.len() {
                response(&mut served.client).await;
            }
            assert_eq!(served.server.await.unwrap(), Some(Ended::HeadTimeout));
            assert_eq!(started.elapsed().as_secs(), 30);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_without_end_is_cut_off_at_last() {
        let (mut client, stream) = duplex(BUFFER_BYTES);
        let (_stop, stopped) = watch::channel(false);
        let service = service_fn(async |_: Request<Incoming>| {
            let drops = futures_util::stream::unfold((), async |()| {
                tokio::time::sleep(Duration::from_secs(10)).await;
                Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))), ()))
            });
            Ok::<_, Infallible>(Response::new(StreamBody::new(Box::pin(drops))))
        });
        let state = Arc::new(ConnectionState::new(None));
        let server = tokio::spawn(drive(stream, service, state, Timeouts::default(), stopped));
        client.write_all(GET).await.unwrap();
        let started = Instant::now();
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        assert_eq!((server.await.unwrap(), started.elapsed().as_secs()), (Some(Ended::Age), 2 * 60 * 60));
    }

    #[tokio::test(start_paused = true)]
    async fn an_evicted_connection_closes_at_once_unless_a_request_is_in_flight() {
        for sent in [&b""[..], GET, b"GET / HTT"] {
            let mut served = served(Duration::ZERO);
            served.client.write_all(sent).await.unwrap();
            if sent == GET {
                response(&mut served.client).await;
            }
            tokio::time::sleep(Duration::from_secs(3)).await;
            let started = Instant::now();
            served.state.evict();
            assert_eq!(served.server.await.unwrap(), Some(Ended::Evicted));
            assert_eq!(started.elapsed(), Duration::ZERO);
        }
        let mut served = served(Duration::from_secs(5));
        served.client.write_all(GET).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        served.state.mark_busy();
        served.state.evict();
        assert!(response(&mut served.client).await.contains("connection: close"));
        assert_eq!(served.server.await.unwrap(), Some(Ended::Evicted));
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_server_stops_the_response_in_flight_is_the_last() {
        let mut served = served(Duration::from_secs(5));
        served.client.write_all(GET).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        served.stop.send(true).unwrap();
        assert!(response(&mut served.client).await.contains("connection: close"));
        assert_eq!(served.server.await.unwrap(), None);
        let idle = self::served(Duration::ZERO);
        idle.stop.send(true).unwrap();
        assert_eq!(idle.server.await.unwrap(), None);
    }
}
