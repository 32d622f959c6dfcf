//! What an agent's query costs over the same query of a program: each read tool beside its REST
//! twin, asked in turn of one server, over connections that stay open.
//!
//! Every pair of responses is compared, and a difference ends the run.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::client::Connection;
use crate::machine::now;
use crate::queries::{Asker, Days};
use crate::report::{Goal, Report, Table, median, shown};
use crate::server::Server;

/// Events that are asked about, of sixty days.
const EVENTS: u64 = 500_000;
/// The days that are asked about.
const DAYS: i64 = 30;
/// Pairs that are not counted, and those that are.
const WARM_UPS: usize = 20;
const PAIRS: usize = 200;
/// The milliseconds that a tool may cost over its twin.
const MOST: f64 = 2.0;

/// A tool with its arguments, and the path that asks its twin the same.
struct Twins {
    tool: &'static str,
    arguments: Value,
    path: String,
}

/// The read tools. Limits are such that no response is cut, which would spare the tool work.
fn twins(days: &Days) -> Vec<Twins> {
    let ranged = |tool, route: &str, mut arguments: Value, query: &str| {
        arguments["from"] = days.from.as_str().into();
        arguments["to"] = days.to.as_str().into();
        Twins { tool, arguments, path: format!("{route}?{query}&from={}&to={}", days.from, days.to) }
    };
    let (groups, steps) = (["source", "medium"], ["$pageview", "add_to_cart", "purchase"]);
    let landing = "https://shop.example/?utm_medium=cpc";
    vec![
        ranged("get_stats", "/v1/stats", json!({ "group_by": groups }), "group_by=source,medium"),
        ranged("top_sources", "/v1/sources", json!({ "limit": 50 }), "limit=50"),
        ranged("top_pages", "/v1/pages", json!({ "limit": 50 }), "limit=50"),
        ranged("funnel", "/v1/funnel", json!({ "steps": steps }), "steps=$pageview,add_to_cart,purchase"),
        ranged("query_events", "/v1/query", json!({ "limit": 10 }), "limit=10"),
        ranged("describe_schema", "/v1/schema", json!({ "kind": "properties" }), "kind=properties"),
        Twins {
            tool: "explain_attribution",
            arguments: json!({ "url": landing }),
            path: format!("/v1/explain?url={}", landing.replace('=', "%3D")),
        },
    ]
}

/// Adds the difference of each tool, and the times that it is the difference of.
pub(crate) async fn measure(binary: &Path, runs: u32, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(binary, &[]).await?;
    server.fill(binary, EVENTS)?;
    let days = Days::before(&now().to_string()[..10], DAYS)?;
    let mut asker = Asker::connect(server.address, &server.read_key).await?;
    let mut agent = Agent::connect(server.address, &server.read_key).await?;
    let mut rows = Vec::new();
    for twins in twins(&days) {
        eprintln!("{} beside {}", twins.tool, twins.path);
        let mut all = Vec::new();
        for _ in 0..runs {
            let pairs = ask_in_turn(&twins, &mut asker, &mut agent).await?;
            let over = median_of(&pairs, |pair| pair.tool - pair.twin);
            report.add(twins.tool, "ms over its REST twin", Goal::Below(MOST), over);
            all.extend(pairs);
        }
        let [tool, twin] = [median_of(&all, |pair| pair.tool), median_of(&all, |pair| pair.twin)].map(shown);
        rows.push(vec![twins.tool.to_owned(), tool, twin]);
    }
    report.add_table(Table {
        title: format!("The same queries, over {DAYS} days of a project with {EVENTS} events, ms"),
        header: ["tool", "over MCP", "over REST"].map(str::to_owned).to_vec(),
        rows,
    });
    server.stop().await
}

/// Milliseconds of a tool and of its twin.
struct Pair {
    tool: f64,
    twin: f64,
}

fn median_of(pairs: &[Pair], time: impl Fn(&Pair) -> f64) -> f64 {
    median(&pairs.iter().map(time).collect::<Vec<_>>())
}

/// Each of the two is first in every second pair, so that neither always finds the ground prepared.
async fn ask_in_turn(
    twins: &Twins,
    asker: &mut Asker<'_>,
    agent: &mut Agent<'_>,
) -> anyhow::Result<Vec<Pair>> {
    let mut pairs = Vec::with_capacity(PAIRS);
    for turn in 0..WARM_UPS + PAIRS {
        let (tool, twin) = if turn.is_multiple_of(2) {
            let tool = agent.call(twins).await?;
            (tool, asker.ask(&twins.path).await?)
        } else {
            let twin = asker.ask(&twins.path).await?;
            (agent.call(twins).await?, twin)
        };
        ensure!(tool.rows == twin.rows, "{} differs from {}", twins.tool, twins.path);
        pairs.extend((turn >= WARM_UPS).then_some(Pair { tool: tool.millis, twin: twin.millis }));
    }
    Ok(pairs)
}

/// Whoever calls tools over one kept-open connection.
struct Agent<'a> {
    connection: Connection,
    key: &'a str,
}

struct Called {
    rows: Vec<Value>,
    millis: f64,
}

impl<'a> Agent<'a> {
    async fn connect(server: SocketAddr, key: &'a str) -> anyhow::Result<Self> {
        Ok(Self { connection: Connection::open(server).await?, key })
    }

    /// The rows of a tool. The time is from the first byte sent to the last one received.
    async fn call(&mut self, twins: &Twins) -> anyhow::Result<Called> {
        let params = json!({ "name": twins.tool, "arguments": twins.arguments });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
        let (key, length) = (self.key, body.len());
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let start = Instant::now();
        let (status, body) = self.connection.exchange(request.as_bytes()).await?;
        let millis = start.elapsed().as_secs_f64() * 1000.0;
        let response: Value = serde_json::from_slice(body)?;
        let rows = response["result"]["content"][0]["text"].as_str().map(serde_json::from_str);
        let rows = rows.with_context(|| format!("{}: {status} {response}", twins.tool))??;
        Ok(Called { rows, millis })
    }
}
