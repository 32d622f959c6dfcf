//! The JSON of requests and responses, shared by all interfaces.
//!
//! Only types are checked here; which values are allowed is decided in `core`.

pub mod admin;
pub mod backup;
pub mod bucket;
pub mod choices;
pub mod goals;
pub mod mcp;
pub mod params;
pub mod repair;
pub mod reports;
pub mod requests;
pub mod responses;
pub mod rows;
pub mod shapes;
