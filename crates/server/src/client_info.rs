//! What a request reveals about its sender: address, user agent, client hints, origin.
//!
//! Held for the length of a request and handed on by reference; nothing here is stored or logged.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, ORIGIN, USER_AGENT};
use axum::http::request::Parts;
use ipnet::IpNet;
use millimetric_core::ingest::user_agent::ClientHints;

use crate::limits::rates::RateNote;
use crate::state::App;

/// The most hops of a chain of proxies that are read.
const MAX_HOPS: usize = 32;
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The other end of the connection, put on each request by the listener.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The one who sent a request.
#[derive(Clone, Default)]
pub struct ClientInfo {
    /// The client's address: the peer's, or what a trusted proxy says.
    pub ip: Option<IpAddr>,
    /// `User-Agent`
    pub user_agent: Option<String>,
    /// `Sec-CH-UA`
    pub brands: Option<String>,
    /// `Sec-CH-UA-Mobile`
    pub mobile: Option<String>,
    /// `Sec-CH-UA-Platform`
    pub platform: Option<String>,
    /// The host of `Origin`.
    pub origin_host: Option<String>,
    /// Where a token that is taken for the request is noted.
    pub rate: RateNote,
}

impl ClientInfo {
    /// Reads the request's head.
    pub fn of(parts: &Parts, app: &App) -> Self {
        let text = |name: &str| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
        Self {
            ip: Self::address(parts, app),
            user_agent: text(USER_AGENT.as_str()),
            brands: text("sec-ch-ua"),
            mobile: text("sec-ch-ua-mobile"),
            platform: text("sec-ch-ua-platform"),
            origin_host: text(ORIGIN.as_str())
                .and_then(|origin| url::Url::parse(&origin).ok()?.host_str().map(str::to_owned)),
            rate: parts.extensions.get::<RateNote>().cloned().unwrap_or_default(),
        }
    }

    /// The client's address: the peer's, or what a trusted proxy says.
    pub fn address(parts: &Parts, app: &App) -> Option<IpAddr> {
        let peer = parts.extensions.get::<Peer>()?.0.ip().to_canonical();
        Some(client_address(peer, &parts.headers, &app.settings.network.trusted_proxies))
    }

    /// The client hints among it.
    pub fn hints(&self) -> ClientHints<'_> {
        ClientHints {
            brands: self.brands.as_deref(),
            mobile: self.mobile.as_deref(),
            platform: self.platform.as_deref(),
        }
    }
}

impl std::fmt::Debug for ClientInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientInfo(…)")
    }
}

impl FromRequestParts<Arc<App>> for ClientInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        Ok(Self::of(parts, app))
    }
}

/// The client's address: the peer's own, unless the peer is a trusted proxy; then the nearest
/// address in the chain that is not one. What a client wrote itself stands further left in the
/// chain and is never reached; of a longer chain only the nearest [`MAX_HOPS`] are read.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_proxy = |ip: &IpAddr| trusted.iter().any(|block| block.contains(ip));
    if !is_proxy(&peer) {
        return peer;
    }
    let mut nearest = peer;
    for hop in hops(headers) {
        match hop {
            Some(ip) => nearest = ip,
            None => break,
        }
        if !is_proxy(&nearest) {
            break;
        }
    }
    nearest
}

/// The nearest [`MAX_HOPS`] hops of `X-Forwarded-For`, else of `Forwarded` (RFC 7239), the nearest first;
/// `None` for a hop that is no address. Empty elements are ignored (RFC 9110, section 5.6.1.2).
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let plain = headers.contains_key(X_FORWARDED_FOR);
    let name = if plain { X_FORWARDED_FOR } else { FORWARDED.as_str() };
    let mut hops = Vec::new();
    for value in headers.get_all(name).iter().rev() {
        // A byte beyond ASCII spoils its element alone.
        let value = String::from_utf8_lossy(value.as_bytes());
        let elements = from_the_right(&value, ',').filter(|element| !element.trim().is_empty());
        let address = |hop| parse_address(if plain { hop } else { forwarded_for(hop)? });
        hops.extend(elements.take(MAX_HOPS - hops.len()).map(address));
    }
    hops
}

/// The value of `for` in an element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<&str> {
    from_the_right(element, ';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    })
}

/// The parts of a text between separators outside quoted strings (RFC 9110, section 5.6.4), the last first.
/// Read from the right, so that a quote that a client left open hides nothing that a proxy added.
fn from_the_right(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        let at = text.char_indices().rev().find(|(at, c)| {
            quoted ^= *c == '"' && !is_escaped(text, *at);
            *c == separator && !quoted
        });
        rest = at.map(|(at, _)| &text[..at]);
        Some(at.map_or(text, |(at, _)| &text[at + separator.len_utf8()..]))
    })
}

/// Whether an odd number of backslashes stands before this byte.
fn is_escaped(text: &str, at: usize) -> bool {
    text[..at].bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`, `fe80::1%eth0`, with or
/// without quotes and blanks around it: as proxies write addresses. The zone and the port, which may be
/// hidden (`:_http`), are dropped.
pub fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text).trim();
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => match text.split_once(':') {
            // More than one colon: an address of version 6.
            Some((_, rest)) if rest.contains(':') => (text, ""),
            Some((host, _)) => (host, &text[host.len()..]),
            None => (text, ""),
        },
    };
    let is_port = match port.strip_prefix(':') {
        Some(port) => port.parse::<u16>().is_ok() || port.starts_with('_'),
        None => port.is_empty(),
    };
    let ip = match host.split_once('%') {
        Some((host, zone)) if !zone.is_empty() => IpAddr::V6(host.parse().ok()?),
        _ => host.parse().ok()?,
    };
    is_port.then_some(ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "::1/128"].map(|block| block.parse().unwrap()).into();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, axum::http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        client_address(peer.parse().unwrap(), &map, &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        type Headers = &'static [(&'static str, &'static str)];
        let cases: &[(&str, Headers, &str)] = &[
            ("203.0.113.9", &[("x-forwarded-for", "1.1.1.1")], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[("x-forwarded-for", "1.1.1.1")], "1.1.1.1"),
            ("10.0.0.1", &[("x-forwarded-for", "6.6.6.6, 1.1.1.1")], "1.1.1.1"),
            ("10.0.0.1", &[("x-forwarded-for", "6.6.6.6, 1.1.1.1, 10.0.0.2")], "1.1.1.1"),
            ("10.0.0.1", &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "1.1.1.1")], "1.1.1.1"),
            ("10.0.0.1", &[("x-forwarded-for", "1.1.1.1, nonsense")], "10.0.0.1"),
            ("10.0.0.1", &[("x-forwarded-for", "[2001:db8::1]:4711")], "2001:db8::1"),
            ("10.0.0.1", &[("forwarded", "for=6.6.6.6, for=\"[2001:db8::2]\";proto=https")], "2001:db8::2"),
            ("10.0.0.1", &[("forwarded", "for=_hidden")], "10.0.0.1"),
            ("::1", &[("x-forwarded-for", "::ffff:1.1.1.1")], "1.1.1.1"),
            ("10.0.0.1", &[("x-forwarded-for", "")], "10.0.0.1"),
            ("10.0.0.1", &[("x-forwarded-for", "1.1.1.1"), ("forwarded", "for=6.6.6.6")], "1.1.1.1"),
            // Empty elements.
            ("10.0.0.1", &[("x-forwarded-for", "1.1.1.1, ")], "1.1.1.1"),
            ("10.0.0.1", &[("x-forwarded-for", ",1.1.1.1,\t,,10.0.0.2,")], "1.1.1.1"),
            ("10.0.0.1", &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "")], "1.1.1.1"),
            ("10.0.0.1", &[("x-forwarded-for", " , ,")], "10.0.0.1"),
            ("10.0.0.1", &[("forwarded", "for=1.1.1.1,, ,")], "1.1.1.1"),
            // Quoted ones, with separators in them.
            ("10.0.0.1", &[("x-forwarded-for", "\"1.1.1.1\", \"10.0.0.2:80\"")], "1.1.1.1"),
            ("10.0.0.1", &[("forwarded", "for=\"1.1.1.1:80\";by=\"_a,b;for=6.6.6.6\"")], "1.1.1.1"),
            ("10.0.0.1", &[("forwarded", "host=\"x;for=6.6.6.6\";for=1.1.1.1")], "1.1.1.1"),
            ("10.0.0.1", &[("forwarded", "host=\"x\\\",for=6.6.6.6\" ; FOR = 1.1.1.1")], "1.1.1.1"),
            ("10.0.0.1", &[("forwarded", "for=\"_hidden:80\", for=10.0.0.2")], "10.0.0.2"),
            ("10.0.0.1", &[("forwarded", "proto=https, for=10.0.0.2")], "10.0.0.2"),
            // What a client left open or cannot be read hides nothing that the proxy added.
            ("10.0.0.1", &[("x-forwarded-for", "\"6.6.6.6, 1.1.1.1")], "1.1.1.1"),
            ("10.0.0.1", &[("x-forwarded-for", "\"\\, 1.1.1.1")], "1.1.1.1"),
            ("10.0.0.1", &[("forwarded", "for=\"6.6.6.6, for=1.1.1.1")], "1.1.1.1"),
            ("10.0.0.1", &[("x-forwarded-for", "é, 1.1.1.1")], "1.1.1.1"),
            ("10.0.0.1", &[("x-forwarded-for", "1.1.1.1, é")], "10.0.0.1"),
        ];
        for (peer, headers, expected) in cases {
            assert_eq!(&seen(peer, headers), expected, "{peer} {headers:?}");
        }
    }

    #[test]
    fn of_a_long_chain_only_the_nearest_hops_are_read() {
        let chain = |proxies: usize| format!("1.1.1.1{}", ",10.0.0.9".repeat(proxies));
        assert_eq!(seen("10.0.0.1", &[("x-forwarded-for", &chain(MAX_HOPS - 1))]), "1.1.1.1");
        assert_eq!(seen("10.0.0.1", &[("x-forwarded-for", &chain(MAX_HOPS))]), "10.0.0.9");
    }

    #[test]
    fn an_address_is_read_as_proxies_write_it() {
        for (text, ip) in [
            ("193.99.144.80", Some("193.99.144.80")),
            ("193.99.144.80:5678", Some("193.99.144.80")),
            (" 193.99.144.80\t", Some("193.99.144.80")),
            ("::ffff:193.99.144.80", Some("193.99.144.80")),
            ("[2a02:2e0:3fe:1001:302::]", Some("2a02:2e0:3fe:1001:302::")),
            ("[2a02:2e0:3fe:1001:302::]:443", Some("2a02:2e0:3fe:1001:302::")),
            ("\"[2A02:2E0:3FE:1001:302::]:443\"", Some("2a02:2e0:3fe:1001:302::")),
            ("\" 193.99.144.80 \"", Some("193.99.144.80")),
            ("[193.99.144.80]:80", Some("193.99.144.80")),
            ("[::ffff:193.99.144.80]:80", Some("193.99.144.80")),
            ("::ffff:c163:9050", Some("193.99.144.80")),
            ("193.99.144.80:_http", Some("193.99.144.80")),
            ("[2a02::1]:_x", Some("2a02::1")),
            ("fe80::1%eth0", Some("fe80::1")),
            ("fe80::1%25eth0", Some("fe80::1")),
            ("[fe80::1%3]:80", Some("fe80::1")),
            ("2a02::1:80", Some("2a02::1:80")),
            ("", None),
            ("[]", None),
            ("[193.99.144.80", None),
            ("193.99.144.80:99999", None),
            ("193.99.144.80:", None),
            ("193.99.144.80:x", None),
            ("193.99.144.80:-1", None),
            ("[2a02::1]80", None),
            ("[2a02::1]]", None),
            ("193.99.144.80%eth0", None),
            ("fe80::1%", None),
            ("193.99.144.080", None),
            ("\"193.99.144.80", None),
            ("\"", None),
            (":80", None),
            ("193.99.144", None),
            ("a, b", None),
            ("unknown", None),
        ] {
            assert_eq!(parse_address(text).map(|ip| ip.to_string()).as_deref(), ip, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_header_panics(text in "[0-9a-f:.,\\[\\]=;\"\\\\%é_for ]{0,60}") {
            let _ = parse_address(&text);
            seen("10.0.0.1", &[("x-forwarded-for", &text)]);
            seen("10.0.0.1", &[("forwarded", &text)]);
        }
    }
}
