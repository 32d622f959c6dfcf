//! The name flood: with a public key and within its limits, batches whose every event brings new names,
//! while ten readers ask for the names.
//!
//! Whatever grows with the number of distinct names that a stranger sends grows now.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Attacker, all};
use crate::abuse::counts::Counters;
use crate::abuse::http::Draft;
use crate::abuse::plan::Plan;
use crate::abuse::target::{ATTACKER, Target};

/// Connections that send batches.
const SENDERS: usize = 4;
/// Connections that ask.
const READERS: usize = 10;
/// How long a sender waits after a 429 or 503.
const REFUSED: Duration = Duration::from_millis(200);

pub(super) async fn run(target: &Target, plan: &Plan, counters: &Counters) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    let next = Arc::new(AtomicU64::new(0));
    for _ in 0..SENDERS {
        tasks.spawn(send(Attacker::new(ATTACKER, target, counters), plan.clone(), Arc::clone(&next)));
    }
    for turn in 0..READERS {
        tasks.spawn(ask(Attacker::new(ATTACKER, target, counters), turn));
    }
    all(tasks).await
}

/// Sends batches as long as there are some left, each until it is stored.
async fn send(mut attacker: Attacker, plan: Plan, next: Arc<AtomicU64>) -> anyhow::Result<()> {
    loop {
        let batch = next.fetch_add(1, Ordering::Relaxed);
        if batch >= plan.flood_batches {
            return Ok(());
        }
        let draft = attacker.target.event_of_page("/v1/batch", body(&plan, batch));
        while attacker.send(&draft).await == Some(429) {
            sleep(REFUSED).await;
        }
    }
}

/// Two batches of three bring new property names, the third one new values of everything else.
fn body(plan: &Plan, batch: u64) -> String {
    let (events, names) = plan.flood;
    let mut body = String::from(r#"{"events":["#);
    for event in 0..events as u64 {
        let serial = (plan.seed * 1_000_000 + batch) * 1000 + event;
        let comma = if event == 0 { "" } else { "," };
        body.push_str(comma);
        if batch % 3 == 2 {
            let _ = write!(
                body,
                r#"{{"event":"e{serial}","session_id":"s{serial}","anonymous_id":"a{serial}","url":"https://shop.example/p{serial}?utm_source=u{serial}&utm_medium=m{serial}&utm_campaign=c{serial}","properties":{{"plan":"v{serial}"}}}}"#
            );
        } else {
            let _ = write!(body, r#"{{"event":"flood","anonymous_id":"a{serial}","properties":{{"#);
            for name in 0..names {
                let comma = if name == 0 { "" } else { "," };
                let _ = write!(body, r#"{comma}"{serial:x}_{name}":1"#);
            }
            body.push_str("}}");
        }
    }
    body.push_str("]}");
    body
}

/// Asks for names in turn, each reader beginning with another query.
async fn ask(mut attacker: Attacker, turn: usize) -> anyhow::Result<()> {
    let queries = queries(&attacker.target);
    for query in queries.iter().cycle().skip(turn) {
        attacker.send(query).await;
    }
    Ok(())
}

fn queries(target: &Target) -> Vec<Draft> {
    const ALL_TIME: &str = "from=2000-01-01&to=2100-01-01";
    let reads = [
        "/v1/events?limit=1000",
        "/v1/schema?kind=properties",
        "/v1/stats?group_by=path&limit=1000",
        "/v1/pages?limit=1000",
        "/v1/stats?group_by=campaign,source&metric=uniques",
        "/v1/funnel?steps=$pageview,flood",
        "/v1/journeys?start=$pageview&steps=5&limit=1000",
        "/v1/stats?group_by=event_name&event=flood",
        "/v1/sources?limit=200",
    ];
    let mut queries: Vec<_> = reads.iter().map(|read| target.read(format!("{read}&{ALL_TIME}"))).collect();
    queries.push(target.tool("describe_schema", r#"{"period":"30d"}"#));
    queries.push(target.page("/projects/{}/funnels"));
    queries.push(target.page("/projects/{}?event=flood"));
    queries
}
