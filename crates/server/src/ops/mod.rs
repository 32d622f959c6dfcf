//! What the product can do, once. Every interface (REST, MCP, dashboard, command
//! line) calls these; a rule of the product inside an interface belongs here instead.
//!
//! Knows neither HTTP nor JSON shapes.

pub mod background;
pub mod backup;
pub mod collect;
pub mod error;
pub mod export;
pub mod goals;
pub mod idempotency;
pub mod keys;
pub mod migrate;
pub mod origins;
pub mod people;
pub mod privacy;
pub mod projects;
pub mod read;
pub mod reclassify;
pub mod refusals;
pub mod reports;
pub mod share;
