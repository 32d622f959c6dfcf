//! The shapes of requests and responses: the only place that speaks JSON. One shape serves every
//! interface.
//!
//! Reading here means types alone; whether a value is allowed is the business of `core`.

pub mod backup;
pub mod mcp;
pub mod params;
pub mod repair;
pub mod reports;
pub mod requests;
pub mod responses;
pub mod rows;
