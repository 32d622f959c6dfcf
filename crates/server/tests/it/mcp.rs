//! The MCP endpoints, over real HTTP: both eras of the protocol, keys, tools, resources, prompts,
//! and that no call shows what another key may not see.

mod account;
mod bounds;
pub(crate) mod client;
mod filters;
mod findings;
mod goals;
mod hostile;
mod isolation;
mod keys;
mod listing;
mod mistakes;
mod one_call;
mod protocol;
mod queries;
mod reading;
mod writing;
