//! The edge of Millimetric: HTTP, JSON, HTML, environment, clock, command line.
//!
//! The only crate that knows the outside world; what the product means is in `core`, how events
//! are kept in `events`, who may do what in `control`. They meet in [`ops`].

pub mod api;
pub mod app;
pub mod auth;
pub mod body;
pub mod cli;
pub mod client_info;
pub mod config;
pub mod country;
pub mod credentials;
pub mod dashboard;
pub mod demo;
pub mod document;
pub mod error;
pub mod html;
pub mod http;
pub mod limits;
pub mod mcp;
pub mod ops;
pub mod refusals;
pub mod secrets;
pub mod state;
pub mod telemetry;
pub mod wire;
