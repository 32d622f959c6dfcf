//! The overview of the dashboard as its owner opens it: how long the server takes, and how many bytes
//! a browser gets that has seen nothing of it yet.
//!
//! Over HTTP alone: what a browser then does with them is seen in Chromium, not here.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::report::{Goal, Report};
use crate::server::Server;

/// Openings that are not counted.
const WARM_UPS: u32 = 3;
/// Openings that are, at least.
const LEAST_RUNS: u32 = 15;
/// What an opening may take, in milliseconds, and what comes over the wire, in kilobytes.
const MOST_MILLIS: f64 = 150.0;
const MOST_KILOBYTES: f64 = 60.0;

/// Adds the overview of a project of so many events in sixty days: the last thirty, and all of them.
pub(crate) async fn measure(
    binary: &Path,
    events: u64,
    runs: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let server = Server::start(binary, &[]).await?;
    server.fill(binary, events)?;
    let browser = Browser::set_up(&server)?;
    for (name, path) in [
        ("overview, 30 of 60 days", "/projects/bench"),
        ("overview, all 60 days", "/projects/bench?period=90d"),
    ] {
        for run in 0..WARM_UPS + runs.max(LEAST_RUNS) {
            let begin = Instant::now();
            browser.bytes(path)?;
            if run >= WARM_UPS {
                report.add(name, "ms", Goal::Below(MOST_MILLIS), begin.elapsed().as_secs_f64() * 1000.0);
            }
        }
    }
    let kilobytes = browser.whole("/projects/bench")? as f64 / 1000.0;
    report.add("overview with styles, scripts and icon, gzip", "kB", Goal::Below(MOST_KILOBYTES), kilobytes);
    report.add_fact("events of the project", events.to_string());
    server.stop().await
}

/// Whoever owns the server.
struct Browser {
    agent: Agent,
    address: String,
    cookie: String,
}

impl Browser {
    /// Becomes the owner by the link of the greeting.
    fn set_up(server: &Server) -> anyhow::Result<Self> {
        let config = Agent::config_builder().max_redirects(0).max_redirects_will_error(false);
        let agent: Agent = config.accept_encoding("gzip").build().into();
        let address = format!("http://{}", server.address);
        let link = server.setup_link()?;
        let form = "email=bench@example.com&password=a-password-for-the-bench";
        let sent = agent
            .post(format!("{address}{link}"))
            .header("origin", &address)
            .header("content-type", "application/x-www-form-urlencoded")
            .send(form)?;
        let cookie = sent.headers().get("set-cookie").context("nobody was signed in")?.to_str()?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Ok(Self { agent, address, cookie })
    }

    /// The bytes of an answer, as they come over the wire.
    fn bytes(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let answer: Response<Body> =
            self.agent.get(format!("{}{path}", self.address)).header("cookie", &self.cookie).call()?;
        ensure!(answer.status() == 200, "{path}: {}", answer.status());
        Ok(answer.into_body().read_to_vec()?)
    }

    /// How many bytes a page and all that it loads are.
    fn whole(&self, path: &str) -> anyhow::Result<usize> {
        let plain: Agent = Agent::config_builder().accept_encoding("identity").build().into();
        let page = plain.get(format!("{}{path}", self.address)).header("cookie", &self.cookie).call()?;
        let page = page.into_body().read_to_string()?;
        let mut assets: Vec<&str> = page.split('"').filter(|text| text.starts_with("/assets/")).collect();
        assets.sort_unstable();
        assets.dedup();
        ensure!(assets.len() >= 5, "only {} files were found in the page", assets.len());
        let mut bytes = self.bytes(path)?.len();
        for asset in assets {
            bytes += self.bytes(asset)?.len();
        }
        Ok(bytes)
    }
}
