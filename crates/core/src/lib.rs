//! What the product means, without any outside world: keys, origins, the event and its stages,
//! the source classifier, and the typed queries that every engine executes.
//!
//! Nothing in this crate does I/O, waits, reads a clock, draws a random number, speaks SQL or
//! HTTP. Time, random bytes and look-ups come in as arguments, so that every rule here can be
//! tested by a table.

pub mod attribution;
pub mod classify;
pub mod column;
pub mod event;
pub mod fuzzy_match;
pub mod goal;
pub mod ids;
pub mod ingest;
pub mod invisible;
pub mod key;
pub mod origin;
pub mod properties;
pub mod property_samples;
pub mod quality;
pub mod query;
pub mod record;
pub mod session;
pub mod time;
pub mod token;
pub mod values;
