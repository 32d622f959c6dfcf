//! The REST interface: thin handlers; what the product does is in `ops`.

pub mod admin;
pub mod collect;
pub mod discover;
pub mod explain;
pub mod export;
pub mod goals;
pub mod packages;
pub mod privacy;
pub mod quality;
pub mod reading;
pub mod reports;
pub mod schema;
pub mod script;
pub mod segment;
