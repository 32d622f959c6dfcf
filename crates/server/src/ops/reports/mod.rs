//! Reports that are made of several queries: a project at a glance, several projects side by side, what
//! happens now, and what describes the data itself.

pub mod explain;
pub mod live;
pub mod multi_project;
pub mod overview;
pub mod schema;
