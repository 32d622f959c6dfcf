//! Connections by hand: bytes as no client library would send them, from any loopback address.
//! Nothing here asserts what a story is about.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Instance, PATIENCE};

/// A connection whose reads give up after [`PATIENCE`].
pub(crate) fn connect(server: &Instance) -> TcpStream {
    patient(TcpStream::connect(address(server)).unwrap())
}

/// A connection from one of the many addresses that a machine has for itself, as `127.0.0.9`.
pub(crate) fn connect_from(server: &Instance, source: &str) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(source.parse().unwrap(), 0)).unwrap();
        socket.connect(address(server)).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    patient(stream)
}

fn address(server: &Instance) -> SocketAddr {
    let authority = server.url.trim_start_matches("http://");
    authority.replace("localhost", "127.0.0.1").parse().unwrap()
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes and reads until the server closes; the request should say `connection: close`.
pub(crate) fn exchange(server: &Instance, bytes: impl AsRef<[u8]>) -> Heard {
    let mut stream = connect(server);
    stream.write_all(bytes.as_ref()).unwrap();
    Heard::to_the_end(&mut stream)
}

/// What a server sent until it closed.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) text: String,
}

impl Heard {
    /// Reads until the other side closes; a reset counts as the end.
    pub(crate) fn to_the_end(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        if let Err(error) = stream.read_to_end(&mut bytes) {
            let timed_out = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            assert!(!timed_out, "the server kept the connection open for {PATIENCE:?}");
        }
        Self { text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// The status of the first response; 0 when there was none.
    pub(crate) fn status(&self) -> u16 {
        self.text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// The body of the last response.
    pub(crate) fn json(&self) -> Value {
        let body = self.text.rsplit("\r\n\r\n").next().unwrap_or_default();
        serde_json::from_str(body).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// Status and code of an error, for one assertion.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status(), self.json()["error"].as_str().unwrap_or_default().to_owned())
    }
}

/// Reads one response whose head has its length, and leaves the connection open.
pub(crate) fn response(stream: &mut TcpStream) -> Heard {
    let mut bytes = Vec::new();
    let mut step = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Heard { text };
            }
        }
        match stream.read(&mut step) {
            Ok(0) => panic!("closed in the middle of a response: {text:?}"),
            Ok(read) => bytes.extend_from_slice(&step[..read]),
            Err(error) => panic!("no response: {error}"),
        }
    }
}

/// Whether the other side has closed, seen without waiting.
pub(crate) fn is_closed(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    match peeked {
        Ok(read) => read == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

/// Writes as much as is taken before nothing is for so long, and never reads; the number of bytes.
pub(crate) fn write_while_taken(stream: &mut TcpStream, bytes: &[u8], most: usize, pause: Duration) -> usize {
    stream.set_write_timeout(Some(pause)).unwrap();
    let mut taken = 0;
    while taken < most {
        match stream.write(&bytes[taken % bytes.len()..]) {
            Ok(written) => taken += written,
            Err(_) => break,
        }
    }
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    taken
}
