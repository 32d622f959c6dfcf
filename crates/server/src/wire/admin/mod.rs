//! The JSON of the management API: what it takes and returns.
//!
//! Bodies are read member by member, so that an error names each field that is wrong, and each that is unknown.

pub mod account;
mod fields;
pub mod goals;
pub mod keys;
pub mod lists;
pub mod params;
pub mod projects;
pub mod settings;

use serde::Serialize;
use utoipa::ToSchema;

/// What a deletion returns.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deleted {
    /// Always true.
    pub ok: bool,
}
