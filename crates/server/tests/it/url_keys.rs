//! Keys as people paste them: in URLs, twice, cut, quoted, or with what cannot be seen.

use serde_json::json;

use crate::support::{CHROME, Instance, Response, Server};

/// A page's request without a header for the key.
fn beacon(server: &Instance, query: &str) -> Response {
    let headers = [("origin", "https://shop.example"), ("user-agent", CHROME)];
    server.send("POST", &format!("/v1/track?{query}"), &headers, br#"{"event":"a"}"#)
}

#[test]
fn what_stands_in_a_url_is_told_apart() {
    let server = Server::start();
    let project = server.project("Shop", &["https://shop.example"]);
    let other = server.project("Blog", &["https://shop.example"]);
    let (pk, sk) = (project.pk.as_str(), project.sk.as_str());
    let encoded = sk.replace('_', "%5F");
    for (query, status, code) in [
        (format!("key={pk}"), 202, ""),
        (format!("key={pk}&key={pk}"), 202, ""),
        (format!("other=1&key={pk}"), 202, ""),
        (String::new(), 401, "missing_bearer_token"),
        ("other=1".to_owned(), 401, "missing_bearer_token"),
        ("key=".to_owned(), 401, "malformed_api_key"),
        ("key".to_owned(), 401, "malformed_api_key"),
        ("key=undefined".to_owned(), 401, "malformed_api_key"),
        ("key=null".to_owned(), 401, "malformed_api_key"),
        ("key=YOUR_KEY".to_owned(), 401, "malformed_api_key"),
        ("key=%3CYOUR_PK%3E".to_owned(), 401, "malformed_api_key"),
        ("key=%5Bobject%20Object%5D".to_owned(), 401, "malformed_api_key"),
        (format!("key=%22{pk}%22"), 401, "malformed_api_key"),
        (format!("key='{pk}'"), 401, "malformed_api_key"),
        (format!("key={}", &pk[..40]), 401, "malformed_api_key"),
        (format!("key={pk}%20"), 401, "malformed_api_key"),
        (format!("key=%E2%80%8B{pk}"), 401, "malformed_api_key"),
        (format!("key={pk}&key={}", other.pk), 401, "malformed_api_key"),
        (format!("key={pk}&key="), 401, "malformed_api_key"),
        (format!("key=undefined&key={pk}"), 401, "malformed_api_key"),
        (format!("key={sk}"), 400, "secret_key_in_url"),
        (format!("key={encoded}"), 400, "secret_key_in_url"),
        (format!("key={pk}&key={sk}"), 400, "secret_key_in_url"),
        (format!("key=undefined&key={}", project.rk), 400, "secret_key_in_url"),
        ("key=ak_live_cut".to_owned(), 400, "secret_key_in_url"),
    ] {
        let response = beacon(&server, &query);
        let found = response.json()["error"].as_str().unwrap_or_default().to_owned();
        assert_eq!((response.status, found.as_str()), (status, code), "{query}");
        assert!(!response.text.contains(&pk[17..40]) && !response.text.contains(&sk[17..40]), "{query}");
    }
    let twice = beacon(&server, &format!("key={pk}&key={}", other.pk)).json();
    assert!(twice["message"].as_str().unwrap().contains("one"), "{twice}");
    let keys = server.cli(&["key", "list", "--project", &project.slug]);
    let exposed = |key: &str| {
        let prefix = key.split('_').nth(2).unwrap();
        keys.as_array().unwrap().iter().find(|row| row["prefix"] == prefix).unwrap()["exposed_at"].is_string()
    };
    assert!(exposed(sk) && exposed(&project.rk) && !exposed(pk), "a second key in a URL is exposed as well");
}

#[test]
fn other_routes_take_no_key_from_a_url() {
    let server = Server::start();
    let project = server.project("Shop", &["https://shop.example"]);
    let read = |query: &str, headers: &[(&str, &str)]| {
        server.send("GET", &format!("/v1/usage?{}{query}", crate::support::ALWAYS), headers, b"").error()
    };
    let bearer = format!("Bearer {}", project.rk);
    let own = [("authorization", bearer.as_str())];
    assert_eq!(read(&format!("&key={}", project.pk), &[]), (401, "missing_bearer_token".to_owned()));
    assert_eq!(read("&key=undefined", &[]), (401, "malformed_api_key".to_owned()));
    assert_eq!(read("&key=undefined", &own), (401, "malformed_api_key".to_owned()));
    assert_eq!(read(&format!("&key={}", project.rk), &own), (400, "secret_key_in_url".to_owned()));
}

#[test]
fn what_cannot_be_seen_in_a_key_is_named() {
    let server = Server::start();
    let project = server.default_project();
    let (start, rest) = project.sk.split_at(20);
    for (hidden, name) in [
        ("\u{200b}", "U+200B ZERO WIDTH SPACE"),
        ("\u{feff}", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
        ("\u{a0}", "U+00A0 NO-BREAK SPACE"),
        ("\u{ad}", "U+00AD SOFT HYPHEN"),
        ("\u{200d}", "U+200D ZERO WIDTH JOINER"),
        ("\u{2060}", "U+2060 WORD JOINER"),
        ("\u{202e}", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("\u{3000}", "U+3000 IDEOGRAPHIC SPACE"),
        ("\u{e0041}", "U+E0041"),
    ] {
        let keys = [
            format!("{hidden}{start}{rest}"),
            format!("{start}{hidden}{rest}"),
            format!("{start}{rest}{hidden}"),
        ];
        for key in keys {
            let response = refusal_of(&server, key.as_bytes());
            assert_eq!(response.error(), (401, "malformed_api_key".to_owned()), "{name}");
            let message = response.json()["message"].as_str().unwrap().to_owned();
            assert!(message.contains(&format!("contains {name}")), "{message}");
            assert!(!response.text.contains(&rest[..20]), "{name}");
        }
    }
    // As browsers send it: one byte for one character.
    let latin = [start.as_bytes(), b"\xa0", rest.as_bytes()].concat();
    let message = refusal_of(&server, &latin).json()["message"].clone();
    assert!(message.as_str().unwrap().contains("contains U+00A0 NO-BREAK SPACE"), "{message}");
    let spaces = refusal_of(&server, format!("  {}\t ", project.sk).as_bytes());
    assert_eq!(spaces.status(), 202, "blanks around a key are no part of it: {}", spaces.text);
    let visible = refusal_of(&server, format!("{start}é{rest}").as_bytes());
    assert_eq!(visible.error(), (401, "malformed_api_key".to_owned()));
}

fn refusal_of(server: &Instance, key: &[u8]) -> crate::raw::Heard {
    let body = json!({ "event": "a" }).to_string();
    let head = b"POST /v1/track HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer ";
    let rest = format!("\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    crate::raw::exchange(server, [head, key, rest.as_bytes()].concat())
}
