//! What bodies may take: bytes, time, memory.

use std::time::Duration;

use axum::http::HeaderValue;
use futures_util::{StreamExt as _, stream};
use millimetric_core::ids::ProjectId;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const MIB: usize = 1 << 20;

fn source() -> Source {
    Source { traffic: Traffic::Servers(ProjectId::new(Uuid::nil())), address: None }
}

fn request(body: Body) -> Request<Body> {
    Request::builder().body(body).expect("a request without a head is valid")
}

fn encoded(encoding: &'static str, body: impl Into<Body>) -> Request<Body> {
    let mut request = request(body.into());
    request.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    request
}

/// A body of pieces, each after so much silence.
fn slowly(pieces: impl Iterator<Item = (Duration, usize)> + Send + 'static) -> Request<Body> {
    let pieces = stream::iter(pieces).then(async |(silence, bytes)| {
        tokio::time::sleep(silence).await;
        Ok::<_, std::io::Error>(vec![b' '; bytes])
    });
    request(Body::from_stream(pieces))
}

async fn code(limits: &Limits, request: Request<Body>, most: usize) -> Option<ErrorCode> {
    match receive(request, limits, source(), most).await {
        Ok(received) => received.parse(limits, |_| Ok(())).await.err().map(|error| error.code),
        Err(error) => Some(error.code),
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_not_waited_for() {
    type Pieces = Box<dyn Iterator<Item = (Duration, usize)> + Send>;
    let (limits, second) = (Limits::for_tests(), Duration::from_secs(1));
    let silent = Duration::from_hours(1);
    let cases: [(&str, Pieces, Option<u64>); 8] = [
        ("silent from the start", Box::new(std::iter::once((silent, 1))), Some(5)),
        ("silent after a burst", Box::new([(Duration::ZERO, MIB), (silent, 1)].into_iter()), Some(5)),
        (
            "silent after many one-byte frames",
            Box::new(std::iter::repeat_n((Duration::ZERO, 1), 98_304).chain([(silent, 1)])),
            Some(5),
        ),
        ("a byte a second", Box::new(std::iter::repeat((second, 1))), Some(5)),
        ("half of the rate", Box::new(std::iter::repeat((second, 512))), Some(9)),
        ("just above the rate, for ever", Box::new(std::iter::repeat((second, 1100))), Some(30)),
        ("slow, but whole in time", Box::new(std::iter::repeat_n((second, 2048), 20)), None),
        ("late, but at once", Box::new(std::iter::once((4 * second, MIB))), None),
    ];
    for (name, pieces, refused_after) in cases {
        let started = Instant::now();
        let refused = code(&limits, slowly(pieces), 10 * MIB).await;
        let after = refused.is_some().then(|| started.elapsed().as_secs());
        assert_eq!(after, refused_after, "{name}");
        assert_eq!(refused, refused_after.map(|_| ErrorCode::RequestTimeout), "{name}");
        assert_eq!(limits.body_bytes(), 0, "{name}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_refused_and_its_memory_given_back() {
    let limits = Limits::for_tests();
    let cut = stream::iter([Ok(vec![b'{'; MIB]), Err(std::io::Error::other("reset"))]);
    let refused = code(&limits, request(Body::from_stream(cut)), 10 * MIB).await;
    assert_eq!((refused, limits.body_bytes()), (Some(ErrorCode::InvalidPayload), 0));
}

#[tokio::test]
async fn memory_set_aside_is_what_a_body_takes() {
    let limits = Limits::for_tests();
    for (frames, bytes) in [(1, 10), (98_304, 1), (1, 10 * MIB), (160, 65_536), (20_000, 100)] {
        let pieces = stream::iter((0..frames).map(move |_| Ok::<_, std::io::Error>(vec![b' '; bytes])));
        let received =
            receive(request(Body::from_stream(pieces)), &limits, source(), 10 * MIB).await.unwrap();
        let (sum, held) = (frames * bytes, limits.body_bytes());
        assert_eq!(held, received.buffer.bytes.capacity());
        assert!(held >= sum && held <= (2 * sum).clamp(FIRST_STEP, 10 * MIB), "{held} for {sum}");
        let parsed = received.parse(&limits, |text| Ok(text.len())).await.unwrap();
        assert_eq!((parsed.value, limits.body_bytes()), (sum, held));
        drop(parsed);
        assert_eq!(limits.body_bytes(), 0);
    }
}

#[tokio::test]
async fn a_declared_length_beyond_the_bound_is_refused_unread() {
    let limits = Limits::for_tests();
    let body = vec![b' '; MAX_SMALL_BODY + 1];
    let refused = receive(request(Body::from(body)), &limits, source(), MAX_SMALL_BODY).await.unwrap_err();
    assert_eq!((refused.code, &refused.details["max_bytes"]), (ErrorCode::PayloadTooLarge, &65_536.into()));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    flate2::read::GzEncoder::new(bytes, flate2::Compression::best()).read_to_end(&mut packed).unwrap();
    packed
}

#[tokio::test]
async fn a_bomb_takes_no_more_than_the_bound() {
    let limits = Limits::for_tests();
    let zeros = vec![b' '; 64 * MIB];
    // Many members in a row, each small.
    let chain = gzip(&zeros[..MAX_SMALL_BODY]).repeat(200);
    for (encoding, bomb) in
        [("gzip", gzip(&zeros)), ("gzip", chain), ("zstd", zstd::encode_all(&*zeros, 19).unwrap())]
    {
        let refused = code(&limits, encoded(encoding, bomb.clone()), 10 * MIB).await;
        assert_eq!((refused, limits.body_bytes()), (Some(ErrorCode::PayloadTooLarge), 0), "{encoding}");
    }
    // A frame header that asks for a window of 128 MiB.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00];
    let refused = code(&limits, encoded("zstd", window.to_vec()), 10 * MIB).await;
    assert_eq!(refused, Some(ErrorCode::InvalidPayload));
}

#[tokio::test]
async fn a_batch_of_the_largest_size_fits_into_a_share_compressed_too() {
    let limits = Limits::for_tests();
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        b'0' + (state >> 60) as u8
    });
    let noise: Vec<u8> = noise.take(10 * MIB).collect();
    for (encoding, packed) in [("gzip", gzip(&noise)), ("zstd", zstd::encode_all(&*noise, 1).unwrap())] {
        assert_eq!(code(&limits, encoded(encoding, packed), 10 * MIB).await, None, "{encoding}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_panic_and_memory_comes_back(encoding in 0..3_usize, bytes in proptest::collection::vec(any::<u8>(), 0..400), flip in any::<usize>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let limits = Limits::for_tests();
        let encoding = ["gzip", "zstd", "identity"][encoding];
        // What is nearly right gets further than noise does.
        let mut packed = match encoding {
            "gzip" => gzip(&bytes),
            "zstd" => zstd::encode_all(&*bytes, 1).unwrap(),
            _ => bytes,
        };
        if let Some(at) = flip.checked_rem(packed.len()) {
            packed[at] ^= 1 << (flip % 8);
        }
        let _ = runtime.block_on(code(&limits, encoded(encoding, packed), MAX_SMALL_BODY));
        prop_assert_eq!(limits.body_bytes(), 0);
    }
}
