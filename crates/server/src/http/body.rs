//! The body of a request, read within bounds: bytes, time and memory.
//!
//! Everything that comes off the wire is counted before it is kept, inflated bytes included, so
//! a bomb of any kind is refused after at most [`MAX_BODY`] bytes. Nothing is parsed here.

use std::io::Read;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use tokio::sync::OwnedSemaphorePermit;

use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::limits::Limits;

/// The most bytes of a body, also after decompression (contract, section 3).
pub const MAX_BODY: usize = 10 * 1024 * 1024;
/// How long a body may take to arrive.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);
/// How much is inflated before it is counted.
const INFLATE_STEP: usize = 64 * 1024;

/// A whole body as UTF-8 text; holds its share of the body budget until it is dropped.
#[derive(Debug)]
pub struct BodyText {
    /// The text.
    pub text: String,
    _memory: Option<OwnedSemaphorePermit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// Reads the body of a request that carries JSON.
pub async fn read(request: Request<Body>, limits: &Limits) -> ApiResult<BodyText> {
    read_at_most(request, limits, MAX_BODY).await
}

/// Like [`read`], for a route whose bodies are smaller: at most so many bytes.
pub async fn read_at_most(request: Request<Body>, limits: &Limits, most: usize) -> ApiResult<BodyText> {
    check_type(request.headers())?;
    let encoding = encoding(request.headers())?;
    let mut buffer = Buffer { limits, most, bytes: Vec::new(), memory: None };
    tokio::time::timeout(ARRIVES_WITHIN, receive(request.into_body(), &mut buffer))
        .await
        .map_err(|_| ApiError::new(ErrorCode::RequestTimeout))??;
    let buffer = match encoding {
        Encoding::Identity => buffer,
        Encoding::Gzip => inflate(flate2::read::MultiGzDecoder::new(&*buffer.bytes), limits, most)?,
        Encoding::Zstd => {
            let decoder = zstd::Decoder::with_buffer(&*buffer.bytes);
            let mut decoder = decoder.map_err(|error| not_inflated(&error))?;
            // A frame may ask for a window of any size; no body needs one above its own bound.
            decoder.window_log_max(24).map_err(|error| not_inflated(&error))?;
            inflate(decoder, limits, most)?
        }
    };
    let memory = buffer.memory;
    let text = String::from_utf8(buffer.bytes)
        .map_err(|_| ApiError::form(ErrorCode::InvalidPayload, "the body is not UTF-8 text"))?;
    Ok(BodyText { text, _memory: memory })
}

struct Buffer<'a> {
    limits: &'a Limits,
    most: usize,
    bytes: Vec<u8>,
    memory: Option<OwnedSemaphorePermit>,
}

impl Buffer<'_> {
    fn push(&mut self, bytes: &[u8]) -> ApiResult<()> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(ApiError::new(ErrorCode::PayloadTooLarge).detail("max_bytes", self.most));
        }
        let more = self.limits.body_memory(bytes.len())?;
        match &mut self.memory {
            Some(memory) => memory.merge(more),
            None => self.memory = Some(more),
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

async fn receive(mut body: Body, buffer: &mut Buffer<'_>) -> ApiResult<()> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ApiError::form(ErrorCode::InvalidPayload, "the body ended early").because(error)
        })?;
        if let Some(bytes) = frame.data_ref() {
            buffer.push(bytes)?;
        }
    }
    Ok(())
}

fn inflate(mut from: impl Read, limits: &Limits, most: usize) -> ApiResult<Buffer<'_>> {
    let mut out = Buffer { limits, most, bytes: Vec::new(), memory: None };
    let mut step = vec![0; INFLATE_STEP];
    loop {
        match from.read(&mut step) {
            Ok(0) => return Ok(out),
            Ok(read) => out.push(&step[..read])?,
            Err(error) => return Err(not_inflated(&error)),
        }
    }
}

fn not_inflated(error: &std::io::Error) -> ApiError {
    ApiError::form(ErrorCode::InvalidPayload, "the body is not what Content-Encoding says").because(error)
}

/// JSON as `application/json` or `text/plain` (which needs no preflight), or unnamed.
fn check_type(headers: &HeaderMap) -> ApiResult<()> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence =
        value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" | "text/plain" => Ok(()),
        _ => Err(ApiError::new(ErrorCode::UnsupportedMediaType)),
    }
}

fn encoding(headers: &HeaderMap) -> ApiResult<Encoding> {
    let named: Vec<_> = headers.get_all(CONTENT_ENCODING).iter().collect();
    let [one] = named[..] else {
        return if named.is_empty() {
            Ok(Encoding::Identity)
        } else {
            Err(ApiError::new(ErrorCode::UnsupportedMediaType))
        };
    };
    match one.to_str().unwrap_or("?").trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Encoding::Identity),
        "gzip" | "x-gzip" => Ok(Encoding::Gzip),
        "zstd" => Ok(Encoding::Zstd),
        _ => Err(ApiError::new(ErrorCode::UnsupportedMediaType)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RateLimit;
    use futures_util::stream;

    fn request(body: Body) -> Request<Body> {
        Request::builder().body(body).expect("a request without a head is valid")
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_arrive_is_not_waited_for() {
        let limits = Limits::new(RateLimit::Off, RateLimit::Off);
        let silent = stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let started = tokio::time::Instant::now();
        let refused = read(request(Body::from_stream(silent)), &limits).await.unwrap_err();
        assert_eq!((refused.code, started.elapsed()), (ErrorCode::RequestTimeout, ARRIVES_WITHIN));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_refused_and_its_memory_given_back() {
        let limits = Limits::new(RateLimit::Off, RateLimit::Off);
        let cut = stream::iter([Ok(vec![b'{'; 1 << 20]), Err(std::io::Error::other("reset"))]);
        let refused = read(request(Body::from_stream(cut)), &limits).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidPayload);
        assert!(limits.body_memory(96 << 20).is_ok(), "the whole budget is free");
    }
}
