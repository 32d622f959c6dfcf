//! The event store for commands: opened directly, or through the server that has it open.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::ensure;
use millimetric_control::Control;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::ids::ReclassificationId;
use millimetric_core::query::{ExportQuery, RuleChanges, RuleChangesQuery};
use millimetric_core::time::Timestamp;
use millimetric_events::{
    Appended, EventStore, EventStoreExt as _, EventsUrl, ReclassifyReport, Snapshot, StoreError,
};
use millimetric_events_embedded::{OpenError, Options, copy_at_rest, is_older};

use super::output::Progress;
use crate::app::event_store;
use crate::config::Installation;
use crate::http::local::{LocalServer, Received};
use crate::ops::export::Export;
use crate::ops::reclassify;
use crate::wire::rows::{RowFormat, RowWriter};

/// How a command accesses the store.
pub(super) enum Store {
    /// Opened by this command.
    Own(Arc<dyn EventStore>),
    /// Through a running server.
    Served(LocalServer),
}

/// Copies the event store of a data folder into another folder: through the server if one has the store
/// open, else directly.
pub(super) async fn snapshot(at: &Installation, folder: &Path) -> anyhow::Result<Snapshot> {
    match copy_at_rest(&at.data_dir, folder) {
        Err(OpenError::InUse { .. }) => LocalServer::connect(&at.data_dir).await?.snapshot(folder).await,
        copied => Ok(copied?),
    }
}

impl Store {
    /// Opens the store for a command that only reads: a missing store is not created, and a store of an
    /// older format is not migrated.
    pub(super) async fn open_to_read(at: &Installation) -> anyhow::Result<Self> {
        Self::ensure_current(at)?;
        Self::open(at).await
    }

    /// The same for a command that waits until stored events are classified again, and does that itself if no
    /// server does.
    pub(super) async fn open_to_reclassify(at: &Installation) -> anyhow::Result<Self> {
        Self::ensure_current(at)?;
        Self::open_as(at, true).await
    }

    fn ensure_current(at: &Installation) -> anyhow::Result<()> {
        if !matches!(at.events_url()?, EventsUrl::File(_)) {
            return Ok(());
        }
        let shown = at.data_dir.join("events.db");
        ensure!(
            shown.is_file(),
            "there is no {}, so no events were stored yet: start the server once",
            shown.display()
        );
        ensure!(
            !is_older(&at.data_dir)?,
            "{} was written by an older version: start the server once to migrate it",
            shown.display()
        );
        Ok(())
    }

    pub(super) async fn open(at: &Installation) -> anyhow::Result<Self> {
        Self::open_as(at, false).await
    }

    /// `is_worker` says whether this process does the background work of a store that servers use at the same time.
    /// A store that nobody else can use at the same time is always worked on.
    async fn open_as(at: &Installation, is_worker: bool) -> anyhow::Result<Self> {
        let _progress = Progress::spinner("opening the event store");
        let is_worker = Arc::new(AtomicBool::new(is_worker));
        match event_store::open(&at.events_url()?, Options::default(), is_worker).await {
            Ok(store) => Ok(Self::Own(store)),
            Err(error) if matches!(error.downcast_ref(), Some(OpenError::InUse { .. })) => {
                Ok(Self::Served(LocalServer::connect(&at.data_dir).await?))
            }
            Err(error) => Err(error),
        }
    }

    /// Stores events; returns how many were new.
    pub(super) async fn append(&mut self, scope: EventScope, events: Vec<Event>) -> anyhow::Result<u64> {
        match self {
            Self::Own(store) => Ok(store.append(scope, events).await?.stored),
            Self::Served(server) => server.append(scope, events).await,
        }
    }

    /// Stores events of an export; `None` if the store is overloaded and the call should be retried.
    pub(super) async fn import(
        &mut self,
        scope: EventScope,
        events: Vec<Event>,
    ) -> anyhow::Result<Option<Appended>> {
        match self {
            Self::Own(store) => match store.import(scope, events).await {
                Err(StoreError::Overloaded) => Ok(None),
                appended => Ok(Some(appended?)),
            },
            Self::Served(server) => server.import(scope, events).await,
        }
    }

    /// Begins an export.
    pub(super) async fn export(
        &mut self,
        scope: EventScope,
        query: ExportQuery,
        format: RowFormat,
    ) -> anyhow::Result<ExportBytes> {
        match self {
            Self::Own(store) => {
                let events = Arc::clone(store);
                let encoder = RowWriter::new(format, scope)?;
                Ok(ExportBytes::Own(Export::start(events.export(scope, Timestamp::MIN, query), encoder, ())))
            }
            Self::Served(server) => Ok(ExportBytes::Served(server.export(scope, query.range, format).await?)),
        }
    }

    /// What rules would change of stored events.
    pub(super) async fn rule_changes(
        &mut self,
        scope: EventScope,
        query: RuleChangesQuery,
    ) -> anyhow::Result<RuleChanges> {
        match self {
            Self::Own(store) => Ok(store.query(scope, query).await?),
            Self::Served(server) => server.rule_changes(scope, query).await,
        }
    }

    /// Moves re-classifications forward, and returns the progress of one. A server moves them by itself.
    pub(super) async fn reclassification(
        &mut self,
        control: &Control,
        scope: EventScope,
        id: ReclassificationId,
        now: Timestamp,
    ) -> anyhow::Result<Option<ReclassifyReport>> {
        match self {
            Self::Own(store) => {
                reclassify::advance(control, &**store, now).await?;
                Ok(store.reclassification(scope, id).await?)
            }
            Self::Served(server) => server.reclassification(scope, id).await,
        }
    }

    pub(super) async fn close(self) {
        if let Self::Own(store) = self {
            store.close().await;
        }
    }
}

/// The bytes of an export, chunk by chunk.
pub(super) enum ExportBytes {
    /// From the store that this command opened.
    Own(Export),
    /// Received from a server.
    Served(Received),
}

impl ExportBytes {
    /// The next bytes; `None` only when the file is complete.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        match self {
            Self::Own(export) => Ok(export.next().await.transpose()?),
            Self::Served(received) => received.next().await,
        }
    }
}
