//! The write path: the queue of batches, the writer's thread, and `events.db` with the write-ahead log.

pub(crate) mod batch_codec;
pub(crate) mod commands;
pub(crate) mod manifest;
pub(crate) mod queue;
pub(crate) mod recent_ids;
pub(crate) mod replay;
pub(crate) mod snapshot;
pub(crate) mod stored;
pub(crate) mod writer;
