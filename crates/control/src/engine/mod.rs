//! The engines: how a store is opened, which deadlines its statements have, and how its rows are read. What only one
//! engine does is in `sqlite/` and `postgres/`.

pub(crate) mod pool;
pub(crate) mod postgres;
pub(crate) mod row;
pub(crate) mod schema;
pub(crate) mod sqlite;
pub(crate) mod url;
