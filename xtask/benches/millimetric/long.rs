//! Long runs: batches as fast as they are answered, first alone, then beside the queries of a
//! dashboard, reported per minute. Speed and memory have to stay where they are while the data grow.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;

use crate::ingest::{BATCHES, requests};
use crate::load;
use crate::machine::now;
use crate::memory::{peak_megabytes, resident_megabytes};
use crate::queries::{Days, ask_in_turn};
use crate::report::{Report, Table, percentile, shown};
use crate::requests::Request;
use crate::server::Server;

const MINUTE: Duration = Duration::from_mins(1);
/// The days that the queries are about: all of the data lie in them.
const DAYS: i64 = 3;
const OF_BATCHES: [&str; 6] =
    ["minute", "events held", "events/s", "p99 of a batch, ms", "resident memory, MB", "highest so far, MB"];
const OF_QUERIES: [&str; 3] = ["queries", "p50 of a query, ms", "p99 of a query, ms"];

/// Adds two tables with a row for each minute.
pub(crate) async fn measure(binary: &Path, minutes: u64, report: &mut Report) -> anyhow::Result<()> {
    let cases = [("nothing else", false), ("queries one after the other beside them", true)];
    for (beside, asking) in cases {
        let header = OF_BATCHES.into_iter().chain(OF_QUERIES.into_iter().filter(|_| asking));
        report.add_table(Table {
            title: format!("Batches over 8 connections, and {beside}"),
            header: header.map(str::to_owned).collect(),
            rows: by_minute(binary, minutes, asking).await?,
        });
    }
    Ok(())
}

async fn by_minute(binary: &Path, minutes: u64, asking: bool) -> anyhow::Result<Vec<Vec<String>>> {
    let server = Server::start(binary, &[]).await?;
    let tomorrow = now().plus_millis(86_400_000).to_string();
    let days = Days::before(&tomorrow[..10], DAYS)?;
    let (mut events, mut rows) = (0, Vec::new());
    for minute in 1..=minutes {
        eprintln!("minute {minute} of {minutes}, {} events so far", shown(events as f64));
        let make = |events: &[_]| Request::batch(server.address, &server.secret_key, events);
        let sent = load::run(server.address, requests(&BATCHES, make), MINUTE);
        let asked = if asking { MINUTE } else { Duration::ZERO };
        let (sent, times) = tokio::join!(sent, ask_in_turn(&server, &days, asked));
        let (sent, times) = (sent?, times?);
        events += sent.events;
        let of_batches = [
            events as f64,
            sent.events_per_second(),
            sent.percentile_millis(0.99),
            resident_megabytes(server.process())?,
            peak_megabytes(server.process())?,
        ];
        let of_questions = [times.len() as f64, percentile(&times, 0.50), percentile(&times, 0.99)];
        let figures = of_batches.into_iter().chain(of_questions.into_iter().filter(|_| asking)).map(shown);
        rows.push([minute.to_string()].into_iter().chain(figures).collect());
    }
    let stored = server.stored_events().await?;
    ensure!(stored == events, "acknowledged {events} events, but the server holds {stored}");
    server.stop().await?;
    Ok(rows)
}
