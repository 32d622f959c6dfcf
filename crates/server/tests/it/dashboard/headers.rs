//! What goes with pages and files: nothing from elsewhere, nothing kept that should not be.

use super::browser::{Browser, attribute};
use crate::support::Server;

#[test]
fn no_page_may_load_from_elsewhere_be_framed_or_be_kept() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    for path in ["/", "/sign-in", "/projects/default", "/projects/nothing", "/setup/x"] {
        for page in [owner.get(path), Browser::new(&server).get(path)] {
            let policy = page.header("content-security-policy").unwrap();
            assert!(
                policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
                "{policy}"
            );
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
            assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
            assert_eq!(page.header("referrer-policy"), Some("same-origin"));
            assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
            for word in [" style=", "<style", "<script>", " onclick", "javascript:"] {
                assert!(!page.text.contains(word), "{path} holds {word}");
            }
        }
    }
}

#[test]
fn files_may_be_kept_for_good_under_an_address_that_changes_with_them() {
    let server = Server::start();
    let page = Browser::new(&server).get("/");
    for words in ["rel=\"stylesheet\" href=\"", "rel=\"icon\" href=\"", "<script src=\""] {
        let address = attribute(&page.text, words).unwrap();
        let file = server.send("GET", &address, &[], b"");
        assert_eq!(
            (file.status, file.header("cache-control")),
            (200, Some("public, max-age=31536000, immutable"))
        );
        let tag = file.header("etag").unwrap();
        assert_eq!(server.send("GET", &address, &[("if-none-match", tag)], b"").status, 304);
    }
    let none = server.send("GET", "/assets/0/nothing.css", &[], b"");
    assert_eq!((none.status, none.header("cache-control")), (404, Some("no-store")));
    let old = server.send("GET", "/assets/0000000000000000/style.css", &[], b"");
    assert_eq!((old.status, old.header("cache-control")), (200, Some("public, max-age=60")));
}

#[test]
fn pages_are_compressed_for_those_who_can_read_it() {
    let server = Server::start();
    let raw = |encoding: &str| {
        let agent: ureq::Agent = ureq::Agent::config_builder().accept_encoding("").build().into();
        let response =
            agent.get(format!("{}/", server.url)).header("accept-encoding", encoding).call().unwrap();
        response.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(raw("gzip, br").as_deref(), Some("gzip"));
    assert_eq!(raw("identity"), None);
}
