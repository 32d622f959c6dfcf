//! The body of a request, read within bounds: bytes, time and memory.
//!
//! Everything that comes off the wire is counted before it is kept, inflated bytes included, so
//! a bomb of any kind is refused after at most as many bytes as the route takes. Large and
//! compressed bodies are inflated and parsed off the async runtime.

pub mod stream;

use std::io::Read;
use std::net::{IpAddr, Ipv6Addr};

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::time::{Instant, timeout_at};

use crate::error::{ApiError, ApiResult, ErrorCode};
use crate::limits::timeouts::Timeouts;
use crate::limits::{BodyMemory, Limits, Traffic};

/// The most bytes of a batch, also after decompression (contract, section 3): 10 MiB.
pub const MAX_BATCH_BODY: usize = 10 * 1024 * 1024;
/// The most bytes where one event, one person or one message is the whole body, also after
/// decompression: 64 KiB. The largest event that is valid takes 40 KB of UTF-8.
pub const MAX_SMALL_BODY: usize = 64 * 1024;
/// The most bytes of a project's rules in JSON: the texts of rules take at most 64 KiB.
pub const MAX_RULES_BODY: usize = 256 * 1024;
/// Memory that a body begins with.
const FIRST_STEP: usize = 1024;
/// How much is inflated before it is counted.
const INFLATE_STEP: usize = 64 * 1024;
/// The largest window of a zstd frame, as a power of two: 16 MiB, more than any body has.
const ZSTD_WINDOW_LOG: u32 = 24;

/// The sender of a body, whose shares of memory bound it.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// The kind of key and the project.
    pub traffic: Traffic,
    /// The client's address, if known.
    pub address: Option<IpAddr>,
}

impl Source {
    /// The sender of a body that has the key in it: all of them share the memory of one project.
    pub const fn unidentified(address: Option<IpAddr>) -> Self {
        Self { traffic: Traffic::Unidentified, address }
    }
}

/// A body as it was sent.
#[derive(Debug)]
pub struct Received {
    buffer: Buffer,
    encoding: Encoding,
}

/// A parsed body; holds its memory reservation until it is dropped.
#[derive(Debug)]
pub struct Parsed<T> {
    /// The parsed value.
    pub value: T,
    _memory: BodyMemory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// Receives the body of a request that carries JSON: at most so many bytes.
pub async fn receive(
    request: Request<Body>,
    limits: &Limits,
    from: Source,
    most: usize,
) -> ApiResult<Received> {
    check_type(request.headers())?;
    let encoding = encoding(request.headers())?;
    let address = from.address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    let mut buffer = Buffer::new(limits.body_memory(from.traffic, address), most);
    let body = request.into_body();
    if body.size_hint().lower() > most as u64 {
        return Err(buffer.too_large());
    }
    arrive(body, &mut buffer, limits.timeouts).await?;
    Ok(Received { buffer, encoding })
}

impl Received {
    /// Inflates and reads the text, which may begin with a byte order mark.
    pub async fn parse<T: Send + 'static>(
        self,
        limits: &Limits,
        read: impl FnOnce(&str) -> ApiResult<T> + Send + 'static,
    ) -> ApiResult<Parsed<T>> {
        let small = self.encoding == Encoding::Identity && self.buffer.bytes.len() <= MAX_SMALL_BODY;
        let work = move || {
            let Buffer { bytes, memory, .. } = self.inflate()?;
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| ApiError::form(ErrorCode::InvalidPayload, "the body is not UTF-8 text"))?;
            let value = read(text.strip_prefix('\u{feff}').unwrap_or(text))?;
            // The parsed value takes about as much as the text: keep the reservation.
            Ok(Parsed { value, _memory: memory })
        };
        if small { work() } else { limits.heavy.run(work).await? }
    }

    fn inflate(self) -> ApiResult<Buffer> {
        let Buffer { bytes, memory, most } = self.buffer;
        match self.encoding {
            Encoding::Identity => Ok(Buffer { bytes, memory, most }),
            Encoding::Gzip => inflate(flate2::read::MultiGzDecoder::new(&*bytes), memory, most),
            Encoding::Zstd => {
                let mut decoder =
                    zstd::Decoder::with_buffer(&*bytes).map_err(|error| not_inflated(&error))?;
                // A frame may request a window of any size. The number of concurrent decoders is
                // bounded by `heavy`.
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|error| not_inflated(&error))?;
                inflate(decoder, memory, most)
            }
        }
    }
}

/// Bytes whose capacity is reserved.
#[derive(Debug)]
struct Buffer {
    bytes: Vec<u8>,
    memory: BodyMemory,
    most: usize,
}

impl Buffer {
    const fn new(memory: BodyMemory, most: usize) -> Self {
        Self { bytes: Vec::new(), memory, most }
    }

    /// Appends bytes. Reserves at most twice as much memory as is needed.
    fn push(&mut self, more: &[u8]) -> ApiResult<()> {
        let needed = self.bytes.len() + more.len();
        if needed > self.most {
            return Err(self.too_large());
        }
        let capacity = self.bytes.capacity();
        if needed > capacity {
            let wanted = needed.max(2 * capacity).max(FIRST_STEP).min(self.most);
            self.memory.grow(wanted - capacity)?;
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    fn too_large(&self) -> ApiError {
        ApiError::new(ErrorCode::PayloadTooLarge).detail("max_bytes", self.most)
    }
}

async fn arrive(mut body: Body, buffer: &mut Buffer, timeouts: Timeouts) -> ApiResult<()> {
    let mut pace = Pace::begin(timeouts);
    loop {
        let frame = timeout_at(pace.deadline(), body.frame())
            .await
            .map_err(|_| ApiError::new(ErrorCode::RequestTimeout))?;
        let Some(frame) = frame else { return Ok(()) };
        let frame = frame.map_err(|error| {
            ApiError::form(ErrorCode::InvalidPayload, "the body ended early").because(error)
        })?;
        if let Some(bytes) = frame.data_ref() {
            buffer.push(bytes)?;
            pace.received(bytes.len())?;
        }
    }
}

/// Progress of a body: longest pause, minimum average rate, total time.
struct Pace {
    timeouts: Timeouts,
    began: Instant,
    last: Instant,
    bytes: usize,
}

impl Pace {
    fn begin(timeouts: Timeouts) -> Self {
        let now = Instant::now();
        Self { timeouts, began: now, last: now, bytes: 0 }
    }

    /// When the next frame must have arrived.
    fn deadline(&self) -> Instant {
        (self.last + self.timeouts.body_silence).min(self.end())
    }

    /// When the bytes so far are too few.
    fn end(&self) -> Instant {
        let earned = Timeouts::at_rate(self.bytes, self.timeouts.body_rate);
        self.began + (self.timeouts.body_silence + earned).min(self.timeouts.body)
    }

    fn received(&mut self, bytes: usize) -> ApiResult<()> {
        self.bytes += bytes;
        self.last = Instant::now();
        // `timeout_at` never fires while frames are ready, so check here too.
        if self.last > self.end() { Err(ApiError::new(ErrorCode::RequestTimeout)) } else { Ok(()) }
    }
}

/// Inflates; the reservation of the compressed bytes is kept.
fn inflate(mut from: impl Read, memory: BodyMemory, most: usize) -> ApiResult<Buffer> {
    let mut out = Buffer::new(memory, most);
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
    let mut named = headers.get_all(CONTENT_ENCODING).iter();
    let (Some(one), None) = (named.next(), named.next()) else {
        return if headers.contains_key(CONTENT_ENCODING) {
            Err(ApiError::new(ErrorCode::UnsupportedMediaType))
        } else {
            Ok(Encoding::Identity)
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
#[path = "body/tests.rs"]
mod tests;
