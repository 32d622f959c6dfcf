//! Browsers: preflights and readable responses on the ingest routes, none elsewhere.

use crate::support::{ALWAYS, Server};

#[test]
fn ingest_answers_preflights_and_opens_every_answer() {
    let server = Server::start();
    for path in ["/v1/track", "/v1/batch", "/v1/identify", "/v1/forget"] {
        let asked = [("origin", "https://any.example"), ("access-control-request-method", "POST")];
        let response = server.send("OPTIONS", path, &asked, b"");
        assert_eq!(response.status, 204, "{path}");
        assert_eq!(response.header("access-control-allow-origin"), Some("*"));
        assert_eq!(
            response.header("access-control-allow-headers"),
            Some("authorization, content-type, content-encoding")
        );
        assert_eq!(response.header("access-control-allow-methods"), Some("POST, OPTIONS"));
        assert_eq!(response.header("access-control-max-age"), Some("7200"));
        for response in [server.send("POST", path, &[], b""), server.send("GET", path, &[], b"")] {
            assert!(response.status >= 400);
            assert_eq!(
                response.header("access-control-allow-origin"),
                Some("*"),
                "{path} {}",
                response.status
            );
            assert_eq!(response.header("access-control-expose-headers"), Some("Retry-After, X-Request-Id"));
            assert_eq!(response.header("access-control-allow-credentials"), None);
        }
    }
}

#[test]
fn other_routes_send_no_cross_origin_headers() {
    let server = Server::start();
    let rk = server.default_project().rk;
    for response in [
        server.get(&format!("/v1/query?{ALWAYS}"), &rk),
        server.get("/v1/query", &rk),
        server.send("OPTIONS", "/v1/query", &[("origin", "https://any.example")], b""),
        server.send("GET", "/healthz", &[("origin", "https://any.example")], b""),
    ] {
        let named = response.headers.keys().any(|name| name.as_str().starts_with("access-control-"));
        assert!(!named, "{:?}", response.headers);
    }
}

/// What every preflight is allowed.
const OURS: &str = "authorization, content-type, content-encoding";

#[test]
fn a_preflight_is_answered_with_every_header_that_it_asks_for() {
    let server = Server::start();
    let asked = |names: &str| {
        let headers = [
            ("origin", "https://any.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", names),
        ];
        let response = server.send("OPTIONS", "/v1/track", &headers, b"");
        assert_eq!(response.status, 204);
        response.header("access-control-allow-headers").unwrap().to_owned()
    };
    for (names, allowed) in [
        ("traceparent,baggage,sentry-trace", ", traceparent, baggage, sentry-trace"),
        (" X-Trace ,, Content-Type,authorization, x-trace", ", x-trace"),
        ("", ""),
        (", ,", ""),
        ("*", ""),
        ("not a name, good, a/b, \"q\", ok(1)", ", good"),
    ] {
        assert_eq!(asked(names), format!("{OURS}{allowed}"), "{names}");
    }
    let many: Vec<String> = (0..100).map(|number| format!("x-{number}")).collect();
    assert_eq!(asked(&many.join(",")).split(", ").count(), 3 + 32, "at most 32");
    let long = ["a".repeat(4000), "b".repeat(4000)].join(",");
    assert!(asked(&long).len() < 4200, "a bounded length");
}
