//! The URL of a database on ClickHouse servers: its parts, and what is wrong with one.

use std::fmt;
use std::path::PathBuf;

/// A database on ClickHouse servers:
/// `clickhouse://user:password@host1:8123,host2:8123/database?cluster=name`, or `clickhouses:` for encrypted
/// connections.
#[derive(Clone, PartialEq, Eq)]
pub struct ClickHouseUrl {
    /// The addresses of the HTTP interface, `host:port`, in the order in which they are tried.
    pub hosts: Vec<String>,
    /// The user; `default` if the URL names none.
    pub user: String,
    /// The password; empty if the URL has none.
    pub password: String,
    /// The database.
    pub database: String,
    /// The cluster that the tables are distributed over; one server if absent.
    pub cluster: Option<String>,
    /// Whether connections are encrypted (`clickhouses:`).
    pub tls: bool,
    /// A file with the certificates that may have signed those of the servers (`sslrootcert`); those that the system
    /// trusts if absent.
    pub root_certificates: Option<PathBuf>,
}

/// What is wrong with the URL of a database on ClickHouse servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClickHouseUrlError {
    /// There is no `//` behind the scheme, or no host behind it.
    #[error("names no server")]
    NoHost,
    /// A host is empty, or has characters that no host has.
    #[error("has a host that cannot be one")]
    Host,
    /// A port is not a number from 1 to 65535.
    #[error("has a port that is not a number from 1 to 65535")]
    Port,
    /// There is no path, or one of several parts.
    #[error("names no database")]
    NoDatabase,
    /// The name of the database or cluster has other characters than letters, digits and `_`.
    #[error("has a name with other characters than letters, digits and _")]
    Name,
    /// A `%` in the user or password does not begin an escape of UTF-8 text.
    #[error("has a % in its user or password that begins no escape (write %25 for a %)")]
    Escape,
    /// There is another parameter than `cluster`, and `sslrootcert` for encrypted connections.
    #[error("has a parameter other than cluster, and sslrootcert with clickhouses:")]
    Parameter,
}

impl ClickHouseUrl {
    /// Parses what follows the scheme.
    pub(super) fn parse(rest: &str, tls: bool) -> Result<Self, ClickHouseUrlError> {
        let rest = rest.strip_prefix("//").ok_or(ClickHouseUrlError::NoHost)?;
        let (rest, parameters) = rest.split_once('?').map_or((rest, ""), |(rest, after)| (rest, after));
        let (authority, database) = rest.rsplit_once('/').unwrap_or((rest, ""));
        let (user_info, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        if hosts.is_empty() {
            return Err(ClickHouseUrlError::NoHost);
        }
        if database.is_empty() {
            return Err(ClickHouseUrlError::NoDatabase);
        }
        let user = if user.is_empty() { "default".to_owned() } else { unescaped(user)? };
        let Parameters { cluster, root_certificates } = parameters_of(parameters, tls)?;
        Ok(Self {
            hosts: hosts.split(',').map(|host| with_port(host, tls)).collect::<Result<_, _>>()?,
            user,
            password: unescaped(password)?,
            database: name(database)?,
            cluster,
            tls,
            root_certificates,
        })
    }
}

impl fmt::Debug for ClickHouseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClickHouseUrl")
            .field("hosts", &self.hosts)
            .field("user", &self.user)
            .field("database", &self.database)
            .field("cluster", &self.cluster)
            .field("tls", &self.tls)
            .field("root_certificates", &self.root_certificates)
            .finish_non_exhaustive()
    }
}

/// The address of a host, with the usual port if it has none.
fn with_port(host: &str, tls: bool) -> Result<String, ClickHouseUrlError> {
    let bracket = host.rfind(']').map_or(0, |bracket| bracket + 1);
    let (address, port) = match host[bracket..].split_once(':') {
        Some((before, port)) => (&host[..bracket + before.len()], Some(port)),
        None => (host, None),
    };
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    if address.is_empty() || !address.bytes().all(is_allowed) {
        return Err(ClickHouseUrlError::Host);
    }
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(ClickHouseUrlError::Port)?,
        None if tls => 8443_u16,
        None => 8123,
    };
    Ok(format!("{address}:{port}"))
}

fn name(text: &str) -> Result<String, ClickHouseUrlError> {
    let is_name = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_name { Ok(text.to_owned()) } else { Err(ClickHouseUrlError::Name) }
}

/// What follows the `?`.
#[derive(Default)]
struct Parameters {
    cluster: Option<String>,
    root_certificates: Option<PathBuf>,
}

fn parameters_of(text: &str, tls: bool) -> Result<Parameters, ClickHouseUrlError> {
    let mut parameters = Parameters::default();
    for parameter in text.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=') {
            Some(("cluster", cluster)) => parameters.cluster = Some(name(cluster)?),
            Some(("sslrootcert", file)) if tls => {
                parameters.root_certificates = Some(unescaped(file)?.into());
            }
            _ => return Err(ClickHouseUrlError::Parameter),
        }
    }
    Ok(parameters)
}

/// The text with its percent-escapes decoded.
fn unescaped(text: &str) -> Result<String, ClickHouseUrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or(ClickHouseUrlError::Escape)?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_err(|_| ClickHouseUrlError::Escape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(rest: &str) -> Result<ClickHouseUrl, ClickHouseUrlError> {
        ClickHouseUrl::parse(rest, false)
    }

    #[test]
    fn the_parts_of_a_url_are_read() {
        let url = parse("//anna:p%40ss%3Aword@ch1:9000,ch2,[::1]:8124/stats?cluster=main").unwrap();
        let expected = ClickHouseUrl {
            hosts: ["ch1:9000", "ch2:8123", "[::1]:8124"].map(str::to_owned).to_vec(),
            user: "anna".to_owned(),
            password: "p@ss:word".to_owned(),
            database: "stats".to_owned(),
            cluster: Some("main".to_owned()),
            tls: false,
            root_certificates: None,
        };
        assert_eq!(url, expected);
        let bare = ClickHouseUrl::parse("//ch/db", true).unwrap();
        assert_eq!((&*bare.hosts[0], &*bare.user, &*bare.password), ("ch:8443", "default", ""));
        let both = ClickHouseUrl::parse("//ch/db?sslrootcert=/etc/my%20ca.pem&cluster=main", true).unwrap();
        assert_eq!(both.root_certificates, Some("/etc/my ca.pem".into()));
        assert_eq!(both.cluster.as_deref(), Some("main"));
    }

    #[test]
    fn a_wrong_url_is_refused_with_what_is_wrong() {
        for (rest, expected) in [
            ("ch/db", ClickHouseUrlError::NoHost),
            ("///db", ClickHouseUrlError::NoHost),
            ("//user@/db", ClickHouseUrlError::NoHost),
            ("//a,,b/db", ClickHouseUrlError::Host),
            ("//a b/db", ClickHouseUrlError::Host),
            ("//ch:0/db", ClickHouseUrlError::Port),
            ("//ch:http/db", ClickHouseUrlError::Port),
            ("//ch", ClickHouseUrlError::NoDatabase),
            ("//ch/", ClickHouseUrlError::NoDatabase),
            ("//ch/my-db", ClickHouseUrlError::Name),
            ("//ch/db?cluster=", ClickHouseUrlError::Name),
            ("//a:100%@ch/db", ClickHouseUrlError::Escape),
            ("//a:%ff@ch/db", ClickHouseUrlError::Escape),
            ("//ch/db?secure=1", ClickHouseUrlError::Parameter),
            ("//ch/db?sslrootcert=/ca.pem", ClickHouseUrlError::Parameter),
        ] {
            assert_eq!(parse(rest), Err(expected), "{rest}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let url = parse("//anna:secret@ch/db").unwrap();
        assert!(!format!("{url:?}").contains("secret"));
    }
}
