//! The same tests over databases on servers: `cargo xtask test` runs some of them again, with the ports of a
//! `ClickHouse` and a `PostgreSQL` in the environment. Each data folder then has a database of its own on both.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use millimetric_test_servers::{Postgres, StartError};

/// Variables with the ports.
const CLICKHOUSE: &str = "MILLIMETRIC_TEST_CLICKHOUSE_PORT";
const POSTGRES: &str = "MILLIMETRIC_TEST_POSTGRES_PORT";
const PEPPER: &str = "a pepper of many tests";
const SALT: &str = "a salt of many tests";

/// Whether the tests run over databases on servers.
pub(super) fn is_used() -> bool {
    std::env::var_os(CLICKHOUSE).is_some()
}

/// Flags of `serve` for the databases of a data folder; none if events are in files, or if the flags name stores.
pub(super) fn flags(dir: &Path, given: &[&str]) -> Vec<String> {
    if given.iter().any(|flag| flag.ends_with("-url")) {
        return Vec::new();
    }
    let Some([events, control]) = urls(dir) else { return Vec::new() };
    let flags = ["--apply-schema", "--events-url", &events, "--control-url", &control];
    let mut flags: Vec<String> = flags.map(str::to_owned).to_vec();
    if !given.contains(&"--pepper") {
        flags.extend(["--pepper", PEPPER].map(str::to_owned));
    }
    if !given.contains(&"--ip-salt") {
        flags.extend(["--ip-salt", SALT].map(str::to_owned));
    }
    flags
}

/// Variables of a command for the same databases.
pub(super) fn variables(dir: &Path) -> Vec<(&'static str, String)> {
    let Some([events, control]) = urls(dir) else { return Vec::new() };
    vec![
        ("MILLIMETRIC_EVENTS_URL", events),
        ("MILLIMETRIC_CONTROL_URL", control),
        ("MILLIMETRIC_APPLY_SCHEMA", "true".to_owned()),
        ("MILLIMETRIC_PEPPER", PEPPER.to_owned()),
        ("MILLIMETRIC_IP_SALT", SALT.to_owned()),
    ]
}

/// The URLs of the databases of a data folder. That of `PostgreSQL` is created with the first call.
fn urls(dir: &Path) -> Option<[String; 2]> {
    let port = |variable| std::env::var(variable).ok()?.parse::<u16>().ok();
    let (clickhouse, postgres) = (port(CLICKHOUSE)?, port(POSTGRES)?);
    let mut hasher = DefaultHasher::new();
    dir.hash(&mut hasher);
    let name = format!("of_{:016x}", hasher.finish());
    let control = match Postgres::database_at(postgres, &name) {
        Ok(url) => url,
        Err(StartError::Failed(why)) if why.contains("already exists") => Postgres::url_at(postgres, &name),
        Err(error) => panic!("{error}"),
    };
    Some([format!("clickhouse://127.0.0.1:{clickhouse}/{name}"), control])
}
