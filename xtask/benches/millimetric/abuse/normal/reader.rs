//! The normal reader: two queries a second, each over a connection of its own, so that it notices when
//! nobody gets in any more.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use super::super::http::Draft;
use super::{KeptOpen, Record, Sample, Stop};
use crate::machine::now;

/// One query each.
const EVERY: Duration = Duration::from_millis(500);
/// The longest wait for one response.
const PATIENCE: Duration = Duration::from_secs(40);

/// Reads until it is stopped.
pub(super) async fn read(server: SocketAddr, key: &str, mut stop: Stop) -> Record {
    let day = now().plus_millis(-86_400_000);
    let queries = [
        format!("/v1/stats?group_by=source&from={day}&to=2100-01-01"),
        format!("/v1/stats?interval=hour&from={day}&to={}", now().plus_millis(86_400_000)),
    ];
    let queries = queries.map(|query| Draft::get(query).key(key).bytes(server));
    let mut record = Record::default();
    let mut ticks = interval(EVERY);
    // Somebody who waits for a response does not ask again meanwhile.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for query in queries.iter().cycle() {
        if stop.or(ticks.tick()).await.is_none() {
            break;
        }
        let due = Instant::now();
        let mut connection = KeptOpen::new(server);
        let Some(done) = stop.or(connection.exchange(query, PATIENCE)).await else {
            record.samples.push(Sample { due, done: None });
            break;
        };
        record.note(due, 200, done);
    }
    record
}
