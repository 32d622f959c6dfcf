//! The hosts of a URL, in its order. One that did not respond is tried last for some seconds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clickhouse::Compression;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use millimetric_events::ClickHouseUrl;
use parking_lot::Mutex;

use super::tls::{self, TlsError};

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
    pub(super) fn of(url: &ClickHouseUrl) -> Result<Self, TlsError> {
        let connector = connector(url)?;
        let scheme = if url.tls { "https" } else { "http" };
        let http = HttpClient::builder(TokioExecutor::new()).pool_idle_timeout(IDLE_TIMEOUT).build(connector);
        let shared = clickhouse::Client::with_http_client(http)
            .with_database(&url.database)
            .with_user(&url.user)
            .with_password(&url.password)
            .with_compression(Compression::Lz4);
        let host = |host: &String| {
            let client = shared.clone().with_url(format!("{scheme}://{host}/"));
            Arc::new(Host { client, failed_at: Mutex::new(None) })
        };
        Ok(Self(url.hosts.iter().map(host).collect()))
    }

    /// The hosts in the order in which they are tried.
    pub(super) fn in_order(&self) -> Vec<Arc<Host>> {
        let mut hosts = self.0.clone();
        // The sort is stable.
        hosts.sort_by_key(|host| host.is_avoided());
        hosts
    }
}

fn connector(url: &ClickHouseUrl) -> Result<HttpsConnector<HttpConnector>, TlsError> {
    let mut http = HttpConnector::new();
    http.set_connect_timeout(Some(CONNECT_TIMEOUT));
    http.set_nodelay(true);
    // Otherwise it refuses the scheme of encrypted connections.
    http.enforce_http(false);
    let tls = HttpsConnectorBuilder::new().with_tls_config(tls::config(url)?);
    let connector = if url.tls { tls.https_only() } else { tls.https_or_http() };
    Ok(connector.enable_http1().wrap_connector(http))
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

    /// Whether it did not respond a moment ago.
    pub(super) fn is_avoided(&self) -> bool {
        self.failed_at.lock().is_some_and(|at| at.elapsed() < AVOIDED_FOR)
    }
}
