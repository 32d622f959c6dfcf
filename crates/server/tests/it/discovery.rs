//! How strangers and machines learn what is here.

use serde_json::{Value, json};

use crate::support::{Response, Server};

/// The copy in the repository, which clients are generated from.
const SPEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/openapi.json");

#[test]
fn the_document_in_the_repository_is_the_one_the_code_makes() {
    let server = Server::start();
    let served = server.send("GET", "/openapi.json", &[], b"");
    let mut document = served.json();
    assert_eq!(document["servers"][0]["url"], server.url);
    // That of another server names its own address.
    document["servers"] = millimetric::http::openapi::document()["servers"].clone();
    let text = format!("{}\n", serde_json::to_string_pretty(&document).unwrap());
    if std::env::var_os("MILLIMETRIC_WRITE_SPEC").is_some() {
        std::fs::write(SPEC, &text).unwrap();
    }
    let kept = std::fs::read_to_string(SPEC).unwrap_or_default();
    assert!(kept == text, "spec/openapi.json is out of date: run `cargo xtask gen`");
}

#[test]
fn every_route_of_the_document_answers_as_the_document_says() {
    let server = Server::start();
    let document = server.send("GET", "/openapi.json", &[], b"").json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let path = path.replace("{request_id}", "fgt_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5");
            let path =
                path.replace("{project}", "default").replace("{key}", "key_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5");
            let response = server.send(&method.to_uppercase(), &path, &[], b"");
            let needs_key = operation["security"] != json!([]);
            let expected: &[u16] = if needs_key { &[401, 404] } else { &[200] };
            assert!(expected.contains(&response.status), "{method} {path}: {}", response.status);
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
            seen += 1;
        }
    }
    assert!(seen >= 15, "{seen} operations");
}

#[test]
fn the_browser_script_is_public_small_and_long_cached() {
    let server = Server::start();
    let asked = [("origin", "https://any.example")];
    let script = server.send("GET", "/v1/a.js", &asked, b"");
    assert_eq!((script.status, script.header("content-type")), (200, Some("application/javascript")));
    assert_eq!(script.header("access-control-allow-origin"), Some("*"));
    assert_eq!(script.header("cross-origin-resource-policy"), Some("cross-origin"));
    assert!(script.header("cache-control").unwrap().contains("max-age=86400"));
    assert!(script.text.contains("/v1/batch?key="), "{}", script.text);
    // Without a charset, a page of any encoding reads it right only so.
    assert!(script.text.is_ascii());

    let packed = server.send("HEAD", "/v1/a.js", &[("accept-encoding", "br, gzip;q=0.8")], b"");
    assert_eq!(
        (packed.header("content-encoding"), packed.header("vary")),
        (Some("gzip"), Some("accept-encoding"))
    );
    let size: usize = packed.header("content-length").unwrap().parse().unwrap();
    assert!(size <= 1800, "{size} bytes");
    for plain in ["identity", "gzip;q=0", "br"] {
        let response = server.send("HEAD", "/v1/a.js", &[("accept-encoding", plain)], b"");
        assert_eq!(response.header("content-encoding"), None, "{plain}");
    }
}

#[test]
fn the_npm_packages_are_public_and_of_the_servers_version() {
    let server = Server::start();
    for (path, name) in [("track", "millimetric-track"), ("node", "millimetric-track-node")] {
        let path = format!("/v1/sdk/{path}.tgz");
        let package = server.send("HEAD", &path, &[("accept-encoding", "gzip")], b"");
        assert_eq!((package.status, package.header("content-type")), (200, Some("application/gzip")));
        // It is a compressed file, and no response that is compressed on its way.
        assert_eq!((package.header("content-encoding"), package.header("vary")), (None, None));
        assert!(package.header("cache-control").unwrap().contains("max-age=86400"));
        let file = format!("attachment; filename=\"{name}-{}.tgz\"", env!("CARGO_PKG_VERSION"));
        assert_eq!(package.header("content-disposition"), Some(file.as_str()));
        let tag = package.header("etag").unwrap();
        let known = server.send("GET", &path, &[("if-none-match", tag)], b"");
        assert_eq!((known.status, known.text.as_str()), (304, ""));
        assert_eq!(server.send("POST", &path, &[], b"").status, 405);
    }
    assert_eq!(server.send("GET", "/v1/sdk/other.tgz", &[], b"").error(), (404, "not_found".to_owned()));
}

#[test]
fn a_browser_that_has_the_script_is_not_sent_it_again() {
    let server = Server::start();
    let script = server.send("GET", "/v1/a.js", &[], b"");
    let tag = script.header("etag").unwrap();
    let known = format!("\"other\", {tag}");
    for known in [tag, known.as_str(), tag.trim_start_matches("W/"), "*"] {
        let response = server.send("GET", "/v1/a.js", &[("if-none-match", known)], b"");
        assert_eq!((response.status, response.text.as_str()), (304, ""), "{known}");
        assert_eq!(response.header("etag"), Some(tag));
    }
    assert_eq!(server.send("GET", "/v1/a.js", &[("if-none-match", "\"other\"")], b"").status, 200);
}

#[test]
fn language_models_get_a_page_of_their_own() {
    let server = Server::start();
    let page = server.send("GET", "/llms.txt", &[], b"");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    assert!(page.text.contains(&format!("POST {}/v1/track", server.url)), "{}", page.text);
    assert!(page.text.contains(&format!("{}/v1/a.js", server.url)), "{}", page.text);
    assert!(!page.text.contains("{base}"));
}

#[test]
fn the_server_tells_whether_it_is_well() {
    let server = Server::start_with(&["--metrics-token", "a-token-for-the-tests"]);
    for path in ["/healthz", "/readyz"] {
        let response = server.send("GET", path, &[], b"");
        assert_eq!((response.status, response.json()["ok"].clone()), (200, Value::Bool(true)), "{path}");
    }
    assert_eq!(server.send("GET", "/metrics", &[], b"").error(), (401, "missing_bearer_token".to_owned()));
    assert_eq!(server.get("/metrics", "a-token-for-nobody-x").error(), (401, "invalid_api_key".to_owned()));
    let metrics = server.get("/metrics", "a-token-for-the-tests").text;
    for name in [
        "http_requests_total{route=\"/healthz\",status=\"200\"} 1",
        "events_stored_total 0",
        "store_memtable_rows 0",
        "# EOF",
    ] {
        assert!(metrics.contains(name), "{name} in {metrics}");
    }
    let closed = Server::start();
    assert_eq!(closed.get("/metrics", "whatever-it-is-none").error(), (404, "not_found".to_owned()));
}

#[test]
fn what_anybody_may_read_is_sent_packed_and_not_twice() {
    let server = Server::start();
    let style = {
        let page = server.send("GET", "/sign-in", &[], b"").text;
        page.split_once("rel=\"stylesheet\" href=\"").unwrap().1.split('"').next().unwrap().to_owned()
    };
    let documents = ["/openapi.json", "/docs", "/docs/api", "/docs/api.md", "/docs/search.json", "/llms.txt"];
    for path in documents.into_iter().chain(["/llms-full.txt", "/v1/a.js", &style]) {
        let head = |headers: &[(&str, &str)]| server.send("HEAD", path, headers, b"");
        let plain = head(&[("accept-encoding", "identity")]);
        assert_eq!((plain.status, plain.header("content-encoding")), (200, None), "{path}");
        assert_eq!(plain.header("vary"), Some("accept-encoding"), "{path}");
        let length =
            |response: &Response| response.header("content-length").unwrap().parse::<usize>().unwrap();
        let packed = head(&[("accept-encoding", "gzip")]);
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}");
        assert!(length(&packed) < length(&plain), "{path}: {} of {}", length(&packed), length(&plain));
        let tag = plain.header("etag").unwrap_or_else(|| panic!("{path} has no tag"));
        assert_eq!(packed.header("etag"), Some(tag), "{path}");
        let known = server.send("GET", path, &[("if-none-match", tag)], b"");
        assert_eq!((known.status, known.text.as_str(), known.header("etag")), (304, "", Some(tag)), "{path}");
        for header in ["cache-control", "content-security-policy"] {
            assert_eq!(known.header(header), plain.header(header), "{path}");
        }
        let other = server.send("GET", path, &[("if-none-match", "W/\"0000000000000000\"")], b"");
        assert_eq!((other.status, other.text.is_empty()), (200, false), "{path}");
        let read = server.send("GET", path, &[], b"");
        assert_eq!(read.text.len(), length(&plain), "{path}");
    }
}
