//! The queries, as loops over columns.
//!
//! A kernel reads a [`View`](crate::query::view::View) and nothing else: it takes no lock that a
//! writer waits for, and it stops when nobody waits for its answer.

pub(crate) mod distinct;
pub(crate) mod events;
pub(crate) mod funnel;
pub(crate) mod groups;
pub(crate) mod names;
pub(crate) mod pages;
pub(crate) mod retention;
pub(crate) mod run;
pub(crate) mod select;
pub(crate) mod sessions;
pub(crate) mod sources;
pub(crate) mod stats;
pub(crate) mod timeline;
pub(crate) mod view;
