//! The write path: the queue of batches, the one thread that writes, and `events.db`.

pub(crate) mod apply;
pub(crate) mod batch_codec;
pub(crate) mod commands;
pub(crate) mod manifest;
pub(crate) mod queue;
pub(crate) mod replay;
pub(crate) mod stored;
pub(crate) mod writer;
