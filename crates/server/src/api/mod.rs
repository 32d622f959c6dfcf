//! The REST door. Handlers take, check, ask and shape; what the product does is in `ops`.

pub mod collect;
pub mod discover;
pub mod export;
pub mod journeys;
pub mod privacy;
pub mod read;
pub mod script;
pub mod understand;
