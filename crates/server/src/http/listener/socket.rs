//! The stream of a connection, with two checks that hyper leaves out: a write timeout for clients
//! that do not read their responses, and strict heads ([`super::framing`]).
//!
//! Knows nothing of requests.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::connections::ConnectionState;
use super::framing::Framing;
use crate::limits::timeouts::Timeouts;

/// A stream whose writes fail with [`io::ErrorKind::TimedOut`] if its client does not read.
pub(super) struct Socket<S> {
    stream: S,
    framing: Framing,
    patience: Patience,
    timer: Option<Pin<Box<Sleep>>>,
    state: Arc<ConnectionState>,
}

impl<S> Socket<S> {
    pub(super) fn new(stream: S, timeouts: Timeouts, state: Arc<ConnectionState>) -> Self {
        let patience = Patience::new(timeouts.write, timeouts.read_rate, Instant::now());
        Self { stream, framing: Framing::default(), patience, timer: None, state }
    }

    /// Accounts for the result of a write.
    fn written(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                self.patience.taken(bytes, Instant::now());
                self.state.mark_read();
                self.timer = None;
            }
            Poll::Pending => {
                let now = Instant::now();
                let deadline = self.patience.wait(now);
                self.state.mark_unread();
                if deadline > now {
                    let timer =
                        self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
                    // A timer that is set again and again never fires.
                    if timer.deadline() != deadline {
                        timer.as_mut().reset(deadline);
                    }
                    ready!(timer.as_mut().poll(cx));
                }
                self.state.mark_timed_out();
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Ready(Err(_)) => {}
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.framing.check(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// How long the server waits for a client to read: a leaky bucket of time. Waiting drains it; each
/// byte written refills it at the minimum rate, and so does time without waiting.
#[derive(Debug)]
struct Patience {
    left: Duration,
    most: Duration,
    rate: u32,
    waits: bool,
    as_of: Instant,
}

impl Patience {
    const fn new(most: Duration, rate: u32, now: Instant) -> Self {
        Self { left: most, most, rate, waits: false, as_of: now }
    }

    /// So many bytes were written.
    fn taken(&mut self, bytes: usize, now: Instant) {
        self.settle(now);
        self.waits = false;
        self.left = self.most.min(self.left + Timeouts::at_rate(bytes, self.rate));
    }

    /// Nothing can be written. Returns the deadline.
    fn wait(&mut self, now: Instant) -> Instant {
        self.settle(now);
        self.waits = true;
        now + self.left
    }

    fn settle(&mut self, now: Instant) {
        let passed = now - self.as_of;
        self.left =
            if self.waits { self.left.saturating_sub(passed) } else { self.most.min(self.left + passed) };
        self.as_of = now;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::http::listener::connections::ConnectionState;

    /// Writes for ever; in how many seconds that fails.
    async fn given_up_after(mut socket: Socket<impl AsyncWrite + Unpin>) -> u64 {
        let started = Instant::now();
        loop {
            if let Err(error) = socket.write_all(&[0; 8192]).await {
                assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                return started.elapsed().as_secs();
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_given_up() {
        let (near, _far) = tokio::io::duplex(64 * 1024);
        let socket = Socket::new(near, Timeouts::default(), Arc::new(ConnectionState::new(None)));
        assert_eq!(given_up_after(socket).await, 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_must_read_fast_enough_on_average() {
        // Bytes that a client takes every second, and for how long it is served.
        for (every_second, served_for) in [(1, 20..21), (1024, 25..29), (3072, 70..90)] {
            let (near, mut far) = tokio::io::duplex(16 * 1024);
            tokio::spawn(async move {
                let mut taken = vec![0; every_second];
                while far.read_exact(&mut taken).await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            });
            let socket = Socket::new(near, Timeouts::default(), Arc::new(ConnectionState::new(None)));
            let served = given_up_after(socket).await;
            assert!(served_for.contains(&served), "{every_second} bytes a second: served for {served} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_is_tried_again_and_again_fails_in_time_too() {
        let (near, _far) = tokio::io::duplex(1024);
        let socket = Socket::new(near, Timeouts::default(), Arc::new(ConnectionState::new(None)));
        let mut writing = std::pin::pin!(given_up_after(socket));
        let mut tries = tokio::time::interval(Duration::from_micros(700));
        let served = loop {
            tokio::select! {
                served = &mut writing => break served,
                _ = tries.tick() => {}
            }
        };
        assert_eq!(served, 20);
    }

    #[test]
    fn patience_comes_back_when_nothing_waits() {
        let (second, start) = (Duration::from_secs(1), Instant::now());
        let mut patience = Patience::new(20 * second, 4096, start);
        assert_eq!(patience.wait(start), start + 20 * second);
        patience.taken(4096, start + 10 * second);
        assert_eq!(patience.left, 11 * second);
        assert_eq!(patience.wait(start + 14 * second), start + 29 * second);
        patience.taken(1 << 30, start + 20 * second);
        assert_eq!(patience.left, 20 * second);
    }
}
