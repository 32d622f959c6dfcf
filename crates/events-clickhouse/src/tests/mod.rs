//! The conformance suite against a ClickHouse server, and what only this engine does.

mod engine;
mod faults;
mod groups;
mod limits;
mod node;
mod queries;
mod several;
mod tls;

use self::engine::OnClickHouse;

millimetric_events::conformance!(OnClickHouse);
