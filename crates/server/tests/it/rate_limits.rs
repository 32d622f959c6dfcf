//! Token buckets: whose tokens a request takes, and the headers of responses.

use serde_json::json;

use crate::support::{ALWAYS, CHROME, Instance, Project, Response, Server, eventually};

/// A request with the pk of a page, from a client behind a trusted proxy.
fn from_browser(server: &Instance, project: &Project, path: &str, address: &str, body: &str) -> Response {
    let bearer = format!("Bearer {}", project.pk);
    let headers = [
        ("authorization", bearer.as_str()),
        ("origin", "https://shop.example"),
        ("user-agent", CHROME),
        ("x-forwarded-for", address),
    ];
    server.send("POST", path, &headers, body.as_bytes())
}

const EVENT: &str = r#"{"event":"a"}"#;

/// How many of so many requests at once were taken.
fn taken(count: usize, mut send: impl FnMut(usize) -> Response) -> usize {
    let statuses = (0..count).map(|number| send(number).status);
    statuses.filter(|status| *status != 429).count()
}

#[test]
fn a_flood_through_the_public_key_leaves_the_servers_their_tokens() {
    let server = Server::start_with(&["--rate-limit-track", "1/40", "--trusted-proxies", "127.0.0.0/8"]);
    let project = server.project("Shop", &["https://shop.example"]);
    let address = |number: usize| format!("203.0.113.{}", number % 200);
    let flood = taken(80, |number| from_browser(&server, &project, "/v1/track", &address(number), EVENT));
    assert!((40..80).contains(&flood), "{flood} of 80 passed a bucket of 40");
    let own = taken(40, |_| server.post("/v1/track", &project.sk, &json!({ "event": "a" })));
    assert_eq!(own, 40, "the project's own servers have a bucket of their own");
    let other = server.project("Blog", &["https://shop.example"]);
    assert_eq!(from_browser(&server, &other, "/v1/track", "203.0.113.1", EVENT).status, 202);
}

#[test]
fn one_client_address_gets_a_quarter_of_the_public_keys_bucket() {
    let server = Server::start_with(&["--rate-limit-track", "1/40", "--trusted-proxies", "127.0.0.0/8"]);
    let project = server.project("Shop", &["https://shop.example"]);
    let from = |address: &str| taken(20, |_| from_browser(&server, &project, "/v1/track", address, EVENT));
    let first = from("203.0.113.1");
    assert!((10..15).contains(&first), "{first} of 20 passed a quarter of 40");
    assert_eq!(from_browser(&server, &project, "/v1/track", "203.0.113.2", EVENT).status, 202);
    let network = taken(20, |number| {
        from_browser(&server, &project, "/v1/track", &format!("2001:db8:1:1::{number:x}"), EVENT)
    });
    assert!((10..15).contains(&network), "{network} of 20: a network of 64 bits is one address");
    assert_eq!(from_browser(&server, &project, "/v1/track", "2001:db8:1:2::1", EVENT).status, 202);
}

#[test]
fn identify_and_mistakes_take_tokens_too() {
    let server = Server::start_with(&["--rate-limit-track", "1/8", "--rate-limit-batch", "1/8"]);
    let project = server.default_project();
    let person = json!({ "anonymous_id": "v", "user_id": "u" });
    let passed = taken(30, |_| server.post("/v1/identify", &project.sk, &person));
    assert!((8..25).contains(&passed), "{passed} of 30 passed a bucket of 8");
    let refused = server.post("/v1/track", &project.sk, &json!({ "event": "a" }));
    assert_eq!(refused.error(), (429, "rate_limited".to_owned()), "the bucket is that of track");
    let mistakes = taken(30, |_| server.post("/v1/batch", &project.sk, &json!({ "events": [] })));
    assert!((8..25).contains(&mistakes), "{mistakes} of 30 passed a bucket of 8");
    let (_, reader) = server.create_key(&project, &["--kind", "sk", "--scope", "read"]);
    let scope = server.post("/v1/track", &reader, &json!({ "event": "a" }));
    assert_eq!(scope.error(), (403, "insufficient_scope".to_owned()), "who may not send takes none");
}

#[test]
fn an_agents_events_take_the_tokens_of_the_projects_servers() {
    let server = Server::start_with(&["--rate-limit-track", "1/4"]);
    let project = server.default_project();
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "track_event", "arguments": { "event": "a" } } });
    let responses: Vec<_> = (0..10).map(|_| server.post("/mcp", &project.sk, &call).text).collect();
    assert!(
        responses[0].contains("classified") && responses.iter().any(|text| text.contains("rate_limited"))
    );
    let refused = server.post("/v1/track", &project.sk, &json!({ "event": "a" }));
    assert_eq!(refused.error(), (429, "rate_limited".to_owned()));
    let query = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "get_stats", "arguments": { "period": "7d" } } });
    let read = taken(20, |_| {
        let response = server.post("/mcp", &project.sk, &query);
        assert!(!response.text.contains("rate_limited"), "{}", response.text);
        response
    });
    assert_eq!(read, 20, "queries are not metered");
}

#[test]
fn answers_tell_what_is_left() {
    let flags =
        ["--rate-limit-track", "1/40", "--rate-limit-batch", "2/3", "--trusted-proxies", "127.0.0.0/8"];
    let server = Server::start_with(&flags);
    let project = server.project("Shop", &["https://shop.example"]);
    let of = |response: &Response| {
        let header = |name: &str| response.header(name).unwrap_or("none").to_owned();
        (response.status, header("ratelimit-policy"), header("ratelimit"))
    };
    let track = |policy: &str, state: &str, status: u16| (status, policy.to_owned(), state.to_owned());
    let first = server.post("/v1/track", &project.sk, &json!({ "event": "a" }));
    assert_eq!(of(&first), track(r#""track";q=40;w=40"#, r#""track";r=39;t=1"#, 202));
    let invalid = server.post("/v1/identify", &project.sk, &json!({}));
    assert_eq!(of(&invalid), track(r#""track";q=40;w=40"#, r#""track";r=38;t=1"#, 400));
    let batch = server.post("/v1/batch", &project.sk, &json!({ "events": [{ "event": "a" }] }));
    assert_eq!(of(&batch), track(r#""batch";q=3;w=2"#, r#""batch";r=2;t=1"#, 202));
    // A browser sees its own share only: the total would reveal how busy a site is.
    let browser = from_browser(&server, &project, "/v1/track", "203.0.113.1", EVENT);
    assert_eq!(of(&browser), track(r#""track";q=10;w=40"#, r#""track";r=9;t=4"#, 202));
    let refused = (0..60)
        .map(|_| server.post("/v1/track", &project.sk, &json!({ "event": "a" })))
        .find(|response| response.status == 429)
        .expect("sixty do not fit a bucket of forty");
    assert_eq!(of(&refused), track(r#""track";q=40;w=40"#, r#""track";r=0;t=1"#, 429));
    assert_eq!((refused.header("retry-after"), &refused.json()["retry_after_s"]), (Some("1"), &json!(1)));
    for response in [
        server.get(&format!("/v1/stats?{ALWAYS}"), &project.rk),
        server.post("/v1/forget", &project.sk, &json!({ "user_id": "nobody" })),
        server.post("/v1/track", "nonsense", &json!({})),
        Server::start().post("/v1/track", &project.sk, &json!({})),
    ] {
        assert_eq!((response.header("ratelimit-policy"), response.header("ratelimit")), (None, None));
    }
}

#[test]
fn guessing_keys_is_bounded_for_an_address_and_harms_no_key_in_use() {
    let server = Server::start_with(&["--trusted-proxies", "127.0.0.0/8", "--rate-limit-track", "off"]);
    let project = server.default_project();
    let send = |key: &str, from: &str| {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", from)];
        server.send("POST", "/v1/track", &headers, EVENT.as_bytes())
    };
    assert_eq!(send(&project.sk, "203.0.113.1").status, 202);
    let unknown = |number: u32| crate::keys::with_checksum(&crate::keys::with_prefix(&project.sk, number));
    let statuses: Vec<u16> = (0..300).map(|number| send(&unknown(number), "203.0.113.1").status).collect();
    assert_eq!(statuses[..50], [401; 50]);
    // Ten more are looked up each second, so a slow machine needs more than 300 in a row.
    let mut numbers = 1000..;
    let refused = eventually("a wrong key is refused without a look-up", || {
        let response = send(&unknown(numbers.next()?), "203.0.113.1");
        (response.status != 401).then_some(response)
    });
    assert_eq!(refused.error(), (429, "rate_limited".to_owned()));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(send(&project.sk, "203.0.113.1").status, 202, "a key in use goes on");
    assert_eq!(send("sk_live_nonsense", "203.0.113.1").status, 401, "what is no key costs no look-up");
    assert_eq!(send(&unknown(302), "203.0.113.2").status, 401, "other addresses have their own");
    // What was in use a moment ago is looked up again when anything about keys changes.
    server.create_key(&project, &["--kind", "rk"]);
    for number in 400..500 {
        send(&unknown(number), "203.0.113.1");
        assert_eq!(send(&project.sk, "203.0.113.1").status, 202);
    }
}
