//! The stages that turn what a client sent into an [`Event`](crate::event::Event), one file
//! each. Nothing turns back: no stage asks an earlier one anything.

pub mod user_agent;
