//! Encodings of rows, columns and identifiers in memory. It does no I/O.

pub(crate) mod column_set;
pub(crate) mod event_key;
pub(crate) mod frame_of_reference;
pub(crate) mod heap_size;
pub(crate) mod json_properties;
pub(crate) mod keyed_hash;
pub(crate) mod row;
pub(crate) mod text;
pub(crate) mod times;
pub(crate) mod uuid_time;
