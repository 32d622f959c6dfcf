//! The URL of an event store: its scheme selects the engine. Parses only; opens nothing.

mod clickhouse;

use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use self::clickhouse::{ClickHouseUrl, ClickHouseUrlError};

/// Where an event store is. A text is read as one only if its scheme belongs to an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventsUrl {
    /// The embedded engine, in this data folder.
    File(PathBuf),
    /// A database on ClickHouse servers.
    ClickHouse(ClickHouseUrl),
}

/// The text is not the URL of an event store. It is not quoted, since a URL may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventsUrlError {
    /// The scheme is missing or unknown.
    #[error(
        "{} is not a scheme of an event store: use file: with a data folder, like file:./data or \
         file:///var/lib/millimetric, or clickhouse: with servers and a database",
        .0.as_ref().map_or_else(|| "a text without a colon".to_owned(), |scheme| format!("`{scheme}:`"))
    )]
    Scheme(Option<String>),
    /// The scheme is followed by a host, or by nothing.
    #[error("file: needs a path of this machine, like file:./data or file:///var/lib/millimetric")]
    Path,
    /// What follows `clickhouse:` or `clickhouses:` is wrong.
    #[error("the URL {0}: write it like clickhouse://user:password@host:8123/database")]
    ClickHouse(#[from] ClickHouseUrlError),
}

impl EventsUrl {
    /// The event store in a data folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self::File(folder.to_path_buf())
    }
}

impl FromStr for EventsUrl {
    type Err = EventsUrlError;

    /// Parses `clickhouse://…` ([`ClickHouseUrl`]) or `file:DIR`. The path of a folder is relative, or absolute with
    /// or without `//` before it. It is taken as it
    /// is, without percent-decoding.
    fn from_str(text: &str) -> Result<Self, EventsUrlError> {
        match text.split_once(':') {
            Some(("file", folder)) => Ok(Self::File(local_path(folder)?)),
            Some(("clickhouse", rest)) => Ok(Self::ClickHouse(ClickHouseUrl::parse(rest, false)?)),
            Some(("clickhouses", rest)) => Ok(Self::ClickHouse(ClickHouseUrl::parse(rest, true)?)),
            other => Err(EventsUrlError::Scheme(other.map(|(scheme, _)| scheme.to_owned()))),
        }
    }
}

fn local_path(text: &str) -> Result<PathBuf, EventsUrlError> {
    let path = text.strip_prefix("//").unwrap_or(text);
    let has_host = path.len() < text.len() && !path.starts_with('/');
    if path.is_empty() || has_host { Err(EventsUrlError::Path) } else { Ok(path.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_folder() {
        for (url, folder) in [
            ("file:data", "data"),
            ("file:./my data?", "./my data?"),
            ("file:/var/data", "/var/data"),
            ("file:///var/data", "/var/data"),
        ] {
            assert_eq!(url.parse(), Ok(EventsUrl::File(folder.into())), "{url}");
        }
        assert_eq!(EventsUrl::in_folder(Path::new("./data")), "file:./data".parse().unwrap());
    }

    #[test]
    fn a_refused_url_names_the_allowed_schemes_and_no_password() {
        let refusal = |url: &str| url.parse::<EventsUrl>().unwrap_err().to_string();
        assert_eq!(
            refusal("mysql://user:secret@host/db"),
            "`mysql:` is not a scheme of an event store: use file: with a data folder, like file:./data or \
             file:///var/lib/millimetric, or clickhouse: with servers and a database"
        );
        assert!(refusal("./data").starts_with("a text without a colon is not a scheme"));
        assert_eq!(
            refusal("clickhouse://anna:secret@ch"),
            "the URL names no database: write it like clickhouse://user:password@host:8123/database"
        );
        for url in ["file:", "file://", "file://host/data"] {
            assert!(refusal(url).contains("needs a path of this machine"), "{url}");
        }
    }
}
