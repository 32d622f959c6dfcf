//! The stages that turn what a client sent into an [`Event`](crate::event::Event), one file
//! each: validate, scrub, classify (its own room), enrich. Nothing turns back: no stage asks an
//! earlier one anything, and none does I/O.

pub mod bots;
pub mod enrich;
pub mod page_path;
pub mod placeholder;
pub mod scrub;
pub mod user_agent;
pub mod validate;
