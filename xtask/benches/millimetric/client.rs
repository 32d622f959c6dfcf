//! One HTTP/1.1 connection that is kept open, made by hand so that it costs next to nothing.
//!
//! Understands what the server under test sends: a status line, headers with a Content-Length, a
//! body. Anything else is an error, never a guess.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest wait for a response.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Connects; small requests are sent at once.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(4096) })
    }

    /// Sends a whole request and reads the whole response: its status and its body.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<(u16, &[u8])> {
        timeout(PATIENCE, self.exchange_patiently(request)).await.context("no response in 30 s")?
    }

    /// A query with a key, over a connection of its own.
    pub(crate) async fn get(
        address: SocketAddr,
        path: &str,
        key: Option<&str>,
    ) -> anyhow::Result<(u16, String)> {
        let authorization = key.map_or_else(String::new, |key| format!("authorization: Bearer {key}\r\n"));
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{authorization}\r\n");
        let mut connection = Self::open(address).await?;
        let (status, body) = connection.exchange(request.as_bytes()).await?;
        Ok((status, String::from_utf8_lossy(body).into_owned()))
    }

    /// Sends JSON with a key, over a connection of its own.
    pub(crate) async fn post(
        address: SocketAddr,
        path: &str,
        key: &str,
        body: &str,
    ) -> anyhow::Result<(u16, String)> {
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let mut connection = Self::open(address).await?;
        let (status, body) = connection.exchange(request.as_bytes()).await?;
        Ok((status, String::from_utf8_lossy(body).into_owned()))
    }

    async fn exchange_patiently(&mut self, request: &[u8]) -> anyhow::Result<(u16, &[u8])> {
        self.stream.write_all(request).await?;
        self.received.clear();
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                bail!("the server closed the connection");
            }
            if let Some((status, body)) = parse_head(&self.received)? {
                while self.received.len() < body.end {
                    if self.stream.read_buf(&mut self.received).await? == 0 {
                        bail!("the server closed the connection within a response");
                    }
                }
                return Ok((status, &self.received[body]));
            }
        }
    }
}

/// The status and where the body lies; `None` while the head is not whole.
fn parse_head(received: &[u8]) -> anyhow::Result<Option<(u16, std::ops::Range<usize>)>> {
    let Some(head) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&received[..head]).context("the response's head is no text")?;
    let status = text.get(9..12).and_then(|code| code.parse().ok()).context("the response has no status")?;
    let headers = text.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = headers.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = lengths.next().context("the response has no Content-Length")?;
    let length: usize = length.trim().parse().context("the Content-Length is no number")?;
    Ok(Some((status, head + 4..head + 4 + length)))
}
