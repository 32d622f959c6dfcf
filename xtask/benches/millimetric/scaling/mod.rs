//! `bench scaling`: what events cost in ClickHouse (bytes on disk, time and processor time of an insert, parts and
//! merges), and with that a simulation of the batcher at rates up to ten billion events a day.
//!
//! Stores through the event store of the server, without HTTP.

mod batcher;
mod filled;
mod source;

use millimetric_test_servers::ClickHouse;

use self::batcher::{Load, simulate};
use self::filled::{Filled, GroupCost};
use crate::random::Random;
use crate::report::{Report, Table, shown};

/// Events of a request in the simulation: what a server or an SDK sends at once.
const EVENTS_PER_REQUEST: u32 = 50;
/// Simulated time, in seconds.
const SIMULATED_SECONDS: f64 = 300.0;
/// Events a day, and how many servers store them.
const LOADS: [(f64, u32); 10] = [
    (10e6, 2),
    (100e6, 2),
    (1e9, 2),
    (1e9, 4),
    (2.5e9, 4),
    (5e9, 8),
    (10e9, 8),
    (10e9, 16),
    (10e9, 32),
    (20e9, 32),
];
const SECONDS_PER_DAY: f64 = 86_400.0;

/// Measures, and simulates with what was measured.
pub(crate) async fn measure(events: u64, report: &mut Report) -> anyhow::Result<()> {
    let node = ClickHouse::start()?;
    let mut filled = Filled::new(&node, events).await?;
    report.add_fact("ClickHouse", filled.version()?);
    eprintln!("storing groups in an empty table");
    report.add_table(costs_table("an empty table", &filled.costs().await?));
    eprintln!("storing {events} events");
    filled.fill(events, report).await?;
    eprintln!("storing groups beside them");
    let costs = filled.costs().await?;
    report.add_table(costs_table(&format!("a table of {} events", shown(events as f64)), &costs));
    eprintln!("storing small groups all the time");
    filled.store_small_groups(report).await?;
    eprintln!("reading sizes");
    filled.sizes(report)?;
    eprintln!("simulating");
    report.add_table(simulated(&costs));
    Ok(())
}

fn costs_table(place: &str, costs: &[GroupCost]) -> Table {
    let rows = costs.iter().map(|cost| {
        let events_per_second = f64::from(cost.events) / cost.millis * 1000.0;
        vec![
            cost.events.to_string(),
            shown(cost.millis),
            shown(cost.processor_millis),
            shown(events_per_second),
        ]
    });
    Table {
        title: format!("Groups stored one after the other in {place}"),
        header: ["events of a group", "ms, median", "processor time of ClickHouse, ms, mean", "events/s"]
            .map(str::to_owned)
            .to_vec(),
        rows: rows.collect(),
    }
}

fn simulated(costs: &[GroupCost]) -> Table {
    let mut random = Random::new(1);
    let rows = LOADS.map(|(events_per_day, servers)| {
        let events_per_second = events_per_day / SECONDS_PER_DAY;
        let load = Load {
            events_per_second: events_per_second / f64::from(servers),
            events_per_request: EVENTS_PER_REQUEST,
        };
        let mut row = vec![shown(events_per_day / 1e6), shown(events_per_second), servers.to_string()];
        match simulate(&load, costs, SIMULATED_SECONDS, &mut random) {
            Some(outcome) => {
                let inserts = outcome.groups_per_second * f64::from(servers);
                let cores = inserts * outcome.processor_millis / 1000.0;
                row.extend([
                    shown(outcome.events_per_group),
                    shown(inserts),
                    shown(outcome.median_wait * 1000.0),
                    shown(outcome.long_wait * 1000.0),
                    shown(cores),
                ]);
            }
            None => row.extend(
                ["the servers do not keep up"; 1]
                    .map(str::to_owned)
                    .into_iter()
                    .chain(std::iter::repeat_n("–".to_owned(), 4)),
            ),
        }
        row
    });
    Table {
        title: format!("Simulated: requests of {EVENTS_PER_REQUEST} events"),
        header: [
            "million events a day",
            "events/s",
            "servers",
            "events of an insert",
            "inserts/s, and parts/s of each shard",
            "wait of a request, ms, median",
            "99 of 100 within, ms",
            "cores of ClickHouse",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: rows.to_vec(),
    }
}
