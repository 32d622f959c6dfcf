//! A database in ClickHouse that is filled by the event store of the server, and what that costs.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use futures_util::future::try_join_all;
use millimetric_events::{ClickHouseUrl, EventStore as _, EventsUrl};
use millimetric_events_clickhouse::{ClickHouseStore, Options, schema};
use millimetric_test_servers::ClickHouse;
use ureq::Agent;

use super::source::{Batch, Source};
use crate::report::{Goal, Report, Table, median, shown};

/// Sizes of the measured groups, the least first, and how many of each.
const GROUPS: [(u32, usize); 6] = [(1, 20), (50, 20), (500, 20), (2_000, 10), (5_000, 10), (20_000, 6)];
/// Events of a batch, of which a group has several.
const BATCH_EVENTS: u32 = 50;
/// How many batches the fill sends at once.
const FILL_GROUP: u32 = 20_000;
/// How long small groups are stored, by how many stores, and their size.
const SMALL: (Duration, usize, u32) = (Duration::from_secs(40), 2, 500);
/// Milliseconds of a tick of the kernel's accounting.
const TICK_MILLIS: f64 = 10.0;
/// How long the merge of everything may take.
const MERGE_TIMEOUT: Duration = Duration::from_mins(20);
/// More events than the measured groups and the small ones take.
const BESIDE_FILL: u64 = 3_000_000;
const DATABASE: &str = "scaling";

/// What a group of some size costs.
pub(super) struct GroupCost {
    /// Its events.
    pub(super) events: u32,
    /// Milliseconds until it is stored, with the time of gathering: median.
    pub(super) millis: f64,
    /// Processor time of the ClickHouse server, with merges meanwhile, in milliseconds: mean.
    pub(super) processor_millis: f64,
}

/// A store, and the events that come next.
pub(super) struct Filled<'a> {
    node: &'a ClickHouse,
    url: ClickHouseUrl,
    store: ClickHouseStore,
    source: Source,
    agent: Agent,
}

impl<'a> Filled<'a> {
    /// An empty database, for so many events and those of the other measurements.
    pub(super) async fn new(node: &'a ClickHouse, events: u64) -> anyhow::Result<Self> {
        let url = node.database(DATABASE)?;
        let EventsUrl::ClickHouse(url) = url.parse()? else { bail!("not the URL of ClickHouse") };
        schema::apply(&url).await?;
        let store = ClickHouseStore::open(&url, Options::default()).await?;
        let agent = Agent::config_builder().timeout_global(Some(MERGE_TIMEOUT)).build().into();
        Ok(Self { node, url, store, source: Source::new(events + BESIDE_FILL)?, agent })
    }

    /// The version of the server.
    pub(super) fn version(&self) -> anyhow::Result<String> {
        self.ask("SELECT version()")
    }

    /// Stores groups of every size, one after the other.
    pub(super) async fn costs(&mut self) -> anyhow::Result<Vec<GroupCost>> {
        let mut costs = Vec::new();
        for (events, groups) in GROUPS {
            let mut times = Vec::new();
            let mut processor_millis = 0.0;
            for _ in 0..groups {
                let batches = self.group(events)?;
                let (start, used) = (Instant::now(), self.processor_millis()?);
                stored(&self.store, batches).await?;
                times.push(start.elapsed().as_secs_f64() * 1000.0);
                processor_millis += self.processor_millis()? - used;
            }
            costs.push(GroupCost {
                events,
                millis: median(&times),
                processor_millis: processor_millis / groups as f64,
            });
        }
        Ok(costs)
    }

    /// Stores so many events in the largest groups, one after the other.
    pub(super) async fn fill(&mut self, events: u64, report: &mut Report) -> anyhow::Result<()> {
        let (merged, used) = (self.event("MergedRows")?, self.processor_millis()?);
        let (mut seconds, mut count) = (0.0, 0_u64);
        while count < events {
            // Making events is not what is measured.
            let batches = self.group(FILL_GROUP)?;
            let start = Instant::now();
            stored(&self.store, batches).await?;
            seconds += start.elapsed().as_secs_f64();
            count += u64::from(FILL_GROUP);
        }
        let millions = count as f64 / 1e6;
        let processor_seconds = (self.processor_millis()? - used) / 1000.0;
        let merges = (self.event("MergedRows")? - merged) / count as f64;
        report.add("groups of 20 000, one after the other", "events/s", Goal::None, count as f64 / seconds);
        report.add(
            "ClickHouse, for a million events",
            "s of a core",
            Goal::None,
            processor_seconds / millions,
        );
        report.add("merged meanwhile, rows for each stored", "rows", Goal::None, merges);
        Ok(())
    }

    /// Stores small groups all the time, and counts the parts.
    pub(super) async fn store_small_groups(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let (duration, stores, events) = SMALL;
        let mut others = Vec::new();
        for _ in 0..stores {
            others.push(ClickHouseStore::open(&self.url, Options::default()).await?);
        }
        let (start, used) = (Instant::now(), self.processor_millis()?);
        let (mut groups, mut most_parts) = (0_u32, 0.0_f64);
        while start.elapsed() < duration {
            let mut both = Vec::new();
            for store in &others {
                both.push(stored(store, self.group(events)?));
            }
            groups += both.len() as u32;
            try_join_all(both).await?;
            let parts = self.ask("SELECT count() FROM system.parts WHERE active AND table = 'events'")?;
            most_parts = most_parts.max(parts.parse()?);
        }
        let seconds = start.elapsed().as_secs_f64();
        let cores = (self.processor_millis()? - used) / 1000.0 / seconds;
        report.add("groups of 500 from 2 stores", "inserts/s", Goal::None, f64::from(groups) / seconds);
        report.add("parts meanwhile, at most", "parts", Goal::None, most_parts);
        report.add("ClickHouse meanwhile", "cores", Goal::None, cores);
        Ok(())
    }

    /// Bytes of an event: as the merges left them, and when all is merged to one part.
    pub(super) fn sizes(&self, report: &mut Report) -> anyhow::Result<()> {
        let of_parts = |column: &str| -> anyhow::Result<f64> {
            let sql = format!(
                "SELECT sum({column}) / sum(rows) FROM system.parts WHERE active AND table = 'events'"
            );
            Ok(self.ask(&sql)?.parse()?)
        };
        report.add("on disk, as stored", "bytes/event", Goal::None, of_parts("bytes_on_disk")?);
        self.ask(&format!("OPTIMIZE TABLE {DATABASE}.events FINAL"))?;
        report.add("on disk, merged", "bytes/event", Goal::None, of_parts("bytes_on_disk")?);
        report.add(
            "of it, indexes",
            "bytes/event",
            Goal::None,
            of_parts("secondary_indices_compressed_bytes")?,
        );
        let rows = self.ask(include_str!("columns.sql"))?;
        let rows = rows.lines().map(|line| line.split('\t').map(str::to_owned).collect());
        let shown_bytes = |row: Vec<String>| -> anyhow::Result<Vec<String>> {
            let bytes: f64 = row.get(1).context("a column without a size")?.parse()?;
            Ok(vec![row[0].clone(), shown(bytes)])
        };
        report.add_table(Table {
            title: "Bytes of an event on disk, merged, by column".to_owned(),
            header: vec![String::new(), "bytes".to_owned()],
            rows: rows.map(shown_bytes).collect::<Result<_, _>>()?,
        });
        Ok(())
    }

    /// The batches of a group of so many events.
    fn group(&mut self, events: u32) -> anyhow::Result<Vec<Batch>> {
        let batches = events.div_ceil(BATCH_EVENTS);
        let each = events.min(BATCH_EVENTS) as usize;
        (0..batches).map(|_| self.source.next(each)).collect()
    }

    /// A counter of the server.
    fn event(&self, name: &str) -> anyhow::Result<f64> {
        Ok(self.ask(&format!("SELECT sum(value) FROM system.events WHERE event = '{name}'"))?.parse()?)
    }

    /// Processor time of the server so far.
    fn processor_millis(&self) -> anyhow::Result<f64> {
        let line = fs::read_to_string(format!("/proc/{}/stat", self.node.process_id()))?;
        // The name of the program, in parentheses, may contain spaces.
        let fields = line.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        Ok(ticks.sum::<Result<f64, _>>()? * TICK_MILLIS)
    }

    fn ask(&self, sql: &str) -> anyhow::Result<String> {
        let address = format!("http://127.0.0.1:{}/?wait_end_of_query=1", self.node.port());
        let mut response = self.agent.post(address).send(sql).map_err(|error| anyhow!("{sql}: {error}"))?;
        Ok(response.body_mut().read_to_string()?.trim().to_owned())
    }
}

/// Stores batches, which become one group.
async fn stored(store: &ClickHouseStore, batches: Vec<Batch>) -> anyhow::Result<()> {
    let expected: usize = batches.iter().map(|(_, events)| events.len()).sum();
    let stored = try_join_all(batches.into_iter().map(|(scope, events)| store.append(scope, events))).await?;
    let new: u64 = stored.iter().map(|appended| appended.stored).sum();
    ensure!(new == expected as u64, "of {expected} events {new} were new");
    Ok(())
}
