//! The event store as commands reach it: opened by themselves, or through the server that has it.
//!
//! Decides nothing: each method hands on to the one or the other.

use std::path::Path;

use millimetric_core::event::{Event, EventScope};
use millimetric_events::embedded::{EmbeddedStore, OpenError, Options};
use millimetric_events::{EventStore as _, Snapshot};

use crate::config::Installation;
use crate::http::local::LocalServer;

/// Whoever has the store.
pub(super) enum Store {
    /// This command.
    Own(EmbeddedStore),
    /// A running server.
    Served(LocalServer),
}

impl Store {
    pub(super) async fn open(at: &Installation) -> anyhow::Result<Self> {
        match EmbeddedStore::open(&at.data_dir, Options::default()).await {
            Ok(store) => Ok(Self::Own(store)),
            Err(OpenError::InUse { .. }) => Ok(Self::Served(LocalServer::connect(&at.data_dir).await?)),
            Err(error) => Err(error.into()),
        }
    }

    /// Stores events; answers how many were new.
    pub(super) async fn append(&mut self, scope: EventScope, events: Vec<Event>) -> anyhow::Result<u64> {
        match self {
            Self::Own(store) => Ok(store.append(scope, events).await?.stored),
            Self::Served(server) => server.append(scope, events).await,
        }
    }

    /// Copies the store into a folder.
    pub(super) async fn snapshot(&mut self, folder: &Path) -> anyhow::Result<Snapshot> {
        match self {
            Self::Own(store) => Ok(store.snapshot(folder).await?),
            Self::Served(server) => server.snapshot(folder).await,
        }
    }

    pub(super) async fn close(self) {
        if let Self::Own(store) = self {
            store.close().await;
        }
    }
}
