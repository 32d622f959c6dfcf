//! Bodies that nobody read: a request refused by its head alone still gets its response.
//!
//! A client that is busy sending sees a broken connection when the server stops reading, and
//! never the response. So the rest of a body that is dropped is read and thrown away, within
//! bounds of bytes, time and number. Nothing of it is kept.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, timeout_at};

use crate::body::MAX_BATCH_BODY;
use crate::limits::timeouts::Timeouts;
use crate::state::App;

/// A request's body that is read to its end even when it is dropped.
pub(super) struct ReadToEnd {
    body: Option<Incoming>,
    app: Arc<App>,
}

impl ReadToEnd {
    pub(super) const fn new(body: Incoming, app: Arc<App>) -> Self {
        Self { body: Some(body), app }
    }
}

impl Body for ReadToEnd {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for ReadToEnd {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else { return };
        // Without a slot the connection closes with the response, which such a client may miss.
        let Some(slot) = self.app.limits.drain_slot() else { return };
        let timeouts = self.app.limits.timeouts;
        tokio::spawn(async move {
            throw_away(body, timeouts).await;
            drop(slot);
        });
    }
}

/// Reads until the body ends, is too long, too slow or silent.
async fn throw_away<B: Body<Data = Bytes> + Unpin>(mut body: B, timeouts: Timeouts) {
    let (mut left, end) = (MAX_BATCH_BODY, Instant::now() + timeouts.drain);
    loop {
        let deadline = end.min(Instant::now() + timeouts.drain_silence);
        let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await else { return };
        let read = frame.data_ref().map_or(0, Bytes::len);
        if read > left || Instant::now() > end {
            return;
        }
        left -= read;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::{StreamExt as _, stream};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_rest_is_read_for_a_bounded_time() {
        let timeouts = Timeouts::default();
        for (every, pieces, given_up_after) in
            [(0, 10, 0), (3000, 10, 1000), (900, 1000, 5000), (900, 3, 2700)]
        {
            let pieces = stream::iter(std::iter::repeat_n(every, pieces)).then(async |every| {
                tokio::time::sleep(Duration::from_millis(every)).await;
                Ok::<_, std::io::Error>(vec![b' '; 100])
            });
            let started = Instant::now();
            throw_away(axum::body::Body::from_stream(pieces), timeouts).await;
            assert_eq!(started.elapsed().as_millis(), given_up_after, "a piece every {every} ms");
        }
    }

    #[tokio::test]
    async fn the_rest_is_read_up_to_the_longest_body() {
        let read = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = Arc::clone(&read);
        let pieces = stream::repeat_with(move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok::<_, std::io::Error>(vec![b' '; 1 << 20])
        });
        throw_away(axum::body::Body::from_stream(pieces), Timeouts::default()).await;
        assert_eq!(read.load(std::sync::atomic::Ordering::Relaxed), (MAX_BATCH_BODY >> 20) + 1);
    }
}
