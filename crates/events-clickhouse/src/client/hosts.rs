//! The hosts of a URL, in its order. One that did not respond is tried last for some seconds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clickhouse::Compression;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use millimetric_events::ClickHouseUrl;
use parking_lot::Mutex;

/// How long a host that did not respond is tried last.
const AVOIDED_FOR: Duration = Duration::from_secs(5);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long an idle connection is kept; the server closes it after three seconds by default.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// The hosts, in the order of the URL.
pub(super) struct Hosts(Vec<Arc<Host>>);

/// A host.
pub(super) struct Host {
    /// The client of this host.
    pub(super) client: clickhouse::Client,
    failed_at: Mutex<Option<Instant>>,
}

impl Hosts {
    /// The hosts of a URL.
    pub(super) fn of(url: &ClickHouseUrl) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let http = HttpClient::builder(TokioExecutor::new()).pool_idle_timeout(IDLE_TIMEOUT).build(connector);
        let shared = clickhouse::Client::with_http_client(http)
            .with_database(&url.database)
            .with_user(&url.user)
            .with_password(&url.password)
            .with_compression(Compression::Lz4);
        let host = |host: &String| {
            let client = shared.clone().with_url(format!("http://{host}/"));
            Arc::new(Host { client, failed_at: Mutex::new(None) })
        };
        Self(url.hosts.iter().map(host).collect())
    }

    /// The hosts in the order in which they are tried.
    pub(super) fn in_order(&self) -> Vec<Arc<Host>> {
        let mut hosts = self.0.clone();
        // The sort is stable.
        hosts.sort_by_key(|host| host.is_avoided());
        hosts
    }
}

impl Host {
    /// Records that the host did not respond.
    pub(super) fn failed(&self) {
        *self.failed_at.lock() = Some(Instant::now());
    }

    /// Records that the host responded.
    pub(super) fn responded(&self) {
        *self.failed_at.lock() = None;
    }

    fn is_avoided(&self) -> bool {
        self.failed_at.lock().is_some_and(|at| at.elapsed() < AVOIDED_FOR)
    }
}
