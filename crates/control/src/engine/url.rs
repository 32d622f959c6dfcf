//! The URL of a control store: its scheme selects the engine. Parses only; opens nothing.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::{PostgresUrl, PostgresUrlError};

/// The file of the database in a data folder.
const FILE: &str = "control.db";

/// Where a control store is. A text cannot be one without naming an engine that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlUrl {
    /// `SQLite`, in this file.
    Sqlite(PathBuf),
    /// `PostgreSQL`, on these servers.
    Postgres(PostgresUrl),
}

/// The text is no URL of a control store. It is not quoted, since a URL may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlUrlError {
    /// There is no scheme, or none that is known.
    #[error(
        "{} is not a supported scheme: use file: with a data folder, like file:./data, sqlite: with a file, like \
         sqlite:./data/control.db, or postgres: with a host, like postgres://user:password@host/millimetric",
        .0.as_ref().map_or_else(|| "a URL without a scheme".to_owned(), |scheme| format!("`{scheme}:`"))
    )]
    Scheme(Option<String>),
    /// Behind the scheme stands a host, or nothing.
    #[error("{0}: needs a path of this machine, like {0}/var/lib/millimetric or {0}./data")]
    Path(&'static str),
    /// What is wrong with the URL of a `PostgreSQL` store.
    #[error(transparent)]
    Postgres(#[from] PostgresUrlError),
}

impl ControlUrl {
    /// The database in a data folder, as `file:DIR` names it.
    pub fn in_folder(folder: &Path) -> Self {
        Self::Sqlite(folder.join(FILE))
    }

    /// Whether servers on several machines can use the store together.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

impl FromStr for ControlUrl {
    type Err = ControlUrlError;

    /// Reads `sqlite:FILE`, `file:DIR` or `postgres://…`. A path may be relative or, with `//` before it, absolute;
    /// it is taken as it is, without percent-decoding.
    fn from_str(text: &str) -> Result<Self, ControlUrlError> {
        match text.split_once(':') {
            Some(("sqlite", path)) => Ok(Self::Sqlite(local("sqlite:", path)?)),
            Some(("file", folder)) => Ok(Self::in_folder(&local("file:", folder)?)),
            Some(("postgres" | "postgresql", rest)) => Ok(Self::Postgres(PostgresUrl::parse(rest)?)),
            other => Err(ControlUrlError::Scheme(other.map(|(scheme, _)| scheme.to_owned()))),
        }
    }
}

fn local(scheme: &'static str, path: &str) -> Result<PathBuf, ControlUrlError> {
    let plain = path.strip_prefix("//").unwrap_or(path);
    let is_host = plain.len() < path.len() && !plain.starts_with('/');
    if plain.is_empty() || is_host { Err(ControlUrlError::Path(scheme)) } else { Ok(plain.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file_or_a_folder() {
        for (url, file) in [
            ("sqlite:/var/a.db", "/var/a.db"),
            ("sqlite:///var/a.db", "/var/a.db"),
            ("sqlite:./a b?.db", "./a b?.db"),
            ("file:./data", "./data/control.db"),
            ("file:///data", "/data/control.db"),
        ] {
            assert_eq!(url.parse(), Ok(ControlUrl::Sqlite(file.into())), "{url}");
        }
    }

    #[test]
    fn a_url_names_a_postgresql_database() {
        for url in ["postgres://user:secret@host/db", "postgresql://user:secret@host:1,other/db"] {
            let parsed: ControlUrl = url.parse().unwrap();
            assert!(parsed.is_shared() && !format!("{parsed:?}").contains("secret"), "{url}");
        }
        assert!(
            "postgres://host".parse::<ControlUrl>().unwrap_err().to_string().contains("name of a database")
        );
    }

    #[test]
    fn a_refused_url_names_the_allowed_schemes_and_no_password() {
        let refusal = |url: &str| url.parse::<ControlUrl>().unwrap_err().to_string();
        let unknown = refusal("mysql://user:secret@host/db");
        assert!(unknown.starts_with("`mysql:` is not a supported scheme"), "{unknown}");
        assert!(unknown.contains("sqlite:") && unknown.contains("file:"), "{unknown}");
        assert!(!unknown.contains("secret"), "{unknown}");
        assert!(refusal("./data").starts_with("a URL without a scheme"));
        for url in ["sqlite:", "sqlite://", "file://host/data"] {
            assert!(refusal(url).contains("needs a path of this machine"), "{url}");
        }
    }
}
