//! Opens the stores of both sides: the source as it is, also while a server uses it, and the target only if nobody
//! does.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context as _, ensure};
use millimetric_control::{Control, ControlUrl};
use millimetric_events::{EventsUrl, MovableStore};
use millimetric_events_clickhouse::{self as clickhouse, ClickHouseStore};
use millimetric_events_embedded::{self as embedded, EmbeddedStore, OpenError, Options, is_older};
use tokio::task::spawn_blocking;

use super::side::Side;
use crate::app::server::create_data_dir;
use crate::cli::output::Progress;
use crate::cli::store::snapshot;
use crate::config::Installation;
use crate::http::local::LocalServer;
use crate::ops::backup::UnfinishedFolder;

/// The events to move from.
pub(super) struct Source {
    store: Arc<dyn MovableStore>,
    /// The copy that is read, if a server has the store itself open. Dropping it removes it.
    _copy: Option<UnfinishedFolder>,
}

impl Source {
    /// Opens the store; if a server has it open, a snapshot of it.
    pub(super) async fn open(at: &Installation, url: &EventsUrl) -> anyhow::Result<Self> {
        let folder = match url {
            EventsUrl::ClickHouse(url) => {
                let options =
                    clickhouse::Options { is_worker: Arc::new(AtomicBool::new(false)), ..Default::default() };
                return Ok(Self { store: Arc::new(ClickHouseStore::open(url, options).await?), _copy: None });
            }
            EventsUrl::File(folder) => folder,
        };
        let file = folder.join("events.db");
        let shown = file.display();
        ensure!(file.is_file(), "there is no {shown}: name the data folder of the server with --from");
        ensure!(
            !is_older(folder)?,
            "{shown} was written by an older version: start the server once to migrate it"
        );
        let _progress = Progress::spinner("opening the event store");
        match EmbeddedStore::open(folder, Options::default()).await {
            Ok(store) => Ok(Self { store: Arc::new(store), _copy: None }),
            Err(OpenError::InUse { .. }) => {
                let copy = UnfinishedFolder::beside(folder)?;
                snapshot(&Installation { data_dir: folder.clone(), ..at.clone() }, copy.path()).await?;
                let store = EmbeddedStore::open(copy.path(), Options::default()).await?;
                Ok(Self { store: Arc::new(store), _copy: Some(copy) })
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn store(&self) -> Arc<dyn MovableStore> {
        Arc::clone(&self.store)
    }

    pub(super) async fn close(self) {
        self.store.close().await;
    }
}

/// Opens the store to move the events of `source` to, and creates what is missing.
pub(super) async fn open_target(
    url: &EventsUrl,
    source: Arc<dyn MovableStore>,
) -> anyhow::Result<Arc<dyn MovableStore>> {
    let key = source.deletions().await?.hash_key;
    match url {
        EventsUrl::File(folder) => {
            create_data_dir(folder)?;
            let to = folder.clone();
            let adopted = spawn_blocking(move || embedded::adopt_hash_key(&to, key)).await?;
            ensure_copy(adopted.context("the target")?)?;
            Ok(Arc::new(EmbeddedStore::open(folder, Options::default()).await?))
        }
        EventsUrl::ClickHouse(url) => {
            let database = || format!("the database `{}` of the target", url.database);
            clickhouse::schema::apply(url).await.with_context(database)?;
            ensure_copy(clickhouse::adopt_hash_key(url, key).await.with_context(database)?)?;
            Ok(Arc::new(ClickHouseStore::open(url, clickhouse::Options::default()).await?))
        }
    }
}

fn ensure_copy(is_copy: bool) -> anyhow::Result<()> {
    ensure!(is_copy, "the target has events of another installation: move to an empty folder or database");
    Ok(())
}

/// Whether a server uses the source.
pub(super) async fn is_in_use(source: &Side, control: &Control) -> anyhow::Result<bool> {
    let is_local = match source.data_dir() {
        Some(folder) => LocalServer::connect(folder).await.is_ok(),
        None => false,
    };
    Ok(is_local || control.live_servers().await? > 0)
}

/// Opens the control database of the target, creating what is missing.
pub(super) async fn open_control(target: &Side) -> anyhow::Result<Control> {
    if let ControlUrl::Sqlite(file) = &target.control {
        let folder = file.parent().unwrap_or(Path::new("."));
        create_data_dir(folder)?;
        ensure!(
            LocalServer::connect(folder).await.is_err(),
            "a server is running on {}: stop it before you move anything there",
            folder.display()
        );
    }
    Control::open(&target.control).await.context("the target")
}
