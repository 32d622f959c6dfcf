//! Which `Host` and which `Origin` a call may carry. A web page that makes its own name point to
//! this machine (DNS rebinding) is refused here, before any key is looked at.
//!
//! Knows nothing of keys: a pk's origins are the business of `auth`.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use millimetric_core::origin::Origin;
use url::{Host, Url};

use crate::state::App;

/// Why a call is refused; the sentence is for the operator.
pub(super) type Refusal = &'static str;

/// The names of this machine.
const LOOPBACK: &str = "localhost";

/// Whether the call comes for this server, and from a page that may call it.
pub(super) fn check(headers: &HeaderMap, app: &App) -> Result<(), Refusal> {
    let host = one(headers, &HOST).ok_or("The request must have exactly one Host header.")?;
    if !is_ours(host, app) {
        return Err("The Host of this request is not an allowed host name; add it with --mcp-hosts.");
    }
    if !headers.contains_key(ORIGIN) {
        return Ok(());
    }
    let origin = one(headers, &ORIGIN).and_then(Origin::parse);
    if origin.is_some_and(|origin| may_call(&origin, app)) {
        Ok(())
    } else {
        Err("This Origin is not allowed; add it with --mcp-origins.")
    }
}

fn one<'a>(headers: &'a HeaderMap, name: &axum::http::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// A name that no stranger can make point here: this machine's own, a plain address, or one that
/// the operator named.
fn is_ours(host: &str, app: &App) -> bool {
    let Some(name) = name_of(host) else { return false };
    let public = Url::parse(app.public_url.as_str()).ok();
    let public = public.as_ref().and_then(|url| url.host_str()).is_some_and(|public| public == name);
    let listed = app.settings.mcp.mcp_hosts.iter().any(|listed| name_of(listed).as_ref() == Some(&name));
    name == LOOPBACK || is_address(&name) || public || listed
}

/// The name in a `Host` header, normalised, without the port.
fn name_of(host: &str) -> Option<String> {
    if host.contains(['/', '@', '?', '#', '\\']) {
        return None;
    }
    match Url::parse(&format!("http://{host}")).ok()?.host()? {
        Host::Domain(name) => Some(name.trim_end_matches('.').to_owned()),
        Host::Ipv4(ip) => Some(ip.to_string()),
        Host::Ipv6(ip) => Some(ip.to_string()),
    }
}

fn is_address(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok()
}

fn may_call(origin: &Origin, app: &App) -> bool {
    let own = Url::parse(app.public_url.as_str()).ok().map(|url| url.origin().ascii_serialization());
    let own = own.as_deref().and_then(Origin::parse).is_some_and(|own| own == *origin);
    own || origin.is_loopback() || app.settings.mcp.mcp_origins.iter().any(|entry| entry.matches(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_without_its_port() {
        for (host, name) in [
            ("localhost:8787", Some("localhost")),
            ("LOCALHOST", Some("localhost")),
            ("stats.example.com.", Some("stats.example.com")),
            ("127.0.0.1:1", Some("127.0.0.1")),
            ("[::1]:8787", Some("::1")),
            ("bücher.example", Some("xn--bcher-kva.example")),
            ("evil.example/localhost", None),
            ("a@localhost", None),
            ("", None),
        ] {
            assert_eq!(name_of(host).as_deref(), name, "{host}");
        }
    }
}
