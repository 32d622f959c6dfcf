//! Queries about flushed data: ours over HTTP, the store alone, and ClickHouse on the same rows
//! in the same run, warm and cold, and how the times grow with the data.
//!
//! Every pair of responses is compared, and a difference ends the run: a time counts only for the
//! right response.

use std::path::Path;

use anyhow::Context;

use crate::clickhouse::ClickHouse;
use crate::data::{Data, UNTIL};
use crate::inside;
use crate::memory::{peak_megabytes, resident_megabytes};
use crate::queries::{Asker, Days, QUESTIONS, Question, ensure_same};
use crate::report::{Report, Table, median, shown};
use crate::reports;
use crate::server::Server;

/// Runs that are not counted.
const WARM_UPS: u32 = 2;
/// Warm runs of each query, at least.
const LEAST_RUNS: u32 = 7;
/// Cold runs of each query: each needs new processes.
const COLD_RUNS: u32 = 3;
/// The sizes of `--grow`.
const SIZES: [u64; 3] = [1_000_000, 10_000_000, 50_000_000];
/// The days that are asked about, and all that there are.
const LAST: i64 = 30;
const ALL: i64 = 90;

/// Milliseconds of ours and of ClickHouse.
#[derive(Debug, Clone, Copy)]
struct Pair {
    ours: f64,
    theirs: f64,
}

impl Pair {
    fn medians(of: &[Self]) -> Self {
        let side = |side: fn(&Self) -> f64| median(&of.iter().map(side).collect::<Vec<_>>());
        Self { ours: side(|pair| pair.ours), theirs: side(|pair| pair.theirs) }
    }

    fn ratio(self) -> f64 {
        self.theirs / self.ours
    }
}

/// Both tables of one size: the queries, and what they took in memory and on disk.
pub(crate) async fn measure(
    binary: &Path,
    python: &Path,
    events: u64,
    runs: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (data, days) = (Data::of(binary, python, events).await?, Days::before(UNTIL, LAST)?);
    let runs = runs.max(LEAST_RUNS);
    let mut bench = Bench::start(binary, python, &data).await?;
    let warm = bench.warm(&days, runs).await?;
    let resources = bench.resources()?;
    let places = places_table(&data.bytes_by_place(&mut bench.clickhouse)?);
    let mut asker = Asker::connect(bench.server.address, &data.read_key).await?;
    let of = format!("the last {LAST} days of the largest of 20 projects");
    let reports = reports::table(&mut asker, &days, runs, &of).await?;
    let version = bench.clickhouse.ask("select version() as version")?.rows[0]["version"].to_string();
    drop((asker, bench));
    eprintln!("the store inside of this process");
    let inside = inside::measure(&data, &days, runs).await?;
    let (cold, way) = cold(binary, python, &data, &days).await?;
    report.add_fact("ClickHouse", format!("{} (chdb)", version.trim_matches('"')));
    report.add_fact("page cache dropped by", way);
    report.add_table(queries_table(events, &warm, &inside, &cold));
    report.add_table(ratios_table(&warm, &cold));
    report.add_table(reports);
    report.add_table(reports::of_one_project(binary, events, runs).await?);
    report.add_table(resources);
    report.add_table(places);
    Ok(())
}

/// How the times grow: the same queries on more and more data.
pub(crate) async fn grow(binary: &Path, python: &Path, runs: u32, report: &mut Report) -> anyhow::Result<()> {
    let mut columns = Vec::new();
    for events in SIZES {
        let data = Data::of(binary, python, events).await?;
        let mut bench = Bench::start(binary, python, &data).await?;
        for days in [LAST, ALL] {
            let title = format!("{} M, {days} days", events / 1_000_000);
            columns.push((title, bench.warm(&Days::before(UNTIL, days)?, runs.max(LEAST_RUNS)).await?));
        }
    }
    let cell = |pair: &Pair| format!("{} / {}", shown(pair.ours), shown(pair.theirs));
    let row = |(place, query): (usize, &Question)| {
        let cells = columns.iter().map(|(_, pairs)| cell(&pairs[place]));
        [query.name.to_owned()].into_iter().chain(cells).collect()
    };
    report.add_table(Table {
        title: "Growth: ms warm, over HTTP / ClickHouse".to_owned(),
        header: ["query".to_owned()]
            .into_iter()
            .chain(columns.iter().map(|(name, _)| name.clone()))
            .collect(),
        rows: QUESTIONS.iter().enumerate().map(row).collect(),
    });
    Ok(())
}

/// Our server and ClickHouse over the same data.
struct Bench<'a> {
    data: &'a Data,
    server: Server,
    clickhouse: ClickHouse,
}

impl<'a> Bench<'a> {
    async fn start(binary: &Path, python: &Path, data: &'a Data) -> anyhow::Result<Self> {
        let server = Server::over(binary, &data.home).await?;
        Ok(Self { data, server, clickhouse: ClickHouse::start(python, &data.clickhouse())? })
    }

    /// The medians of each query, both asked in turn so that the machine's moods hit both.
    async fn warm(&mut self, days: &Days, runs: u32) -> anyhow::Result<Vec<Pair>> {
        let mut asker = Asker::connect(self.server.address, &self.data.read_key).await?;
        let mut medians = Vec::new();
        for query in QUESTIONS {
            eprintln!("warm: {}", query.name);
            let mut pairs = Vec::new();
            for run in 0..WARM_UPS + runs {
                let pair = ask_both(query, &mut asker, &mut self.clickhouse, self.data, days).await?;
                pairs.extend((run >= WARM_UPS).then_some(pair));
            }
            medians.push(Pair::medians(&pairs));
        }
        Ok(medians)
    }

    fn resources(&mut self) -> anyhow::Result<Table> {
        let (ours, theirs) = (self.server.process(), self.clickhouse.process());
        let disk = self.data.bytes_per_event(&mut self.clickhouse)?;
        let row = |name: &str, (ours, theirs): (f64, f64)| vec![name.to_owned(), shown(ours), shown(theirs)];
        let now = (resident_megabytes(ours)?, resident_megabytes(theirs)?);
        let peak = (peak_megabytes(ours)?, peak_megabytes(theirs)?);
        Ok(Table {
            title: "After all warm queries".to_owned(),
            header: ["", "Millimetric", "ClickHouse"].map(str::to_owned).to_vec(),
            rows: vec![
                row("resident memory, MB", now),
                row("resident memory, highest, MB", peak),
                row("bytes of an event on disk", disk),
            ],
        })
    }
}

/// Times of both, when the responses are the same.
async fn ask_both(
    query: &Question,
    asker: &mut Asker<'_>,
    clickhouse: &mut ClickHouse,
    data: &Data,
    days: &Days,
) -> anyhow::Result<Pair> {
    let path = format!("{}?{}", query.route(), query.query(days));
    let ours = asker.ask(&path).await?;
    let theirs = clickhouse.ask(&query.sql(&data.project, days))?;
    ensure_same(&ours.rows, &theirs.rows).with_context(|| format!("{path} disagrees with ClickHouse"))?;
    Ok(Pair { ours: ours.millis, theirs: theirs.millis })
}

/// The medians of first queries: new processes, nothing of the files in memory; and how that
/// was brought about.
async fn cold(binary: &Path, python: &Path, data: &Data, days: &Days) -> anyhow::Result<(Vec<Pair>, String)> {
    let (mut medians, mut way) = (Vec::new(), String::new());
    for query in QUESTIONS {
        eprintln!("cold: {}", query.name);
        let mut pairs = Vec::new();
        for _ in 0..COLD_RUNS {
            let mut bench = Bench::start(binary, python, data).await?;
            let mut asker = Asker::connect(bench.server.address, &data.read_key).await?;
            way = bench.clickhouse.drop_cache(&[&data.home])?;
            pairs.push(ask_both(query, &mut asker, &mut bench.clickhouse, data, days).await?);
        }
        medians.push(Pair::medians(&pairs));
    }
    Ok((medians, way))
}

fn queries_table(events: u64, warm: &[Pair], inside: &[f64], cold: &[Pair]) -> Table {
    let cells = |pair: Pair| {
        [format!("**{}**", shown(pair.ours)), shown(pair.theirs), format!("{}×", shown(pair.ratio()))]
    };
    let rows = QUESTIONS.iter().zip(warm).zip(inside).zip(cold).map(|(((query, warm), inside), cold)| {
        let warm = cells(*warm).into_iter();
        [query.name.to_owned(), shown(*inside)].into_iter().chain(warm).chain(cells(*cold)).collect()
    });
    let header = [
        "query",
        "store alone",
        "over HTTP",
        "ClickHouse",
        "ratio",
        "cold, over HTTP",
        "cold, ClickHouse",
        "ratio",
    ];
    Table {
        title: format!(
            "The last {LAST} days of the largest of 20 projects, {} events in all, ms",
            shown(events as f64)
        ),
        header: header.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    }
}

/// Where the bytes of an event lie; what is below a tenth of a byte together.
fn places_table(places: &[(String, f64)]) -> Table {
    let (large, small): (Vec<_>, Vec<_>) = places.iter().partition(|(_, bytes)| *bytes >= 0.1);
    let row = |(name, bytes): &&(String, f64)| vec![name.clone(), shown(*bytes)];
    let mut rows: Vec<_> = large.iter().map(row).collect();
    rows.push(vec!["all others".to_owned(), shown(small.iter().map(|(_, bytes)| bytes).sum())]);
    Table {
        title: "Bytes of an event on disk, by column of the segments".to_owned(),
        header: ["", "bytes"].map(str::to_owned).to_vec(),
        rows,
    }
}

fn ratios_table(warm: &[Pair], cold: &[Pair]) -> Table {
    let row = |name: &str, pairs: &[Pair]| {
        let ratios: Vec<f64> = pairs.iter().map(|pair| pair.ratio()).collect();
        let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        vec![name.to_owned(), format!("{}×", shown(lowest)), format!("{}×", shown(median(&ratios)))]
    };
    Table {
        title: "How many times faster than ClickHouse, over all queries".to_owned(),
        header: ["", "lowest", "median"].map(str::to_owned).to_vec(),
        rows: vec![row("warm", warm), row("cold", cold)],
    }
}
