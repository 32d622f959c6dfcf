//! The installation that is disturbed: ClickHouse on a small disk, `PostgreSQL` with a standby, two servers, and a
//! network of proxies between them.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use millimetric_test_servers::{ClickHouse, Disk, Network, Postgres, Proxy, StartError, or_skip};
use parking_lot::Mutex;
use tempfile::TempDir;

use super::fault::{Choices, Fault};
use super::http::{Addresses, Client, METRICS_TOKEN};
use crate::support::{Project, ServerProcess, eventually};

/// Size of the disk of ClickHouse, in mebibytes.
const DISK_MIB: u32 = 512;
/// Where Debian has the library that shifts the clock of a process (`apt-get install libfaketime`).
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
/// Number of servers.
pub(super) const SERVERS: usize = 2;

/// All of it. The order of the fields is that in which it ends.
pub(super) struct Installation {
    servers: [Option<ServerProcess>; SERVERS],
    networks: [Networks; SERVERS],
    primary: Postgres,
    standby: Postgres,
    /// Which of the two addresses of the control URL is that of the primary.
    primary_is: usize,
    clickhouse: ClickHouse,
    disk: Option<Disk>,
    addresses: Arc<Addresses>,
    project: Project,
}

/// What leads from a server to the databases.
struct Networks {
    clickhouse: Proxy,
    postgres: [Proxy; 2],
}

impl Networks {
    fn start(clickhouse: &ClickHouse, postgres: [&Postgres; 2]) -> Result<Self, StartError> {
        let [first, second] = postgres.map(|server| Proxy::start(server.port()));
        Ok(Self { clickhouse: Proxy::start(clickhouse.port())?, postgres: [first?, second?] })
    }

    /// The flags of a server behind it.
    fn flags(&self) -> Vec<String> {
        let [first, second] = self.postgres.each_ref().map(Proxy::port);
        let events = format!("clickhouse://127.0.0.1:{}/stats", self.clickhouse.port());
        let control = format!("postgres://millimetric@127.0.0.1:{first},127.0.0.1:{second}/control");
        #[rustfmt::skip]
        let flags = [
            "--events-url", &events, "--control-url", &control, "--apply-schema",
            "--pepper", "a pepper of both servers", "--ip-salt", "a salt of both servers",
            "--rate-limit-track", "off", "--rate-limit-batch", "off", "--metrics-token", METRICS_TOKEN,
        ];
        flags.map(str::to_owned).to_vec()
    }

    fn set_postgres(&self, network: Network) {
        self.postgres.iter().for_each(|proxy| proxy.set(network));
    }
}

impl Installation {
    /// Starts it; `None` if this machine lacks a database.
    pub(super) fn start() -> Option<Self> {
        let primary = or_skip(Postgres::start())?;
        primary.database("control").unwrap();
        let standby = primary.standby().unwrap();
        let disk = Disk::mount(DISK_MIB).ok();
        let clickhouse =
            disk.as_ref().map_or_else(ClickHouse::start, |disk| ClickHouse::start_in(disk.path()));
        let clickhouse = or_skip(clickhouse)?;
        let networks = [(); SERVERS].map(|()| Networks::start(&clickhouse, [&primary, &standby]).unwrap());
        let servers = networks.each_ref().map(|network| {
            let folder = TempDir::new().unwrap();
            started(folder, network).unwrap()
        });
        let project = servers[0].default_project();
        let addresses = Arc::new(servers.each_ref().map(|server| Mutex::new(address(server))));
        eventually("the standby has the keys", || {
            standby.holds("control", "select 1 from keys limit 1").then_some(())
        });
        let servers = servers.map(Some);
        Some(Self {
            servers,
            networks,
            primary,
            standby,
            primary_is: 0,
            clickhouse,
            disk,
            addresses,
            project,
        })
    }

    pub(super) fn addresses(&self) -> Arc<Addresses> {
        Arc::clone(&self.addresses)
    }

    pub(super) fn project(&self) -> &Project {
        &self.project
    }

    /// The response of ClickHouse to a query, without a network in between.
    pub(super) fn stored(&self, query: &str) -> String {
        eventually("ClickHouse responds", || self.clickhouse.query(query).ok())
    }

    /// The lines of the logs of both servers so far.
    pub(super) fn log(&self) -> Vec<String> {
        self.servers.iter().flatten().flat_map(ServerProcess::log).collect()
    }

    /// How many responses with a status of 5xx each server has in its metrics.
    pub(super) fn failures(&self) -> [u64; SERVERS] {
        let client = Client::new(&self.addresses, &self.project);
        std::array::from_fn(|server| client.failures(server))
    }

    /// Whether this machine has what a fault needs; says so if not.
    pub(super) fn can(&self, fault: Fault) -> bool {
        let missing = match fault {
            Fault::ClickHouseFull if self.disk.is_none() => "Linux and root, who may mount a disk",
            Fault::ClocksApart if !Path::new(FAKETIME).exists() => "libfaketime",
            _ => return true,
        };
        println!("not played: {}, which needs {missing}", fault.words());
        false
    }

    /// Makes something go wrong.
    pub(super) fn begin(&mut self, fault: Fault, choices: &Choices) -> anyhow::Result<()> {
        let Choices { server, delay, is_ahead, .. } = *choices;
        match fault {
            Fault::ServerKilled => drop(self.servers[server].take()),
            Fault::ClocksApart => self.replace_with_clock(server, if is_ahead { "+60s" } else { "-60s" }),
            Fault::ClickHouseKilled => self.clickhouse.kill(),
            Fault::ClickHouseStopped => self.clickhouse.pause(),
            Fault::ClickHouseSlow => {
                self.networks.iter().for_each(|network| network.clickhouse.set(Network::Delays(delay)));
            }
            Fault::ClickHouseFull => self.disk.as_ref().context("no disk")?.fill()?,
            Fault::ClickHouseDropped => self.networks[server].clickhouse.set(Network::Drops),
            Fault::ClickHouseClosed => self.networks[server].clickhouse.set(Network::Closes),
            Fault::PostgresKilled | Fault::PostgresReplaced => self.primary.kill(),
            Fault::PostgresStopped => self.primary.pause(),
            Fault::PostgresDropped => self.networks[server].set_postgres(Network::Drops),
            Fault::PostgresClosed => self.networks[server].set_postgres(Network::Closes),
        }
        Ok(())
    }

    /// Ends what went wrong.
    pub(super) fn end(&mut self, fault: Fault, server: usize) -> anyhow::Result<()> {
        match fault {
            Fault::ServerKilled | Fault::ClocksApart => self.restart(server)?,
            Fault::ClickHouseKilled => self.clickhouse.restart()?,
            Fault::ClickHouseStopped => self.clickhouse.resume(),
            Fault::ClickHouseSlow | Fault::ClickHouseDropped | Fault::ClickHouseClosed => {
                self.networks.iter().for_each(|network| network.clickhouse.set(Network::Passes));
            }
            Fault::ClickHouseFull => self.disk.as_ref().context("no disk")?.free()?,
            Fault::PostgresKilled => self.primary.restart()?,
            Fault::PostgresStopped => self.primary.resume(),
            Fault::PostgresReplaced => self.standby.promote()?,
            Fault::PostgresDropped | Fault::PostgresClosed => {
                self.networks[server].set_postgres(Network::Passes);
            }
        }
        Ok(())
    }

    /// Gives a promoted standby a standby of its own, at the address of the former primary.
    pub(super) fn replace_standby(&mut self) -> anyhow::Result<()> {
        let next = self.standby.standby()?;
        for network in &self.networks {
            network.postgres[self.primary_is].lead_to(next.port());
        }
        self.primary_is = 1 - self.primary_is;
        let promoted = std::mem::replace(&mut self.standby, next);
        drop(std::mem::replace(&mut self.primary, promoted));
        Ok(())
    }

    /// Kills a server if it runs, and starts it.
    fn restart(&mut self, server: usize) -> anyhow::Result<()> {
        drop(self.servers[server].take());
        let started = started(TempDir::new()?, &self.networks[server]).map_err(|error| anyhow!(error))?;
        self.run_as(server, started);
        Ok(())
    }

    /// Kills a server, and starts it with another clock.
    fn replace_with_clock(&mut self, server: usize, shift: &str) {
        drop(self.servers[server].take());
        let shell = format!(
            "LD_PRELOAD={FAKETIME} FAKETIME={shift} FAKETIME_DONT_FAKE_MONOTONIC=1 exec \"$0\" \"$@\""
        );
        let flags = self.networks[server].flags();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        self.run_as(server, ServerProcess::start_through(&shell, &flags));
    }

    fn run_as(&mut self, server: usize, process: ServerProcess) {
        *self.addresses[server].lock() = address(&process);
        self.servers[server] = Some(process);
    }
}

/// Starts a server in a folder.
fn started(folder: TempDir, network: &Networks) -> Result<ServerProcess, String> {
    let flags = network.flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    Ok(ServerProcess::try_start(folder.path(), &flags)?.keeping(folder))
}

fn address(server: &ServerProcess) -> String {
    server.url.replace("localhost", "127.0.0.1")
}
