//! What must not happen, whatever is sent. Times fail a run only where the plan says so.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::attacks::name;
use super::http::{Connection, Draft, PATIENCE};
use super::normal::{ADDRESS, Record};
use super::normal_event;
use super::plan::Plan;
use super::result::{AttackResult, Outcome};
use super::target::Site;

/// The most resident memory of a server with its default settings, in MB: 1 GiB.
pub(crate) const MOST_MEGABYTES: f64 = 1073.7;
/// How soon everything has to be back to normal after an attack.
pub(crate) const NORMAL_WITHIN: Duration = Duration::from_secs(5);
/// The longest time until a server ends after SIGTERM.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Every offence of all attacks, one line each.
pub(crate) fn offences(results: &[AttackResult], plan: &Plan) -> Vec<String> {
    let of_one = |result: &AttackResult| {
        let mut offences = of_the_server(result);
        offences.extend(of_responses(result, plan));
        let named = |offence: String| format!("{}: {offence}", name(result.attack));
        offences.into_iter().map(named).collect::<Vec<_>>()
    };
    results.iter().flat_map(of_one).collect()
}

fn of_the_server(result: &AttackResult) -> Vec<String> {
    let mut offences = Vec::new();
    if result.panics > 0 {
        offences.push(format!("{} panics in the log", result.panics));
    }
    if !result.alive {
        offences.push("the server ended by itself".to_owned());
    }
    match result.outcome {
        Outcome::TooLarge => offences.push("ended early: the server became too large".to_owned()),
        Outcome::Slow => offences.push("the requests took longer than an hour".to_owned()),
        Outcome::Whole | Outcome::Ended => {}
    }
    if result.peak > MOST_MEGABYTES {
        offences.push(format!("{:.0} MB of memory, above {MOST_MEGABYTES:.0}", result.peak));
    }
    match &result.stopped {
        Ok(time) if *time <= STOP_WITHIN => {}
        Ok(time) => offences.push(format!("it took {:.1} s to stop", time.as_secs_f64())),
        Err(why) => offences.push(why.clone()),
    }
    offences
}

fn of_responses(result: &AttackResult, plan: &Plan) -> Vec<String> {
    let mut offences = Vec::new();
    let failed = server_errors(&result.observed.sender);
    if let Some(first) = failed.first() {
        offences.push(format!("the normal sender got {} 5xx, first {first}", failed.len()));
    }
    if result.counts.offences > 0 {
        let examples = result.counts.reported.join("\n  ");
        offences.push(format!("{} responses that must not be, like\n  {examples}", result.counts.offences));
    }
    let late = result.figures.normal_after.is_none_or(|after| after > NORMAL_WITHIN);
    if late && plan.timed {
        offences.push(format!("not back to normal within {} s", NORMAL_WITHIN.as_secs()));
    }
    offences
}

/// The failures of a client whose status is 5xx.
pub(crate) fn server_errors(record: &Record) -> Vec<&str> {
    let errors = record.failures.iter().filter(|failure| failure.status.is_some_and(|status| status >= 500));
    errors.map(|failure| failure.what.as_str()).collect()
}

/// Asks a new server over the same folder for the normal sender's events: each that was acknowledged has to
/// be there once, and those that never were may be there.
pub(crate) async fn events_that_are_not_there(
    binary: &Path,
    site: &Site,
    results: &[AttackResult],
) -> anyhow::Result<Vec<String>> {
    let server = site.start(binary).await?;
    let query = "/v1/stats?group_by=event_name&limit=1000&from=2000-01-01&to=2100-01-01";
    let query = Draft::get(query).key(&site.normal.read).bytes(server.address);
    let mut connection = Connection::open(ADDRESS, server.address).await?;
    let (response, _) = connection.exchange(&query, false, PATIENCE).await?;
    let body: Value = serde_json::from_slice(&response.body).context("no JSON")?;
    let rows = body["rows"].as_array().with_context(|| format!("no rows: {body}"))?;
    let mut wrong = Vec::new();
    for result in results {
        let event = normal_event(result.attack);
        let row = rows.iter().find(|row| row["event_name"] == event.as_str());
        let stored = row.and_then(|row| row["value"].as_u64()).unwrap_or(0);
        let least = result.observed.acknowledged;
        let most = least + result.observed.unresolved;
        if stored < least || stored > most {
            wrong.push(format!(
                "{}: {least} events were acknowledged, {stored} are stored",
                name(result.attack)
            ));
        }
    }
    server.stop().await?;
    Ok(wrong)
}
