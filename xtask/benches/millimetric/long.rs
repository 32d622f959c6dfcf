//! One long run: batches as fast as they are answered, and the questions of a dashboard beside
//! them, told by the minute. Speed and memory have to stay where they are while the data grow.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::ingest::{BATCHES, requests};
use crate::load;
use crate::machine::now;
use crate::memory::{peak_megabytes, resident_megabytes};
use crate::questions::{Asker, Days, QUESTIONS};
use crate::report::{Report, Table, percentile, shown};
use crate::requests::Request;
use crate::server::Server;

const MINUTE: Duration = Duration::from_mins(1);
/// The days that the questions are about: all of the data lie in them.
const DAYS: i64 = 3;

/// Adds a row for each minute.
pub(crate) async fn measure(binary: &Path, minutes: u64, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(binary, &[]).await?;
    let tomorrow = now().plus_millis(86_400_000).to_string();
    let days = Days::before(&tomorrow[..10], DAYS)?;
    let (mut events, mut rows) = (0, Vec::new());
    for minute in 1..=minutes {
        eprintln!("minute {minute} of {minutes}, {} events so far", shown(events as f64));
        let make = |events: &[_]| Request::batch(server.address, &server.secret_key, events);
        let sent = load::run(server.address, requests(&BATCHES, make), MINUTE);
        let (sent, times) = tokio::join!(sent, ask(&server, &days, MINUTE));
        let (sent, times) = (sent?, times?);
        events += sent.events;
        let figures = [
            events as f64,
            sent.events_per_second(),
            sent.percentile_millis(0.99),
            times.len() as f64,
            percentile(&times, 0.50),
            percentile(&times, 0.99),
            resident_megabytes(server.process())?,
            peak_megabytes(server.process())?,
        ];
        rows.push([minute.to_string()].into_iter().chain(figures.map(shown)).collect());
    }
    let stored = server.stored_events().await?;
    ensure!(stored == events, "acknowledged {events} events, but the server holds {stored}");
    server.stop().await?;
    let header = [
        "minute",
        "events held",
        "events/s",
        "p99 of a batch, ms",
        "questions",
        "p50 of a question, ms",
        "p99 of a question, ms",
        "resident memory, MB",
        "highest so far, MB",
    ];
    report.add_table(Table {
        title: "Batches over 8 connections, and questions one after the other beside them".to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows,
    });
    Ok(())
}

/// Milliseconds of each question, asked in turn for so long, in order of length.
async fn ask(server: &Server, days: &Days, duration: Duration) -> anyhow::Result<Vec<f64>> {
    let mut asker = Asker::connect(server.address, &server.read_key).await?;
    let (begin, mut times) = (Instant::now(), Vec::new());
    for question in QUESTIONS.iter().cycle() {
        if begin.elapsed() >= duration {
            break;
        }
        let path = format!("{}?{}", question.route(), question.query(days));
        let answer = asker.ask(&path).await.with_context(|| format!("{path} beside the ingest"))?;
        times.push(answer.millis);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}
