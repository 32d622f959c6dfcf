//! Where somebody goes after signing in: to a plain path of this server or to its first page,
//! whatever was asked for, and never into the headers of a response.

use super::browser::{Browser, EMAIL, PASSWORD, attribute};
use crate::support::Server;

/// As they stand in an address, with what a browser gets out of them, percent-decoded once.
const HOSTILE: &[(&str, &str)] = &[
    ("%2F%01", "/\u{1}"),
    ("%2F%00", "/\0"),
    ("%2F%7F", "/\u{7f}"),
    ("%2F%0d%0aX-Injected:%20y", "/\r\nX-Injected: y"),
    ("%2F%0aSet-Cookie:a%3Db", "/\nSet-Cookie:a=b"),
    ("%2F%09%2Fevil.example", "/\t/evil.example"),
    ("%09%2F%2Fevil.example", "\t//evil.example"),
    ("%20%2F%2Fevil.example", " //evil.example"),
    ("%2F%2Fevil.example", "//evil.example"),
    ("%2F%5Cevil.example", "/\\evil.example"),
    ("%5C%5Cevil.example", "\\\\evil.example"),
    ("https%3A%2F%2Fevil.example", "https://evil.example"),
    ("javascript%3Aalert(1)", "javascript:alert(1)"),
    ("%2F%20x", "/ x"),
    ("%2F%C3%A9", "/é"),
    ("%2F%E2%80%AEx", "/\u{202e}x"),
    ("%2F%E3%80%82%E3%80%82", "/。。"),
    ("%2F%ff%fe", "/\u{fffd}\u{fffd}"),
    ("%2F%ED%A0%80", "/\u{fffd}\u{fffd}\u{fffd}"),
    ("", ""),
    ("x", "x"),
];

/// Paths that people are really sent on to.
const OURS: &[&str] = &[
    "/",
    "/projects/default?from=2026-01-01",
    "/projects/default?event=sign%2Bup&path=%2F%C3%A9#top",
    "/invitations/abc-_123",
    "/a%2F%2Fb;c=d,e~f(g)!*'$@:",
];

#[test]
fn nobody_is_sent_on_to_what_is_no_plain_path_of_ours() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let long = format!("/{}", "x".repeat(5000));
    let hostile = HOSTILE.iter().copied().chain([(long.as_str(), long.as_str())]);
    for (encoded, plain) in hostile {
        let form = Browser::new(&server).get(&format!("/sign-in?next={encoded}"));
        assert_eq!(form.status, 200, "{encoded}: {}", form.text);
        let kept = attribute(&form.text, "name=\"next\" value=\"").unwrap();
        assert_eq!(kept, "/", "{encoded}");
        let gone_on = owner.get(&format!("/sign-in?next={encoded}"));
        assert_eq!((gone_on.status, gone_on.header("location")), (303, Some("/")), "{encoded}");
        let fields = [("email", EMAIL), ("password", PASSWORD), ("next", plain)];
        // Each sign-in makes the browser a known device anew, so that no try is one too many.
        let done = owner.post("/sign-in", &fields);
        assert_eq!((done.status, done.header("location")), (303, Some("/")), "{plain:?}");
        for response in [&form, &gone_on, &done] {
            assert_eq!(response.header("x-injected"), None, "{encoded}");
            assert!(!response.headers.contains_key("set-cookie") || response.status == 303, "{encoded}");
        }
    }
}

#[test]
fn a_plain_path_of_ours_is_gone_on_to() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    for path in OURS {
        let encoded: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let gone_on = owner.get(&format!("/sign-in?next={encoded}"));
        assert_eq!((gone_on.status, gone_on.header("location")), (303, Some(*path)));
    }
}

#[test]
fn a_strange_query_of_the_sign_in_page_is_no_error() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    for query in ["next=/a&next=/b", "next", "nonsense=%ff", "%00", "next=/a&x=y", "&&&==", "next=/%zz"] {
        for path in ["/sign-in", "/sign-in/code"] {
            let page = Browser::new(&server).get(&format!("{path}?{query}"));
            assert!(matches!(page.status, 200 | 303), "{path}?{query}: {} {}", page.status, page.text);
        }
        assert_eq!(owner.get(&format!("/sign-in?{query}")).status, 303, "{query}");
    }
}
