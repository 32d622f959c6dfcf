//! The URL of a `PostgreSQL` store: one server, or a primary and its standbys.

use std::fmt;
use std::str::FromStr;

use sqlx::any::AnyConnectOptions;

/// The parameters that a URL may have, with their meaning in `PostgreSQL`'s own client library.
const PARAMETERS: [&str; 5] = ["sslmode", "sslrootcert", "sslcert", "sslkey", "application_name"];
/// The port of a server that the URL gives none.
const PORT: u16 = 5432;
/// The most servers of a URL.
const MOST_SERVERS: usize = 16;

/// `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?sslmode=…`. Of several servers, the one is used that
/// takes writes.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    /// Host and port of each server, as they are shown.
    servers: Vec<String>,
    /// What stands before the host, with the `@`, and behind the port, with the `/`.
    before: String,
    behind: String,
}

/// Why a text is not such a URL. None of it is quoted that could be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    /// No host, or one that is none.
    #[error("postgres: needs a host, or several: postgres://user:password@host1:5432,host2:5432/database")]
    Host,
    /// More servers than a URL may have.
    #[error("postgres: has at most {MOST_SERVERS} hosts")]
    TooManyServers,
    /// No database.
    #[error(
        "postgres: needs the name of a database behind the host, like postgres://user:password@host/millimetric"
    )]
    Database,
    /// A parameter that is unknown here.
    #[error("postgres: does not take the parameter `{0}`; it takes {known}", known = PARAMETERS.join(", "))]
    Parameter(String),
    /// Anything else, such as a word that a parameter does not take.
    #[error("postgres: {0}")]
    Invalid(String),
}

impl PostgresUrl {
    /// What connects to each server, with its name, in the order of the URL.
    pub(crate) fn servers(&self) -> Result<Vec<(String, AnyConnectOptions)>, PostgresUrlError> {
        let options = |server: &String| {
            let url = format!("postgres://{}{server}{}", self.before, self.behind);
            let options = AnyConnectOptions::from_str(&url);
            // The driver's own words contain the text of the URL only for parameters, which are checked.
            Ok((server.clone(), options.map_err(|_| PostgresUrlError::Host)?))
        };
        self.servers.iter().map(options).collect()
    }

    /// The servers, for a message: without user and password.
    pub(crate) fn shown(&self) -> String {
        self.servers.join(", ")
    }

    /// Reads what stands behind `postgres:`.
    pub(crate) fn parse(text: &str) -> Result<Self, PostgresUrlError> {
        let text = text.strip_prefix("//").ok_or(PostgresUrlError::Host)?;
        let (authority, behind) = text.split_at(text.find(['/', '?']).unwrap_or(text.len()));
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let servers: Vec<String> =
            hosts.split(',').map(server).collect::<Option<_>>().ok_or(PostgresUrlError::Host)?;
        if servers.len() > MOST_SERVERS {
            return Err(PostgresUrlError::TooManyServers);
        }
        let before = if user.is_empty() { String::new() } else { format!("{user}@") };
        let (database, parameters) = behind.split_once('?').unwrap_or((behind, ""));
        if database.trim_matches('/').is_empty() {
            return Err(PostgresUrlError::Database);
        }
        for (name, value) in form_urlencoded::parse(parameters.as_bytes()) {
            check(&name, &value)?;
        }
        let url = Self { servers, before, behind: behind.to_owned() };
        url.servers()?;
        Ok(url)
    }
}

/// A host with its port; `None` if it is no host.
fn server(text: &str) -> Option<String> {
    let with_port =
        if text.ends_with(']') || !text.contains(':') { format!("{text}:{PORT}") } else { text.to_owned() };
    let url = url::Url::parse(&format!("postgres://{with_port}")).ok()?;
    let is_host = url.host_str().is_some_and(|host| !host.is_empty()) && url.username().is_empty();
    (is_host && url.port().is_some()).then_some(with_port)
}

fn check(name: &str, value: &str) -> Result<(), PostgresUrlError> {
    if !PARAMETERS.contains(&name) {
        return Err(PostgresUrlError::Parameter(name.to_owned()));
    }
    match (name, value) {
        ("sslmode", "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full") => Ok(()),
        ("sslmode", _) => Err(PostgresUrlError::Invalid(
            "sslmode is disable, allow, prefer, require, verify-ca or verify-full".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Without user and password.
impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({})", self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PostgresUrl, PostgresUrlError> {
        PostgresUrl::parse(text)
    }

    #[test]
    fn a_url_names_one_server_or_several() {
        for (url, servers) in [
            ("//db/app", "db:5432"),
            ("//u:p@db/app?sslmode=verify-full&sslrootcert=/etc/ca.pem", "db:5432"),
            ("//u:p%40x@a:1,b,[::1],[::1]:2/app", "a:1, b:5432, [::1]:5432, [::1]:2"),
            ("//u:p@x@db:7/app", "db:7"),
        ] {
            assert_eq!(parse(url).map(|url| url.shown()), Ok(servers.to_owned()), "{url}");
        }
    }

    #[test]
    fn a_refused_url_says_what_is_missing_and_no_password() {
        for (url, error) in [
            ("db/app", PostgresUrlError::Host),
            ("///app", PostgresUrlError::Host),
            ("//u:secret@/app", PostgresUrlError::Host),
            ("//u:secret@a,,b/app", PostgresUrlError::Host),
            ("//u:secret@a:x/app", PostgresUrlError::Host),
            ("//u:secret@db", PostgresUrlError::Database),
            ("//u:secret@db/", PostgresUrlError::Database),
            ("//u:secret@db?sslmode=require", PostgresUrlError::Database),
            (
                "//u:secret@db/app?target_session_attrs=any",
                PostgresUrlError::Parameter("target_session_attrs".into()),
            ),
        ] {
            let refused = parse(url).unwrap_err();
            assert!(!refused.to_string().contains("secret"), "{url}");
            assert_eq!(refused, error, "{url}");
        }
        assert!(parse("//db/app?sslmode=yes").unwrap_err().to_string().contains("verify-full"));
        assert_eq!(parse(&format!("//{}/app", ["h"; 17].join(","))), Err(PostgresUrlError::TooManyServers));
    }

    #[test]
    fn the_debug_form_has_no_password() {
        let url = parse("//user:secret@db:1/app").unwrap();
        assert_eq!(format!("{url:?}"), "PostgresUrl(db:1)");
    }
}
