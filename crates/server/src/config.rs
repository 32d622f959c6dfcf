//! Every setting of the server, declared once: the flag, its environment variable, its help text
//! and its row in `docs/self-hosting.md` all come from here.
//!
//! Parsed values cannot be wrong; secrets never print.

mod memory;
mod secret;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context as _;
use clap::Args;
use ipnet::IpNet;
use millimetric_control::ControlUrl;
use millimetric_core::origin::AllowedOrigin;
use millimetric_events::EventsUrl;

use self::memory::default_cache_mib;
pub use self::secret::{Secret, StoreUrl};

/// Where an installation lives and the secrets that belong to it; every command takes these.
#[derive(Debug, Clone, Args)]
pub struct Installation {
    /// Data folder, with databases, segments and secrets
    #[arg(
        long,
        value_name = "DIR",
        default_value = "./data",
        env = "MILLIMETRIC_DATA_DIR",
        global = true,
        display_order = 900
    )]
    pub data_dir: PathBuf,
    /// Database for accounts, projects and keys instead of control.db in the data folder, like `postgres://user:password@host/millimetric`; several servers can share it
    #[arg(
        long,
        value_name = "URL",
        env = "MILLIMETRIC_CONTROL_URL",
        hide_env_values = true,
        global = true,
        display_order = 901
    )]
    pub control_url: Option<StoreUrl>,
    /// Database for events on ClickHouse servers instead of the files in the data folder, like `clickhouse://user:password@host1:8123,host2:8123/millimetric`; several servers can share it
    #[arg(
        long,
        value_name = "URL",
        env = "MILLIMETRIC_EVENTS_URL",
        hide_env_values = true,
        global = true,
        display_order = 902
    )]
    pub events_url: Option<StoreUrl>,
    /// Secret that is hashed together with every key, at least 16 characters; default: the file `pepper` in the data folder
    #[arg(
        long,
        value_name = "SECRET",
        env = "MILLIMETRIC_PEPPER",
        hide_env_values = true,
        global = true,
        help_heading = "Secrets"
    )]
    pub pepper: Option<Secret>,
    /// The previous pepper during a planned change; keys created with it keep working
    #[arg(
        long,
        value_name = "SECRET",
        env = "MILLIMETRIC_PEPPER_PREVIOUS",
        hide_env_values = true,
        global = true,
        help_heading = "Secrets"
    )]
    pub pepper_previous: Option<Secret>,
    /// Secret for hashing IP addresses; default: the file `ip_salt` in the data folder
    #[arg(
        long,
        value_name = "SECRET",
        env = "MILLIMETRIC_IP_SALT",
        hide_env_values = true,
        global = true,
        help_heading = "Secrets"
    )]
    pub ip_salt: Option<Secret>,
}

impl Installation {
    /// Where accounts, projects and keys are.
    pub fn control_url(&self) -> anyhow::Result<ControlUrl> {
        match &self.control_url {
            Some(StoreUrl(url)) => url.parse().context("--control-url"),
            None => Ok(ControlUrl::in_folder(&self.data_dir)),
        }
    }

    /// Where events are. Those in files are always in the data folder.
    pub fn events_url(&self) -> anyhow::Result<EventsUrl> {
        let url = match &self.events_url {
            Some(StoreUrl(url)) => url.parse().context("--events-url")?,
            None => EventsUrl::in_folder(&self.data_dir),
        };
        anyhow::ensure!(
            !matches!(&url, EventsUrl::File(folder) if *folder != self.data_dir),
            "--events-url: events in files are in the data folder: leave it out, and name the folder with --data-dir"
        );
        Ok(url)
    }
}

/// The settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Create the tables for events in ClickHouse that are missing, as `millimetric schema apply` does
    #[arg(long, env = "MILLIMETRIC_APPLY_SCHEMA")]
    pub apply_schema: bool,
    /// Address, public URL and trusted proxies.
    #[command(flatten)]
    pub network: NetworkSettings,
    /// Rate limits of a project and of a person.
    #[command(flatten)]
    pub rates: RateSettings,
    /// Hosts and origins that may call /mcp.
    #[command(flatten)]
    pub mcp: McpSettings,
    /// Print whole keys at the first start even if standard output is not a terminal
    #[arg(long, env = "MILLIMETRIC_PRINT_KEYS", help_heading = "Secrets")]
    pub print_keys: bool,
    /// Country database in MMDB format (GeoLite2, DB-IP, IPinfo) instead of the built-in one; reloaded when the file changes
    #[arg(long, value_name = "PATH", env = "MILLIMETRIC_GEO_DB", help_heading = "Countries")]
    pub geo_db: Option<PathBuf>,
    /// Memory of the event store.
    #[command(flatten)]
    pub memory: MemorySettings,
    /// Limits of queries.
    #[command(flatten)]
    pub queries: QuerySettings,
    /// Metrics and logs.
    #[command(flatten)]
    pub monitoring: MonitoringSettings,
}

/// Address, public URL and trusted proxies.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub struct NetworkSettings {
    /// Address and port to listen on, or a port alone (on 127.0.0.1); port 0 selects a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787", value_parser = parse_listen, env = "MILLIMETRIC_LISTEN")]
    pub listen: SocketAddr,
    /// Base URL that clients use, if the server is behind a proxy (like `https://stats.example.com`)
    #[arg(long, value_name = "URL", env = "MILLIMETRIC_PUBLIC_URL")]
    pub public_url: Option<PublicUrl>,
    /// Addresses or CIDR ranges of proxies whose X-Forwarded-For or Forwarded header is used
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = parse_network, env = "MILLIMETRIC_TRUSTED_PROXIES")]
    pub trusted_proxies: Vec<IpNet>,
    /// Open connections per client address (IPv6: per /64 network); trusted proxies are not limited
    #[arg(long, value_name = "COUNT", default_value = "256", env = "MILLIMETRIC_CONNECTIONS_PER_ADDRESS", value_parser = at_least_one::<NonZeroUsize>)]
    pub connections_per_address: NonZeroUsize,
}

/// Rate limits of a project and of a person.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Rate limits")]
pub struct RateSettings {
    /// Requests per second and burst of /v1/track and /v1/identify together, per project, separately for pk and sk keys; or `off`
    #[arg(long, value_name = "RATE/BURST", default_value = "50/200", env = "MILLIMETRIC_RATE_LIMIT_TRACK")]
    pub rate_limit_track: RateLimit,
    /// The same for /v1/batch, one token per request
    #[arg(long, value_name = "RATE/BURST", default_value = "5/20", env = "MILLIMETRIC_RATE_LIMIT_BATCH")]
    pub rate_limit_batch: RateLimit,
    /// The same for /v1/admin, per person, whichever of their tokens they use
    #[arg(long, value_name = "RATE/BURST", default_value = "10/100", env = "MILLIMETRIC_RATE_LIMIT_ADMIN")]
    pub rate_limit_admin: RateLimit,
}

/// Hosts and origins that may call /mcp.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "MCP")]
pub struct McpSettings {
    /// Additional host names that /mcp accepts, besides those of the public URL and of this machine, and IP addresses
    #[arg(long, value_name = "HOST", value_delimiter = ',', env = "MILLIMETRIC_MCP_HOSTS")]
    pub mcp_hosts: Vec<String>,
    /// Additional web origins whose pages may call /mcp, besides those of the public URL and of this machine
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',', env = "MILLIMETRIC_MCP_ORIGINS")]
    pub mcp_origins: Vec<AllowedOrigin>,
}

/// Memory of the event store.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Memory")]
pub struct MemorySettings {
    /// Memory for decoded columns and data derived from them, in MiB. Default: a sixteenth of the memory of the
    /// machine or the container, at least 256 and at most 4096
    #[arg(long, value_name = "MIB", default_value_t = default_cache_mib(), hide_default_value = true, env = "MILLIMETRIC_CACHE_MIB", value_parser = at_least_one::<NonZeroU32>)]
    pub cache_mib: NonZeroU32,
    /// Memory for events that wait to be written, in MiB; beyond it clients get 503 `overloaded`
    #[arg(long, value_name = "MIB", default_value = "64", env = "MILLIMETRIC_QUEUE_MIB", value_parser = at_least_one::<NonZeroU32>)]
    pub queue_mib: NonZeroU32,
}

/// Limits of queries.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Queries")]
pub struct QuerySettings {
    /// Queries that run at once, of which one project uses at most half; further ones wait up to 10
    /// seconds. Default: twice the cores
    #[arg(long, value_name = "COUNT", default_value_t = twice_the_cores(), hide_default_value = true, env = "MILLIMETRIC_QUERY_SLOTS", value_parser = at_least_one::<NonZeroUsize>)]
    pub query_slots: NonZeroUsize,
    /// Time limit of a query, in seconds; beyond it: 503 `query_too_large`
    #[arg(long, value_name = "SECONDS", default_value = "30", env = "MILLIMETRIC_QUERY_TIMEOUT", value_parser = at_least_one::<NonZeroU32>)]
    pub query_timeout: NonZeroU32,
    /// Memory for groups, visitors and sessions of all running queries, in MiB, of which one query uses at
    /// most half; beyond it: 503 `query_too_large` or `overloaded`
    #[arg(long, value_name = "MIB", default_value = "512", env = "MILLIMETRIC_QUERY_MIB", value_parser = at_least_one::<NonZeroU32>)]
    pub query_mib: NonZeroU32,
}

/// Metrics and logs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Monitoring")]
pub struct MonitoringSettings {
    /// Token for GET /metrics, sent as `Authorization: Bearer`; without it the route does not exist
    #[arg(long, value_name = "TOKEN", env = "MILLIMETRIC_METRICS_TOKEN", hide_env_values = true)]
    pub metrics_token: Option<Secret>,
    /// Log level, as `level` or `target=level,target=level`
    #[arg(long, value_name = "FILTER", default_value = "info", env = "MILLIMETRIC_LOG")]
    pub log: String,
    /// Format of the log
    #[arg(long, value_name = "FORMAT", default_value = "text", env = "MILLIMETRIC_LOG_FORMAT")]
    pub log_format: LogFormat,
}

fn twice_the_cores() -> NonZeroUsize {
    std::thread::available_parallelism().map_or(NonZeroUsize::MIN, |cores| cores.saturating_add(cores.get()))
}

/// Shape of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For collectors: one object a line.
    Json,
}

/// A token bucket's size, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimit {
    /// No limit.
    Off,
    /// So many a second, and so many at once.
    On {
        /// Tokens that come back each second.
        per_second: NonZeroU32,
        /// Tokens of a full bucket.
        burst: NonZeroU32,
    },
}

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.split_once('/')
            .and_then(|(rate, burst)| {
                Some(Self::On { per_second: rate.parse().ok()?, burst: burst.parse().ok()? })
            })
            .ok_or_else(|| "expected `RATE/BURST` such as 50/200 (both at least 1), or `off`".to_owned())
    }
}

/// The address under which clients reach the server, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where a server that listens here is reached from the same machine.
    pub fn local(address: SocketAddr) -> Self {
        match address.ip() {
            ip if ip.is_unspecified() || ip.is_loopback() => {
                Self(format!("http://localhost:{}", address.port()))
            }
            _ => Self(format!("http://{address}")),
        }
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim_end_matches('/');
        let plain =
            |rest: &str| !rest.is_empty() && !rest.contains(['?', '#', '@', ' ', '"', '\'', '<', '>']);
        match trimmed.split_once("://") {
            Some(("http" | "https", rest)) if plain(rest) => Ok(Self(trimmed.to_owned())),
            _ => Err("expected an address like https://stats.example.com".to_owned()),
        }
    }
}

/// An address to listen on: `0.0.0.0:8787`, `[::]:8787`, `localhost:8787`, or a port, which is on 127.0.0.1 as by
/// default: `8787`, `:8787`.
fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    const EXPECTED: &str = "expected an address and a port like 0.0.0.0:8787, or a port like 8787";
    let local = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Err(format!("the port is missing: expected {}", SocketAddr::new(ip, 8787)));
    }
    let port = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
    if let Ok(port) = port.parse() {
        return Ok(local(port));
    }
    let port = text.rsplit_once(':').map_or(text, |(_, port)| port);
    if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_err() {
        return Err("a port is a number from 0 to 65535, like 8787".to_owned());
    }
    Err(EXPECTED.to_owned())
}

/// A whole number that is not 0.
pub fn at_least_one<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "expected a whole number of at least 1".to_owned())
}

/// An address or a CIDR block.
pub fn parse_network(text: &str) -> Result<IpNet, String> {
    text.parse::<IpNet>()
        .or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from))
        .map_err(|_| "expected an address like 10.0.0.1 or a range like 10.0.0.0/8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        let on = |rate, burst| {
            Ok(RateLimit::On {
                per_second: NonZeroU32::new(rate).unwrap(),
                burst: NonZeroU32::new(burst).unwrap(),
            })
        };
        assert_eq!("50/200".parse(), on(50, 200));
        assert_eq!("off".parse(), Ok(RateLimit::Off));
        for text in ["", "50", "0/1", "1/0", "-1/2", "50/200/3", "OFF"] {
            assert!(text.parse::<RateLimit>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_public_url_is_plain() {
        assert_eq!("https://a.example/".parse::<PublicUrl>().unwrap().as_str(), "https://a.example");
        for text in ["", "a.example", "ftp://a", "https://", "https://a/?x", "https://u@a"] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_to_listen_on_is_read_with_and_without_a_host() {
        for (text, address) in [
            ("0.0.0.0:18900", "0.0.0.0:18900"),
            ("[::1]:0", "[::1]:0"),
            ("18900", "127.0.0.1:18900"),
            (":18900", "127.0.0.1:18900"),
            ("localhost:18900", "127.0.0.1:18900"),
        ] {
            assert_eq!(parse_listen(text).unwrap().to_string(), address, "{text}");
        }
        let expected = "expected an address and a port like 0.0.0.0:8787, or a port like 8787";
        let number = "a port is a number from 0 to 65535, like 8787";
        for (text, error) in [
            ("", expected),
            (":", expected),
            ("nowhere", expected),
            ("http://localhost:8787", expected),
            ("stats.example:8787", expected),
            ("-1", expected),
            ("70000", number),
            ("127.0.0.1:70000", number),
            ("0.0.0.0", "the port is missing: expected 0.0.0.0:8787"),
            ("::", "the port is missing: expected [::]:8787"),
            ("[::1]", "the port is missing: expected [::1]:8787"),
        ] {
            assert_eq!(parse_listen(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn networks_are_read() {
        assert_eq!(parse_network("10.0.0.1").unwrap().to_string(), "10.0.0.1/32");
        assert_eq!(parse_network("fd00::/8").unwrap().to_string(), "fd00::/8");
        assert!(parse_network("10.0.0.0/33").is_err());
    }
}
