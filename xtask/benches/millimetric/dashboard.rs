//! The overview of the dashboard as its owner opens it: how long the server takes, how many bytes
//! a browser gets that has seen nothing of it yet, and when Chromium has painted it, where there is one.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use ureq::http::Response;
use ureq::{Agent, Body};
use xtask::dashboard::{Stage, paints, stage};

use crate::memory::peak_megabytes;
use crate::report::{Goal, Report};
use crate::server::Server;

/// Openings that are not counted.
const WARM_UPS: u32 = 3;
/// Openings that are, at least.
const LEAST_RUNS: u32 = 15;
/// What an opening may take, in milliseconds, and what comes over the wire, in kilobytes.
const MOST_MILLIS: f64 = 150.0;
const MOST_KILOBYTES: f64 = 60.0;
/// What the server may take meanwhile, in megabytes.
const MOST_MEGABYTES: f64 = 512.0;
const MOST_PAINT_MILLIS: f64 = 500.0;

/// The overviews that are opened, and what is reported of each: how long the server takes, and when it is
/// painted.
const PAGES: [(&str, &str, &str); 3] = [
    ("/projects/bench", "overview, 30 of 60 days", "painted, 30 of 60 days"),
    ("/projects/bench?period=90d", "overview, all 60 days", "painted, all 60 days"),
    (
        "/projects/bench?period=90d&country=DE",
        "overview, all 60 days, one country",
        "painted, all 60 days, one country",
    ),
];

/// Adds the overview of a project of so many events in sixty days: the last thirty, and all of them.
pub(crate) async fn measure(
    binary: &Path,
    events: u64,
    runs: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let home = tempfile::tempdir()?;
    let taking = Server::over(binary, home.path()).await?;
    taking.fill(binary, events)?;
    let cookie = owner_cookie(&taking)?;
    taking.stop().await?;
    // A server that did nothing else, for its memory.
    let server = Server::over(binary, home.path()).await?;
    let browser = Browser { cookie, ..Browser::at(&server) };
    for (path, name, _) in PAGES {
        for run in 0..WARM_UPS + runs.max(LEAST_RUNS) {
            let begin = Instant::now();
            browser.bytes(path)?;
            if run >= WARM_UPS {
                report.add(name, "ms", Goal::Below(MOST_MILLIS), begin.elapsed().as_secs_f64() * 1000.0);
            }
        }
        let memory = peak_megabytes(server.process())?;
        report.add("resident memory, highest, page after page", "MB", Goal::Below(MOST_MEGABYTES), memory);
    }
    let kilobytes = browser.whole("/projects/bench")? as f64 / 1000.0;
    report.add("overview with styles, scripts and icon, gzip", "kB", Goal::Below(MOST_KILOBYTES), kilobytes);
    match stage() {
        Ok(stage) => browser.watch(&stage, report)?,
        Err(error) => eprintln!("not measured when pages are painted: {error}"),
    }
    report.add_fact("events of the project", events.to_string());
    server.stop().await
}

/// Makes the first owner of a server; returns the cookie of the session.
pub(crate) fn owner_cookie(server: &Server) -> anyhow::Result<String> {
    Ok(Browser::set_up(server)?.cookie)
}

/// Whoever looks at the server.
struct Browser {
    agent: Agent,
    address: String,
    cookie: String,
}

impl Browser {
    /// Somebody who is not signed in.
    fn at(server: &Server) -> Self {
        let config = Agent::config_builder().max_redirects(0).max_redirects_will_error(false);
        let agent: Agent = config.accept_encoding("gzip").build().into();
        Self { agent, address: format!("http://{}", server.address), cookie: String::new() }
    }

    /// Becomes the owner by the link of the greeting.
    fn set_up(server: &Server) -> anyhow::Result<Self> {
        let Self { agent, address, .. } = Self::at(server);
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

    /// The bytes of a response, as they come over the wire.
    fn bytes(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let response: Response<Body> =
            self.agent.get(format!("{}{path}", self.address)).header("cookie", &self.cookie).call()?;
        ensure!(response.status() == 200, "{path}: {}", response.status());
        Ok(response.into_body().read_to_vec()?)
    }

    /// Adds when the pages are painted in Chromium.
    fn watch(&self, stage: &Stage, report: &mut Report) -> anyhow::Result<()> {
        let output = paints(stage, &self.address, &self.cookie, &PAGES.map(|(path, ..)| path))?;
        for ((_, _, name), line) in PAGES.iter().zip(output.lines()) {
            for millis in serde_json::from_str::<Vec<f64>>(line)? {
                report.add(name, "ms", Goal::Below(MOST_PAINT_MILLIS), millis);
            }
        }
        Ok(())
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
