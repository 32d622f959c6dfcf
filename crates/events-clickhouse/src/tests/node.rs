//! The ClickHouse server of the tests of this process.

use std::path::Path;
use std::sync::{Arc, Weak};

use millimetric_events::suite::StartError;
use millimetric_test_servers::{ClickHouse, StartError as NotStarted};
use parking_lot::Mutex;

/// A server, which tests kill and start again.
pub(super) type Node = Mutex<ClickHouse>;

/// The server that tests share: each has a database of its own. It ends with the last of them.
static SHARED: Mutex<Weak<Node>> = Mutex::new(Weak::new());

/// The server that tests share, which is started if it does not run.
pub(super) fn shared() -> Result<Arc<Node>, StartError> {
    let mut shared = SHARED.lock();
    if let Some(node) = shared.upgrade() {
        return Ok(node);
    }
    let node = start()?;
    *shared = Arc::downgrade(&node);
    Ok(node)
}

/// Starts a server with a data folder of its own.
pub(super) fn start() -> Result<Arc<Node>, StartError> {
    started(ClickHouse::start())
}

/// Starts a server with its data in this folder.
pub(super) fn start_in(folder: &Path) -> Result<Arc<Node>, StartError> {
    started(ClickHouse::start_in(folder))
}

fn started(node: Result<ClickHouse, NotStarted>) -> Result<Arc<Node>, StartError> {
    match node {
        Ok(node) => Ok(Arc::new(Mutex::new(node))),
        Err(NotStarted::Missing(reason)) => Err(StartError::Unavailable(reason)),
        Err(NotStarted::Failed(reason)) => Err(StartError::Failed(reason)),
    }
}
