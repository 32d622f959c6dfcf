//! Reports that are not compared with ClickHouse: those without a counterpart in SQL, and comparisons of two
//! ranges beside the same query of one range.

use std::path::Path;

use anyhow::Context;

use crate::data::{UNTIL, demo, flush};
use crate::queries::{Asker, Days};
use crate::report::{Table, median, shown};
use crate::server::Server;

/// Runs that are not counted.
const WARM_UPS: u32 = 2;
/// The days of half of the data: with those before them, a comparison is about all events.
const HALF: i64 = 45;

/// Reports that look at two ranges by themselves, or at many things of one.
const REPORTS: [(&str, &str); 3] = [
    ("changes of events, in 9 columns", "/v1/changes?metric=count"),
    ("changes of visitors, in 9 columns", "/v1/changes?metric=uniques"),
    ("data quality", "/v1/quality?limit=5"),
];
/// Queries that are also asked with `compare=previous`.
const COMPARED: [(&str, &str); 3] = [
    ("count by source, medium", "/v1/stats?group_by=source,medium&limit=1000"),
    ("sources: events, uniques, paid share", "/v1/sources?limit=200"),
    ("exact uniques by day", "/v1/stats?metric=uniques&interval=day&limit=1000"),
];

/// The table of a new server over one project with all events; its folder is gone at the end.
pub(crate) async fn of_one_project(binary: &Path, events: u64, runs: u32) -> anyhow::Result<Table> {
    eprintln!("making one project with all events");
    let home = tempfile::tempdir()?;
    let made = demo(binary, home.path(), 1, events)?;
    flush(home.path()).await?;
    let server = Server::over(binary, home.path()).await?;
    let mut asker = Asker::connect(server.address, made["rk"].as_str().context("no key")?).await?;
    let of = format!("the second half of {} events of one project", shown(events as f64));
    let table = table(&mut asker, &Days::before(UNTIL, HALF)?, runs, &of).await?;
    server.stop().await?;
    Ok(table)
}

/// The medians of all reports over these days; `of` says which events those are.
pub(crate) async fn table(asker: &mut Asker<'_>, days: &Days, runs: u32, of: &str) -> anyhow::Result<Table> {
    let range = format!("from={}&to={}", days.from, days.to);
    let mut rows = Vec::new();
    for (name, path) in REPORTS {
        let [alone] = medians(asker, [format!("{path}&{range}")], runs).await?;
        rows.push(vec![name.to_owned(), shown(alone), "–".to_owned(), "–".to_owned()]);
    }
    for (name, path) in COMPARED {
        let paths = [format!("{path}&{range}"), format!("{path}&{range}&compare=previous")];
        let [alone, compared] = medians(asker, paths, runs).await?;
        let ratio = format!("{}×", shown(compared / alone));
        rows.push(vec![name.to_owned(), shown(alone), shown(compared), ratio]);
    }
    Ok(Table {
        title: format!("Reports without a counterpart in SQL, ms warm: {of}"),
        header: ["report", "over HTTP", "with `compare=previous`", "ratio"].map(str::to_owned).to_vec(),
        rows,
    })
}

/// The median milliseconds of each path, asked in turn so that the machine's moods hit all of them.
async fn medians<const N: usize>(
    asker: &mut Asker<'_>,
    paths: [String; N],
    runs: u32,
) -> anyhow::Result<[f64; N]> {
    eprintln!("warm: {}", paths[0]);
    let mut times = [const { Vec::new() }; N];
    for run in 0..WARM_UPS + runs {
        for (path, times) in paths.iter().zip(&mut times) {
            let millis = asker.ask(path).await?.millis;
            times.extend((run >= WARM_UPS).then_some(millis));
        }
    }
    Ok(times.map(|times| median(&times)))
}
