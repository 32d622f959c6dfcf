//! The results as two tables: what attackers did and got, and what it cost everybody else.

use std::time::Duration;

use super::attacks::name;
use super::figures::{ClientFigures, READER_MILLIS, SENDER_MILLIS};
use super::plan::Plan;
use super::result::AttackResult;
use super::verdict::{MOST_MEGABYTES, NORMAL_WITHIN};
use crate::report::{Report, Table, shown};

/// Adds both tables and the plan's facts.
pub(crate) fn add(results: &[AttackResult], plan: &Plan, report: &mut Report) {
    report.add_fact("seed", plan.seed.to_string());
    report.add_table(attackers(results));
    report.add_table(others(results));
}

/// A line for those who wait.
pub(crate) fn summary(result: &AttackResult) -> String {
    let AttackResult { counts, figures, lasted, peak, .. } = result;
    let (requests, seconds) = (shown_count(counts.requests), lasted.as_secs_f64());
    let [sender, reader] = [figures.sender[1], figures.reader[1]].map(|part| shown(part.p99));
    format!(
        "{}: {requests} requests in {seconds:.0} s, the sender's p99 {sender} ms, the reader's {reader} ms, {} MB",
        name(result.attack),
        shown(*peak),
    )
}

fn attackers(results: &[AttackResult]) -> Table {
    let header = [
        "attack",
        "seconds",
        "requests",
        "2xx",
        "3xx",
        "4xx",
        "5xx",
        "without a response",
        "slowest response, s",
        "connections opened, closed by the server",
    ];
    let rows = results.iter().map(|result| {
        let counts = &result.counts;
        let count = |count: u64| shown_count(count);
        vec![
            name(result.attack).to_owned(),
            format!("{:.0}", result.lasted.as_secs_f64()),
            count(counts.requests),
            count(counts.class(2)),
            count(counts.class(3)),
            count(counts.class(4)),
            list(counts.refusals.iter().map(|(code, number)| format!("{} × {code}", count(*number)))),
            count(counts.lost.values().sum()),
            format!("{:.2}", counts.slowest.as_secs_f64()),
            match counts.opened {
                0 => "–".to_owned(),
                opened => format!("{}, {}", count(opened), count(counts.closed)),
            },
        ]
    });
    table("What attackers sent and got", &header, rows)
}

fn others(results: &[AttackResult]) -> Table {
    let header = [
        "attack",
        "sender's p50 before, during, after, ms",
        "sender's p99, ms",
        "sender's failures",
        "reader's p99, ms",
        "reader's failures",
        "normal after, s",
        "most memory, MB",
        "memory afterwards, MB",
        "stopped within, s",
    ];
    let rows = results.iter().map(|result| {
        let figures = &result.figures;
        vec![
            name(result.attack).to_owned(),
            three(&figures.sender, |part| part.median, f64::INFINITY),
            three(&figures.sender, |part| part.p99, SENDER_MILLIS),
            failures(&figures.sender),
            three(&figures.reader, |part| part.p99, READER_MILLIS),
            failures(&figures.reader),
            figures.normal_after.map_or_else(|| "**not**".to_owned(), seconds),
            bounded(result.peak, MOST_MEGABYTES),
            shown(result.afterwards),
            result.stopped.as_ref().map_or_else(|_| "**not**".to_owned(), |time| seconds_alone(*time)),
        ]
    });
    let goals = format!(
        "Normal clients of another project beside each attack, and the server. In bold: missed (p99 ≤ {} ms of the sender and ≤ {} ms of the reader, normal within {} s, {MOST_MEGABYTES:.0} MB)",
        shown(SENDER_MILLIS),
        shown(READER_MILLIS),
        NORMAL_WITHIN.as_secs(),
    );
    table(&goals, &header, rows)
}

fn table(title: &str, header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Table {
    let header = header.iter().map(|name| (*name).to_owned()).collect();
    Table { title: title.to_owned(), header, rows: rows.collect() }
}

/// Before, during, after; a missed bound is bold.
fn three(parts: &[ClientFigures; 3], figure: impl Fn(&ClientFigures) -> f64, most: f64) -> String {
    list(parts.iter().map(|part| bounded(figure(part), most)))
}

fn bounded(value: f64, most: f64) -> String {
    match value {
        value if value.is_nan() => "–".to_owned(),
        value if value > most => format!("**{}**", shown(value)),
        value => shown(value),
    }
}

fn failures(parts: &[ClientFigures; 3]) -> String {
    list(parts.iter().map(|part| part.failures.to_string()))
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    if items.is_empty() { "0".to_owned() } else { items.join(", ") }
}

fn seconds(time: Duration) -> String {
    bounded(time.as_secs_f64(), NORMAL_WITHIN.as_secs_f64())
}

fn seconds_alone(time: Duration) -> String {
    shown(time.as_secs_f64())
}

fn shown_count(count: u64) -> String {
    if count < 10 { count.to_string() } else { shown(count as f64) }
}
