//! Forms: only a page of this server may send one, and only for the session that it was drawn for.

use super::browser::{Browser, EMAIL, PASSWORD, setup_path};
use crate::support::Server;

#[test]
fn a_form_without_the_token_of_its_session_changes_nothing() {
    let server = Server::start();
    let (owner, other) = (Browser::of_owner(&server), Browser::signed_in(&server, EMAIL, PASSWORD));
    let foreign = other.form_token.borrow().clone();
    let own = owner.form_token.borrow().clone();
    let origin = [("origin", server.url.as_str())];
    for token in ["", "x", &foreign, &own[..own.len() - 2]] {
        let refused = owner.post_with("/sign-out", &[("form_token", token)], &origin);
        assert_eq!(refused.status, 403, "{token}");
        assert!(refused.text.contains("Nothing was changed"));
    }
    assert_eq!(owner.get("/projects/default").status, 200, "still signed in");
    assert_eq!(owner.post_with("/sign-out", &[("form_token", &own)], &origin).status, 303);
}

#[test]
fn a_form_from_another_origin_changes_nothing_whatever_it_carries() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let token = owner.form_token.borrow().clone();
    let origins: [&[(&str, &str)]; 5] = [
        &[],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site"), ("origin", &server.url)],
        &[("sec-fetch-site", "same-site")],
    ];
    for headers in origins {
        let refused = owner.post_with("/sign-out", &[("form_token", &token)], headers);
        assert_eq!(refused.status, 403, "{headers:?}");
    }
    assert_eq!(owner.get("/projects/default").status, 200, "still signed in");
}

#[test]
fn nobody_can_be_signed_in_or_set_up_from_another_site() {
    let server = Server::start();
    let browser = Browser::new(&server);
    let fields = [("email", EMAIL), ("password", PASSWORD)];
    for path in [setup_path(&server), "/sign-in".to_owned()] {
        let refused = browser.post_with(&path, &fields, &[("origin", "https://evil.example")]);
        assert_eq!((refused.status, refused.header("set-cookie")), (403, None), "{path}");
    }
}

#[test]
fn a_form_larger_than_any_of_ours_is_refused() {
    let server = Server::start();
    let large = "x".repeat(70_000);
    let response = Browser::new(&server).post("/sign-in", &[("email", EMAIL), ("password", &large)]);
    assert_eq!(response.status, 413);
    assert!(response.text.contains("<h1>"), "a page: {}", response.text);
}
