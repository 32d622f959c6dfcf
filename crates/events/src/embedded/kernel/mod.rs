//! The queries, as loops over columns.
//!
//! A kernel reads a [`View`](super::view::View) and nothing else: it takes no lock that a
//! writer waits for, and it stops when nobody waits for its answer.

pub(super) mod calendar;
pub(super) mod distinct;
pub(super) mod estimate;
pub(super) mod events;
pub(super) mod find;
pub(super) mod frequent;
pub(super) mod funnel;
pub(super) mod groups;
pub(super) mod journeys;
pub(super) mod labels;
pub(super) mod local;
pub(super) mod names;
pub(super) mod pages;
pub(super) mod properties;
pub(super) mod property_names;
pub(super) mod retention;
pub(super) mod run;
pub(super) mod select;
pub(super) mod sessions;
pub(super) mod shapes;
pub(super) mod sources;
pub(super) mod stats;
pub(super) mod summary;
pub(super) mod sums;
