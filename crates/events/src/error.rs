//! The errors of event stores.

/// The limit that a query exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryLimit {
    /// Its time.
    Time,
    /// Its memory.
    Memory,
}

impl std::fmt::Display for QueryLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Time => "time",
            Self::Memory => "memory",
        })
    }
}

/// A failed operation of an event store.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The memory for this kind of work (batches that wait to be written, or queries) is in use, or the store
    /// is closing to queries. Nothing of a batch was stored.
    #[error("the memory set aside for this is in use")]
    Overloaded,
    /// The client disconnected, or reads too slowly.
    #[error("the client has gone, or reads too slowly")]
    Cancelled,
    /// A query exceeded the limit of one query.
    #[error("a query needed too much {0}")]
    QueryTooLarge(QueryLimit),
    /// The store is closing and accepts no writes.
    #[error("the event store is closing")]
    Closing,
    /// An external engine does not respond.
    #[error("the event store does not respond: {0}")]
    Unavailable(String),
    /// A failure of local files; only a [`LocalStore`](crate::LocalStore) has it.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// Anything else; the text is for the log, never for a client.
    #[error("event store: {0}")]
    Internal(String),
}

/// A failure of local files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// The disk is full; nothing of this batch was stored.
    #[error("the disk is full")]
    DiskFull,
    /// A sync to disk failed; all writes are refused until a restart.
    #[error("the store takes no writes: {0}")]
    NotWritable(String),
    /// A file is missing or damaged; the text contains its path.
    #[error("a stored file cannot be read: {0}")]
    Corrupt(String),
}
