//! Opens the event store of a URL: the one place that selects an engine.

use std::sync::Arc;

use millimetric_events::{EventStore, EventsUrl};
use millimetric_events_clickhouse::{self as clickhouse, ClickHouseStore};
use millimetric_events_embedded::{EmbeddedStore, Options};

/// Opens the event store. `embedded` are the options of the embedded engine. An error is that of the engine,
/// such as [`OpenError`](millimetric_events_embedded::OpenError).
pub async fn open(url: &EventsUrl, embedded: Options) -> anyhow::Result<Arc<dyn EventStore>> {
    match url {
        EventsUrl::File(folder) => Ok(Arc::new(EmbeddedStore::open(folder, embedded).await?)),
        EventsUrl::ClickHouse(url) => {
            Ok(Arc::new(ClickHouseStore::open(url, clickhouse::Options::default()).await?))
        }
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
        let store = open(&url, Options::default()).await.unwrap();
        store.ready().await.unwrap();
        assert!(store.local().is_some());
        assert!(directory.path().join("events.db").is_file());
        let second = open(&url, Options::default()).await.err().unwrap();
        assert!(matches!(second.downcast_ref(), Some(OpenError::InUse { .. })), "{second}");
        store.close().await;
    }
}
