//! The management API: what it does, and who may do it.

mod abuse;
mod client;
mod idempotency;
mod lists;
mod profile;
mod projects;
mod secrets;
mod settings;
mod stranger;
