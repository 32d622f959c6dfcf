//! What the product can do, once. Every door (REST, MCP, dashboard, command line)
//! calls these; a door with a rule of its own has something that belongs here.
//!
//! Knows neither HTTP nor JSON shapes.

pub mod alike;
pub mod background;
pub mod backup;
pub mod collect;
pub mod explain;
pub mod export;
pub mod keys;
pub mod live;
pub mod origins;
pub mod overview;
pub mod people;
pub mod portfolio;
pub mod privacy;
pub mod projects;
pub mod read;
pub mod refusals;
pub mod restore;
pub mod schema;
pub mod share;
pub mod usage;
