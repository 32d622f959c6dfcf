//! Heavy readers: 150 clients with a read key, each asking the queries that cost most, one after the
//! other, about all events of the project; some read a whole export slowly.

use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Attacker, RETRY, all};
use crate::abuse::counts::Counters;
use crate::abuse::http::{Connection, Draft, PATIENCE};
use crate::abuse::plan::Plan;
use crate::abuse::target::{ATTACKER, Target};
use crate::machine::now;

/// One of so many clients reads exports.
const EXPORTS: usize = 10;
const DAY_MILLIS: i64 = 86_400_000;
/// Bytes that such a one reads at a time, and how long it then waits.
const EXPORT_STEP: usize = 4096;
/// See [`EXPORT_STEP`].
const EXPORT_PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn run(target: &Target, plan: &Plan, counters: &Counters) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    for client in 0..plan.heavy_readers {
        let attacker = Attacker::new(ATTACKER, target, counters);
        if client % EXPORTS == 0 {
            tasks.spawn(export(attacker));
        } else {
            tasks.spawn(ask(attacker, client));
        }
    }
    all(tasks).await
}

/// Asks in turn, each client beginning with another query.
async fn ask(mut attacker: Attacker, client: usize) -> anyhow::Result<()> {
    let queries = queries(&attacker.target);
    for query in queries.iter().cycle().skip(client) {
        attacker.send(query).await;
    }
    Ok(())
}

fn queries(target: &Target) -> Vec<Draft> {
    const ALL_TIME: &str = "from=2000-01-01&to=2100-01-01";
    let reads = [
        "/v1/stats?metric=uniques&group_by=path,properties.title&limit=1000",
        "/v1/stats?metric=uniques&group_by=path,country,browser,os&limit=1000",
        "/v1/stats?metric=uniques&interval=hour&timezone=Europe/Berlin&group_by=source&limit=1000",
        "/v1/funnel?steps=$pageview,add_to_cart,purchase&window=30d&group_by=path",
        "/v1/funnel?steps=$pageview,$pageview,$pageview,purchase&window=30d&device_type=mobile",
        "/v1/pages?limit=1000&browser=chrome",
        "/v1/journeys?start=$pageview&steps=5&limit=1000&browser=chrome",
        "/v1/sessions?interval=hour&limit=1000&os=windows",
        "/v1/query?limit=1000&country=DE&browser=firefox",
        "/v1/sources?limit=200&device_type=desktop",
    ];
    let mut queries: Vec<_> = reads.iter().map(|read| target.read(format!("{read}&{ALL_TIME}"))).collect();
    // At most 120 periods.
    let days = format!("from={}&to={}", now().plus_millis(-119 * DAY_MILLIS), now());
    for filter in ["", "&event=$pageview&country=DE"] {
        queries.push(target.read(format!("/v1/retention?interval=day&{days}{filter}")));
    }
    queries.push(target.tool("funnel", r#"{"steps":["$pageview","purchase"],"period":"90d"}"#));
    queries.push(target.page("/projects/{}?period=12mo&country=DE"));
    queries
}

/// Reads an export so slowly that it would take hours, and begins anew when the server ends it.
async fn export(attacker: Attacker) -> anyhow::Result<()> {
    let address = attacker.target.address;
    let query = attacker.target.read("/v1/export?from=2000-01-01&to=2100-01-01").bytes(address);
    loop {
        match Connection::open(ATTACKER, address).await {
            Ok(connection) => read_slowly(connection, &query, &attacker.counters).await,
            Err(lost) => attacker.counters.lost(&lost),
        }
        sleep(RETRY).await;
    }
}

async fn read_slowly(mut connection: Connection, query: &[u8], counters: &Counters) {
    match connection.begin(query, PATIENCE).await {
        Ok(response) => counters.response(&response, Duration::ZERO, || "/v1/export".to_owned()),
        Err(lost) => return counters.lost(&lost),
    }
    let mut step = [0; EXPORT_STEP];
    while matches!(timeout(PATIENCE, connection.stream.read(&mut step)).await, Ok(Ok(1..))) {
        sleep(EXPORT_PAUSE).await;
    }
}
