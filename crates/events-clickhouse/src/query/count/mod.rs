//! Counts by group, in bounded memory.

pub(crate) mod calendar;
pub(crate) mod groups;
pub(crate) mod numbers;
pub(crate) mod series;
