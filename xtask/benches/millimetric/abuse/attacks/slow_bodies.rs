//! Slow bodies: up to 98 304 chunks of one byte and then silence, bodies at one byte a second, and bodies
//! that inflate to a multiple of what a body may be.
//!
//! Whatever the server sets aside for bodies is taken now, from one address and from many: a client that
//! is refused comes back with half as much, so that together they take all that there is.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Attacker, RETRY, all};
use crate::abuse::counts::Counters;
use crate::abuse::http::{Connection, Lost, PATIENCE, Response, addresses};
use crate::abuse::plan::Plan;
use crate::abuse::target::{ATTACKER, Target};

/// Chunks of one byte: as many as KiB were in the budget of all bodies that this once exhausted.
const CHUNKS: usize = 98_304;
const CHUNK: &[u8] = b"1\r\n \r\n";
/// A body that was kept for so long was not refused.
const HELD: Duration = Duration::from_secs(3);
/// Connections that send bodies that inflate.
const INFLATERS: usize = 4;
/// How long one of them waits between two.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest wait until the server takes what is written.
const WRITE_WITHIN: Duration = Duration::from_secs(10);

pub(super) async fn run(target: &Target, plan: &Plan, counters: &Counters) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    let chunks = Arc::new(CHUNK.repeat(CHUNKS));
    let spread = addresses().cycle();
    for (client, other) in (0..plan.slow_bodies).zip(spread) {
        // Every second one from the one address, the others from many.
        let from = if client % 2 == 0 { ATTACKER } else { other };
        let (target, counters) = (target.clone(), counters.clone());
        tasks.spawn(dribble(from, target.clone(), counters.clone(), Arc::clone(&chunks)));
        tasks.spawn(trickle(from, target, counters));
    }
    let bombs = Arc::new([gzip_bomb(plan.inflated_bytes)?, zstd_bomb(plan.inflated_bytes)?]);
    for _ in 0..INFLATERS {
        tasks.spawn(inflate(Attacker::new(ATTACKER, target, counters), Arc::clone(&bombs)));
    }
    all(tasks).await
}

/// Sends chunks of one byte, then nothing, and waits until the server ends it; again and again.
async fn dribble(
    from: Ipv4Addr,
    target: Target,
    counters: Counters,
    all: Arc<Vec<u8>>,
) -> anyhow::Result<()> {
    let head = slow_head(&target, "transfer-encoding", "chunked");
    let mut chunks = CHUNKS;
    loop {
        let begun = Instant::now();
        let sent = async {
            let mut connection = Connection::open(from, target.address).await?;
            // The server may refuse it before all is sent.
            let _ = timeout(WRITE_WITHIN, connection.stream.write_all(&head)).await;
            let part = &all[..chunks * CHUNK.len()];
            let _ = timeout(WRITE_WITHIN, connection.stream.write_all(part)).await;
            connection.exchange(&[], false, PATIENCE).await
        };
        finish(&counters, sent.await, "the chunks").await;
        let was_held = begun.elapsed() > HELD;
        chunks = if was_held || chunks == 1 { CHUNKS } else { chunks / 2 };
    }
}

/// Sends a body of 60 kB at one byte a second.
async fn trickle(from: Ipv4Addr, target: Target, counters: Counters) -> anyhow::Result<()> {
    loop {
        let head = slow_head(&target, "content-length", "60000");
        let sent = async {
            let mut connection = Connection::open(from, target.address).await?;
            let mut begun = connection.stream.write_all(&head).await;
            while begun.is_ok() {
                let byte = Duration::from_secs(1);
                match connection.exchange(b" ", false, byte).await {
                    Err(Lost::Late(_)) => begun = Ok(()),
                    done => return done,
                }
            }
            Err(Lost::Closed)
        };
        finish(&counters, sent.await, "the trickle").await;
    }
}

/// Counts what came of a slow body, and waits a little: so many clients would else only reconnect.
async fn finish(counters: &Counters, done: Result<(Response, Duration), Lost>, what: &str) {
    match done {
        // The body took that long, not the response.
        Ok((response, _)) => counters.response(&response, Duration::ZERO, || what.to_owned()),
        Err(lost) => counters.lost(&lost),
    }
    sleep(RETRY).await;
}

/// The head of an event from a page, with this header for the framing of its body.
fn slow_head(target: &Target, name: &str, value: &str) -> Vec<u8> {
    target.event_of_page("/v1/track", Vec::new()).header(name, value).bytes(target.address)
}

async fn inflate(mut attacker: Attacker, bombs: Arc<[(&'static str, Vec<u8>); 2]>) -> anyhow::Result<()> {
    for (encoding, body) in bombs.iter().cycle() {
        let draft = attacker.target.event_of_page("/v1/batch", body.clone());
        attacker.send(&draft.header("content-encoding", *encoding)).await;
        sleep(PAUSE).await;
    }
    Ok(())
}

fn gzip_bomb(bytes: usize) -> anyhow::Result<(&'static str, Vec<u8>)> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    write_blanks(&mut encoder, bytes)?;
    Ok(("gzip", encoder.finish()?))
}

fn zstd_bomb(bytes: usize) -> anyhow::Result<(&'static str, Vec<u8>)> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1)?;
    write_blanks(&mut encoder, bytes)?;
    Ok(("zstd", encoder.finish()?))
}

fn write_blanks(into: &mut impl std::io::Write, bytes: usize) -> std::io::Result<()> {
    let blanks = vec![b' '; 64 * 1024];
    (0..bytes.div_ceil(blanks.len())).try_for_each(|_| into.write_all(&blanks))
}
