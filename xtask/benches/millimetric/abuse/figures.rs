//! What the normal clients' records say: their times before, during and after an attack, and when
//! everything was back to normal.

use std::time::{Duration, Instant};

use super::normal::{Failure, Observed, Record};
use crate::report::percentile;

/// What a normal client's response may take (p99), in milliseconds: the sender's and the reader's.
pub(crate) const SENDER_MILLIS: f64 = 100.0;
/// See [`SENDER_MILLIS`].
pub(crate) const READER_MILLIS: f64 = 1000.0;
/// How long everything has to be normal without interruption to count as normal again.
const CALM: Duration = Duration::from_secs(1);

/// The times between the parts of an observation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// The attack began.
    pub(crate) begun: Instant,
    /// The attack ended: its last connection is closed.
    pub(crate) ended: Instant,
    /// The time for recovering is over.
    pub(crate) recovered: Instant,
    /// The observation ended.
    pub(crate) last: Instant,
}

/// One client's figures of one part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientFigures {
    /// Milliseconds; not a number without any request.
    pub(crate) median: f64,
    /// See `median`.
    pub(crate) p99: f64,
    /// Tries that failed.
    pub(crate) failures: usize,
}

/// Both clients' figures.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    /// Before, during, after.
    pub(crate) sender: [ClientFigures; 3],
    /// See `sender`.
    pub(crate) reader: [ClientFigures; 3],
    /// From the end of the attack; `None`: not while it was observed.
    pub(crate) normal_after: Option<Duration>,
}

impl Figures {
    /// Of what both clients saw.
    pub(crate) fn of(observed: &Observed, times: Times) -> Self {
        Self {
            sender: parts(&observed.sender, times),
            reader: parts(&observed.reader, times),
            normal_after: normal_after(observed, times),
        }
    }
}

/// What was due before, during and after; what is due while the server recovers belongs to none.
fn parts(record: &Record, times: Times) -> [ClientFigures; 3] {
    let Times { begun, ended, recovered, last } = times;
    let first = record.samples.iter().map(|sample| sample.due).min().unwrap_or(begun);
    [(first, begun), (begun, ended), (recovered, last)].map(|(from, to)| {
        let within = |due: Instant| due >= from && due < to;
        let samples = record.samples.iter().filter(|sample| within(sample.due));
        let mut millis: Vec<f64> =
            samples.map(|sample| millis_between(sample.due, sample.done.unwrap_or(last))).collect();
        millis.sort_by(f64::total_cmp);
        let failures = record.failures.iter().filter(|failure| within(failure.at)).count();
        ClientFigures { median: percentile(&millis, 0.5), p99: percentile(&millis, 0.99), failures }
    })
}

/// The first moment after the attack from which on a second was normal: no failure, and no request on its
/// way for longer than it may be.
fn normal_after(observed: &Observed, times: Times) -> Option<Duration> {
    let mut abnormal = abnormal(&observed.sender, SENDER_MILLIS, times.last);
    abnormal.extend(self::abnormal(&observed.reader, READER_MILLIS, times.last));
    let ends = abnormal.iter().map(|(_, end)| *end).filter(|end| *end > times.ended);
    let mut candidates: Vec<Instant> = ends.chain([times.ended]).collect();
    candidates.sort();
    let calm = |begin: Instant| {
        begin + CALM <= times.last && !abnormal.iter().any(|(from, to)| *from < begin + CALM && *to > begin)
    };
    candidates.into_iter().find(|begin| calm(*begin)).map(|begin| begin - times.ended)
}

/// When a client was not served as it should be: from where a request was late until it succeeded, and
/// from where one was due until it failed.
fn abnormal(record: &Record, most_millis: f64, last: Instant) -> Vec<(Instant, Instant)> {
    let most = Duration::from_secs_f64(most_millis / 1000.0);
    let late = record.samples.iter().filter_map(|sample| {
        let done = sample.done.unwrap_or(last);
        (done > sample.due + most).then_some((sample.due + most, done))
    });
    let failed = record.failures.iter().map(|Failure { due, at, .. }| (*due, *at + Duration::from_millis(1)));
    late.chain(failed).collect()
}

fn millis_between(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1000.0
}
