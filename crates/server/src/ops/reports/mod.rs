//! Reports that are made of several queries: a project at a glance, several projects side by side, what
//! happens now, what describes the data itself, and
//! what a query names that the data do not contain.

pub mod explain;
pub mod live;
pub mod multi_project;
pub mod overview;
pub mod quality;
pub mod schema;
pub mod warnings;
