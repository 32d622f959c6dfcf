//! The normal sender: 20 events a second over one connection, each with its own id and repeated until it
//! is acknowledged, as the contract says that it may be.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use super::super::http::Draft;
use super::{KeptOpen, Record, Sample, Stop};

/// One event each.
const EVERY: Duration = Duration::from_millis(50);
/// The longest wait for one response.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most events that wait to be sent again.
const MOST_WAITING: usize = 2000;

/// An event that is not acknowledged yet.
struct Waiting {
    due: Instant,
    request: Vec<u8>,
    tried: bool,
}

/// Sends until it is stopped: the record, the events acknowledged, and those tried without that.
pub(super) async fn send(server: SocketAddr, key: &str, event: &str, mut stop: Stop) -> (Record, u64, u64) {
    let (mut record, mut connection) = (Record::default(), KeptOpen::new(server));
    let mut waiting: VecDeque<Waiting> = VecDeque::new();
    let mut ticks = interval(EVERY);
    // What was due while a response was waited for is due at its own time all the same.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0_u64.. {
        let Some(due) = stop.or(ticks.tick()).await else { break };
        if waiting.len() < MOST_WAITING {
            let request = track(server, key, event, number);
            waiting.push_back(Waiting { due: due.into_std(), request, tried: false });
        }
        while let Some(first) = waiting.front_mut() {
            first.tried = true;
            let Some(done) = stop.or(connection.exchange(&first.request, PATIENCE)).await else { break };
            if !record.note(first.due, 202, done) {
                break;
            }
            waiting.pop_front();
        }
    }
    let acknowledged = record.samples.len() as u64;
    let unresolved = waiting.iter().filter(|event| event.tried).count() as u64;
    record.samples.extend(waiting.iter().map(|event| Sample { due: event.due, done: None }));
    (record, acknowledged, unresolved)
}

fn track(server: SocketAddr, key: &str, event: &str, number: u64) -> Vec<u8> {
    let visitor = number % 97;
    let body = format!(
        r#"{{"event":"{event}","event_id":"{event}-{number}","anonymous_id":"visitor-{visitor}","url":"https://site.example/page-{visitor}?utm_source=newsletter&utm_medium=email"}}"#
    );
    Draft::post("/v1/track", body).key(key).bytes(server)
}
