//! Opens the event store of a URL: the one place that selects an engine.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use millimetric_events::{EventStore, EventsUrl};
use millimetric_events_clickhouse::{self as clickhouse, ClickHouseStore};
use millimetric_events_embedded::{EmbeddedStore, Options};

/// Opens the event store. `options` are those of the embedded engine; another engine takes what it knows of them.
/// `is_worker` says whether this process does the background work of a store that others use too. An error is that
/// of the engine, such as [`OpenError`](millimetric_events_embedded::OpenError).
pub async fn open(
    url: &EventsUrl,
    options: Options,
    is_worker: Arc<AtomicBool>,
) -> anyhow::Result<Arc<dyn EventStore>> {
    match url {
        EventsUrl::File(folder) => Ok(Arc::new(EmbeddedStore::open(folder, options).await?)),
        EventsUrl::ClickHouse(url) => {
            let Options { queue_bytes, query_timeout, .. } = options;
            let options = clickhouse::Options {
                queue_bytes,
                query_timeout,
                is_worker,
                ..clickhouse::Options::default()
            };
            Ok(Arc::new(ClickHouseStore::open(url, options).await?))
        }
    }
}

/// Creates the tables that a store on servers needs, where they are missing. A store in files has none to create.
pub async fn apply_schema(url: &EventsUrl) -> anyhow::Result<()> {
    match url {
        EventsUrl::File(_) => Ok(()),
        EventsUrl::ClickHouse(url) => Ok(clickhouse::schema::apply(url).await?),
    }
}

#[cfg(test)]
mod tests {
    use millimetric_events_embedded::OpenError;
    use tempfile::TempDir;

    use super::*;

    #[tokio::test]
    async fn a_file_url_opens_the_embedded_engine_in_its_folder() {
        let directory = TempDir::new().unwrap();
        let url: EventsUrl = format!("file://{}", directory.path().display()).parse().unwrap();
        let opened = || open(&url, Options::default(), Arc::new(AtomicBool::new(true)));
        let store = opened().await.unwrap();
        store.ready().await.unwrap();
        assert!(store.local().is_some());
        assert!(directory.path().join("events.db").is_file());
        let second = opened().await.err().unwrap();
        assert!(matches!(second.downcast_ref(), Some(OpenError::InUse { .. })), "{second}");
        store.close().await;
    }
}
