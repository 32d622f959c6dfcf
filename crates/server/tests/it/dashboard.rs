//! The dashboard over real HTTP: who gets in, who sees what, and what a form needs. How it looks
//! is the business of `cargo xtask test`, which opens it in Chromium.

pub(crate) mod browser;
mod devices;
mod downloads;
mod forms;
mod headers;
mod hostile;
mod keys;
pub(crate) mod live;
mod overview;
mod passwords;
pub(crate) mod people;
mod redirects;
mod sessions;
mod setup;
mod sharing;
mod texts;
mod throttle;
mod totp;
mod visitor_reports;
