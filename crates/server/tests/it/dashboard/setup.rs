//! The first setup: a link that works once.

use super::browser::{Browser, EMAIL, PASSWORD, setup_path};
use crate::support::Server;

#[test]
fn the_setup_link_makes_one_owner_and_then_stops() {
    let server = Server::start();
    let stranger = Browser::new(&server);
    let start = stranger.get("/");
    assert!(start.status == 200 && start.text.contains("/setup/"), "the first page says what to do");
    let path = setup_path(&server);
    assert!(stranger.get(&path).text.contains("Create owner account"));
    let owner = Browser::of_owner(&server);
    let home = owner.get("/");
    assert!(home.text.contains(EMAIL) && home.text.contains("/projects/default"), "{}", home.text);
    assert_eq!(stranger.get(&path).status, 410);
    let again = stranger.post(&path, &[("email", "eve@example.com"), ("password", PASSWORD)]);
    assert_eq!((again.status, again.header("set-cookie")), (410, None));
    assert_eq!(stranger.get("/").header("location"), Some("/sign-in"));
}

#[test]
fn a_wrong_field_of_the_setup_is_told_and_leaves_the_link_open() {
    let server = Server::start();
    let (browser, path) = (Browser::new(&server), setup_path(&server));
    for (email, password, words) in [
        ("ann", PASSWORD, "Enter an e-mail address"),
        (EMAIL, "too short", "at least 12 characters"),
        (EMAIL, "aaaaaaaaaaaaaaa", "too easy to guess"),
        (EMAIL, &"é".repeat(129), "at most 256 bytes"),
    ] {
        let response = browser.post(&path, &[("email", email), ("password", password)]);
        assert_eq!((response.status, response.header("set-cookie")), (422, None), "{words}");
        assert!(response.text.contains(words), "{}", response.text);
        assert!(!response.text.contains(password), "a password is never repeated");
    }
    Browser::of_owner(&server);
}

#[test]
fn each_start_prints_a_fresh_link_until_there_is_an_owner() {
    let folder = tempfile::tempdir().unwrap();
    let first = Server::start_on(folder.path(), &[]);
    let old = setup_path(&first);
    drop(first);
    let second = Server::start_on(folder.path(), &[]);
    assert_ne!(setup_path(&second), old);
    assert_eq!(Browser::new(&second).get(&old).status, 410);
    Browser::of_owner(&second);
    drop(second);
    let third = Server::start_on(folder.path(), &[]);
    assert_eq!(third.greeting, "");
}

#[test]
fn the_link_and_the_password_lie_in_no_file() {
    let server = Server::start();
    let token = setup_path(&server).trim_start_matches("/setup/").to_owned();
    let session = Browser::of_owner(&server).cookie.take().unwrap();
    let session = session.split_once('=').unwrap().1.to_owned();
    let found = server.terminate_and_search(&[token.as_bytes(), session.as_bytes(), PASSWORD.as_bytes()]);
    assert_eq!(found, [""; 0]);
}
