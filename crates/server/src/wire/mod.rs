//! The shapes of requests and answers: the only place that speaks JSON. One shape serves every
//! door.
//!
//! Reading here means types alone; whether a value is allowed is the business of `core`.

pub mod answers;
pub mod backup;
pub mod mcp;
pub mod questions;
pub mod repair;
pub mod rows;
pub mod submissions;
