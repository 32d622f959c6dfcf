//! Sessions: what a cookie is, how it begins and how it ends.

use super::browser::{Browser, EMAIL, PASSWORD};
use crate::support::Server;

#[test]
fn every_page_asks_strangers_to_sign_in_and_then_goes_on() {
    let server = Server::start();
    Browser::of_owner(&server);
    let browser = Browser::new(&server);
    let refused = browser.get("/projects/default?from=2026-01-01");
    assert_eq!(refused.status, 303);
    let way = refused.header("location").unwrap().to_owned();
    assert_eq!(way, "/sign-in?next=%2Fprojects%2Fdefault%3Ffrom%3D2026-01-01");
    let form = browser.get(&way);
    assert!(form.text.contains("name=\"next\" value=\"/projects/default?from=2026-01-01\""), "{}", form.text);
    let next = ("next", "/projects/default?from=2026-01-01");
    let done = browser.post("/sign-in", &[("email", EMAIL), ("password", PASSWORD), next]);
    assert_eq!((done.status, done.header("location")), (303, Some("/projects/default?from=2026-01-01")));
    assert_eq!(browser.get("/projects/default").status, 200);
}

#[test]
fn nobody_is_sent_to_another_server_after_signing_in() {
    let server = Server::start();
    Browser::of_owner(&server);
    for next in ["https://evil.example", "//evil.example", "/\\evil.example"] {
        let fields = [("email", EMAIL), ("password", PASSWORD), ("next", next)];
        let done = Browser::new(&server).post("/sign-in", &fields);
        assert_eq!((done.status, done.header("location")), (303, Some("/")), "{next}");
    }
}

#[test]
fn the_cookie_is_for_this_server_alone_and_out_of_reach_of_scripts() {
    let server = Server::start();
    Browser::of_owner(&server);
    let done = Browser::new(&server).sign_in(EMAIL, PASSWORD);
    let (pair, rest) = done.header("set-cookie").unwrap().split_once("; ").unwrap();
    assert!(pair.starts_with("mm_session="), "{pair}");
    assert_eq!(rest, "Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax");
}

#[test]
fn signing_in_again_in_the_same_browser_makes_a_new_session_and_ends_the_old_one() {
    let server = Server::start();
    let browser = Browser::of_owner(&server);
    let before = browser.cookie.borrow().clone();
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).status, 303);
    assert_ne!(*browser.cookie.borrow(), before);
    let stolen = Browser::new(&server);
    *stolen.cookie.borrow_mut() = before;
    assert_eq!(stolen.get("/projects/default").status, 303);
    assert_eq!(browser.get("/projects/default").status, 200);
}

#[test]
fn signing_out_ends_the_session_and_takes_the_cookie_away() {
    let server = Server::start();
    let browser = Browser::of_owner(&server);
    let kept = browser.cookie.borrow().clone();
    let done = browser.post("/sign-out", &[]);
    assert_eq!((done.status, done.header("location")), (303, Some("/sign-in")));
    assert!(done.header("set-cookie").unwrap().starts_with("mm_session=; Path=/; Max-Age=0"));
    *browser.cookie.borrow_mut() = kept;
    assert_eq!(browser.get("/projects/default").status, 303);
}

#[test]
fn a_cookie_that_nobody_was_given_opens_nothing() {
    let server = Server::start();
    Browser::of_owner(&server);
    let browser = Browser::new(&server);
    for value in ["", "x", &"A".repeat(43), &"é".repeat(30), &"A".repeat(5000)] {
        *browser.cookie.borrow_mut() = Some(format!("mm_session={value}"));
        assert_eq!(browser.get("/projects/default").status, 303, "{value}");
    }
}
