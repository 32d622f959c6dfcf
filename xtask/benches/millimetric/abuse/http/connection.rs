//! A connection from a chosen loopback address, with a deadline for everything.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::Lost;
use super::response::{Framing, Response, parse_chunk};

/// The longest wait for a response unless a caller says otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
/// The longest wait for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The most bytes of a body that are read: what is longer is a stream of events, whose rest is left.
const MOST_BODY: usize = 4 * 1024 * 1024;
/// How long a stream is read once its head is there; a live view has no end.
const STREAM_WITHIN: Duration = Duration::from_secs(1);

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    received: Vec<u8>,
    /// Requests that were answered on it.
    answered: u64,
}

/// 38 loopback addresses that neither one attacker's address nor the normal clients' are among.
pub(crate) fn addresses() -> impl Iterator<Item = Ipv4Addr> + Clone {
    (3..=40).map(|last| Ipv4Addr::new(127, 0, 0, last))
}

impl Connection {
    /// Connects from an address of this machine.
    pub(crate) async fn open(from: Ipv4Addr, to: SocketAddr) -> Result<Self, Lost> {
        Self::open_with(from, to, |_| Ok(())).await
    }

    /// The same, and the socket is prepared before.
    pub(crate) async fn open_with(
        from: Ipv4Addr,
        to: SocketAddr,
        prepare: impl Fn(&TcpSocket) -> std::io::Result<()>,
    ) -> Result<Self, Lost> {
        let connect = async {
            let socket = TcpSocket::new_v4()?;
            // Many connections come and go: without these two the ports would run out.
            socket.set_reuseaddr(true)?;
            socket.set_zero_linger()?;
            socket.bind(SocketAddr::from((from, 0)))?;
            socket.set_nodelay(true)?;
            prepare(&socket)?;
            socket.connect(to).await
        };
        match timeout(CONNECT_WITHIN, connect).await {
            Ok(Ok(stream)) => Ok(Self { stream, received: Vec::with_capacity(1024), answered: 0 }),
            Ok(Err(error)) => Err(Lost::Connect(error.to_string())),
            Err(_) => Err(Lost::Connect(format!("not within {CONNECT_WITHIN:?}"))),
        }
    }

    /// Whether a request was answered on it before: the server may close such a one at any moment, and
    /// whoever then gets no response repeats the request on a new one.
    pub(crate) fn was_used(&self) -> bool {
        self.answered > 0
    }

    /// Sends a request and reads the response, within a time; also how long the response's head took, or
    /// the whole of it where it says its length.
    pub(crate) async fn exchange(
        &mut self,
        request: &[u8],
        is_head: bool,
        within: Duration,
    ) -> Result<(Response, Duration), Lost> {
        let begin = Instant::now();
        let exchange = async {
            // A server that refuses a request by its head may stop reading: the response counts.
            let sent = self.stream.write_all(request).await;
            match self.response(is_head, begin).await {
                Err(Lost::Closed) if sent.is_err() => Err(Lost::Closed),
                done => done,
            }
        };
        let done = timeout(within, exchange).await.unwrap_or(Err(Lost::Late(within)));
        self.answered += u64::from(done.is_ok());
        done
    }

    /// Sends a request and reads the response, except a body that does not say its length: it is left to
    /// whoever reads the stream.
    pub(crate) async fn begin(&mut self, request: &[u8], within: Duration) -> Result<Response, Lost> {
        let begin = async {
            self.stream.write_all(request).await.map_err(|_| Lost::Closed)?;
            let mut response = self.head().await?;
            if let Framing::Length(length) = response.framing()? {
                response.body = self.known_body(length).await?;
            }
            Ok(response)
        };
        timeout(within, begin).await.unwrap_or(Err(Lost::Late(within)))
    }

    /// Reads the next response.
    async fn response(&mut self, is_head: bool, begin: Instant) -> Result<(Response, Duration), Lost> {
        let mut response = self.head().await?;
        response.to_head = is_head;
        let waited = begin.elapsed();
        match response.framing()? {
            Framing::Length(length) if length > MOST_BODY => response.reusable = false,
            Framing::Length(length) => {
                response.body = self.known_body(length).await?;
                return Ok((response, begin.elapsed()));
            }
            framing => {
                let stream = timeout(STREAM_WITHIN, self.stream_into(&mut response.body, framing));
                let whole = matches!(stream.await, Ok(Ok(())));
                response.reusable &= whole && framing == Framing::Chunked;
            }
        }
        Ok((response, waited))
    }

    async fn head(&mut self) -> Result<Response, Lost> {
        loop {
            if let Some((response, head)) = Response::parse_head(&self.received)? {
                self.received.drain(..head);
                return Ok(response);
            }
            self.more().await?;
        }
    }

    async fn known_body(&mut self, length: usize) -> Result<Vec<u8>, Lost> {
        while self.received.len() < length {
            self.more().await?;
        }
        Ok(self.received.drain(..length).collect())
    }

    /// Reads a body of unknown length to its end, or as far as [`MOST_BODY`].
    async fn stream_into(&mut self, body: &mut Vec<u8>, framing: Framing) -> Result<(), Lost> {
        while body.len() < MOST_BODY {
            if framing == Framing::Close {
                body.append(&mut self.received);
                if matches!(self.more().await, Err(Lost::Closed)) {
                    return Ok(());
                }
                continue;
            }
            match parse_chunk(&self.received)? {
                Some((data, end)) => {
                    let last = data.is_empty();
                    body.extend_from_slice(&self.received[data]);
                    self.received.drain(..end);
                    if last {
                        return Ok(());
                    }
                }
                None => self.more().await?,
            }
        }
        Err(Lost::Closed)
    }

    async fn more(&mut self) -> Result<(), Lost> {
        match self.stream.read_buf(&mut self.received).await {
            Ok(0) | Err(_) => Err(Lost::Closed),
            Ok(_) => Ok(()),
        }
    }
}
