//! Why a store did not do what it was asked.

/// What a query ran out of.
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
    /// The memory set aside for this operation is in use: for batches that wait to be written, or for
    /// running queries. Nothing of a batch was stored.
    #[error("the memory set aside for this is in use")]
    Overloaded,
    /// The client has gone, or reads too slowly.
    #[error("the client has gone, or reads too slowly")]
    Cancelled,
    /// A query needed more than one query may use.
    #[error("a query needed too much {0}")]
    QueryTooLarge(QueryLimit),
    /// The store is closing and accepts no writes.
    #[error("the event store is closing")]
    Closing,
    /// An external engine does not respond.
    #[error("the event store does not respond: {0}")]
    Unavailable(String),
    /// A failure of files on this machine; only a [`LocalStore`](crate::LocalStore) has it.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// Anything else; the text is for the log, never for a client.
    #[error("event store: {0}")]
    Internal(String),
}

/// A failure of files on this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// The disk is full; nothing of this batch was stored.
    #[error("the disk is full")]
    DiskFull,
    /// A sync to disk failed, so that nothing more is written.
    #[error("the store takes no writes: {0}")]
    NotWritable(String),
    /// A file is missing or damaged; the text names it.
    #[error("a stored file cannot be read: {0}")]
    Corrupt(String),
}
