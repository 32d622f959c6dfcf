//! Passwords and the second factor: changed, lost, guessed at.

use super::browser::{Browser, EMAIL, PASSWORD};
use super::totp;
use crate::support::{Instance, Server, path_of};

const NEW: &str = "another horse battery";

pub(super) fn reset_link(server: &Instance, args: &[&str]) -> String {
    let made = server.cli(&[&["user", "reset-password", EMAIL], args].concat());
    path_of(made["link"].as_str().unwrap())
}

#[test]
fn changing_the_password_ends_every_other_session_and_renews_this_one() {
    let server = Server::start();
    let (browser, other) = (Browser::of_owner(&server), Browser::signed_in(&server, EMAIL, PASSWORD));
    let before = browser.cookie.borrow().clone();
    let wrong = browser.post("/profile/password", &[("old", "wrong horse battery"), ("new", NEW)]);
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("Incorrect password."), "{}", wrong.text);
    assert_eq!(other.get("/profile").status, 200);
    assert_eq!(browser.post("/profile/password", &[("old", PASSWORD), ("new", NEW)]).status, 303);
    assert_ne!(*browser.cookie.borrow(), before);
    assert_eq!((browser.get("/profile").status, other.get("/profile").status), (200, 303));
    assert_eq!(Browser::new(&server).sign_in(EMAIL, PASSWORD).status, 422);
    Browser::signed_in(&server, EMAIL, NEW);
}

#[test]
fn sessions_are_listed_and_ended_one_by_one() {
    let server = Server::start();
    let (browser, other) = (Browser::of_owner(&server), Browser::signed_in(&server, EMAIL, PASSWORD));
    let page = browser.get("/profile").text;
    assert_eq!(page.matches("<th scope=\"row\">Chrome on Windows").count(), 2, "{page}");
    assert_eq!(page.matches("this session").count(), 1);
    let ids: Vec<&str> =
        page.split("/profile/sessions/").skip(1).map(|rest| rest.split('/').next().unwrap()).collect();
    let others = ids.iter().find(|id| {
        let row = page.split_once(&format!("/profile/sessions/{id}/end")).unwrap();
        !row.1.split("</tr>").next().unwrap().contains("Sign out")
    });
    assert_eq!(browser.post(&format!("/profile/sessions/{}/end", others.unwrap()), &[]).status, 303);
    assert_eq!((browser.get("/profile").status, other.get("/profile").status), (200, 303));
}

#[test]
fn a_reset_link_works_once_and_ends_every_session() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let (older, link) = (reset_link(&server, &[]), reset_link(&server, &[]));
    let browser = Browser::new(&server);
    assert_eq!(browser.get(&older).status, 410, "a newer link takes its place");
    assert_eq!(browser.post(&link, &[("password", "short")]).status, 422);
    assert_eq!(browser.post(&link, &[("password", NEW)]).status, 200);
    assert_eq!(owner.get("/profile").status, 303);
    assert_eq!(browser.post(&link, &[("password", PASSWORD)]).status, 410);
    Browser::signed_in(&server, EMAIL, NEW);
}

/// A second factor that was just turned on.
pub(super) struct Factor {
    secret: String,
    /// The code that turned it on.
    used: String,
    pub(super) recovery: Vec<String>,
}

pub(super) fn with_factor(browser: &Browser<'_>) -> Factor {
    let page = browser.get("/profile/second-factor").text;
    let secret = page.split_once("<code id=\"secret\">").unwrap().1.split('<').next().unwrap().to_owned();
    assert_eq!(browser.post("/profile/second-factor", &[("code", "000000x")]).status, 422);
    let used = totp::code(&secret, 0);
    let done = browser.post("/profile/second-factor", &[("code", &used)]);
    assert_eq!(done.status, 200);
    let codes = done.text.split_once("<pre id=\"codes\">").unwrap().1.split("</pre>").next().unwrap();
    let recovery = codes.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect();
    Factor { secret, used, recovery }
}

#[test]
fn with_a_second_factor_the_password_alone_opens_nothing() {
    let server = Server::start();
    let Factor { secret, used, recovery } = with_factor(&Browser::of_owner(&server));
    assert_eq!(recovery.len(), 10);
    let browser = Browser::new(&server);
    let half = browser.post("/sign-in", &[("email", EMAIL), ("password", PASSWORD), ("next", "/profile")]);
    assert_eq!(half.header("location"), Some("/sign-in/code?next=%2Fprofile"));
    assert_eq!(browser.get("/profile").status, 303, "the password alone opens nothing");
    browser.get("/sign-in/code?next=/profile");
    let again = browser.post("/sign-in/code", &[("code", &used)]);
    assert_eq!(again.status, 422, "a code counts once: this one turned the second factor on");
    let done = browser.post("/sign-in/code", &[("code", &totp::code(&secret, 1)), ("next", "/profile")]);
    assert_eq!((done.status, done.header("location")), (303, Some("/profile")));
    assert_eq!(browser.get("/profile").status, 200);
}

#[test]
fn a_recovery_code_signs_in_once() {
    let server = Server::start();
    let codes = with_factor(&Browser::of_owner(&server)).recovery;
    let give = |code: &str| {
        let browser = Browser::new(&server);
        browser.sign_in(EMAIL, PASSWORD);
        browser.get("/sign-in/code");
        browser.post("/sign-in/code", &[("code", code)]).status
    };
    let typed = codes[0].to_uppercase().replace('-', " ");
    assert_eq!([give(&typed), give(&codes[0]), give(&codes[1])], [303, 422, 303]);
}

#[test]
fn codes_cannot_be_guessed() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let codes = with_factor(&owner).recovery;
    let browser = Browser::new(&server);
    browser.sign_in(EMAIL, PASSWORD);
    browser.get("/sign-in/code");
    let statuses: Vec<u16> =
        (0..6).map(|_| browser.post("/sign-in/code", &[("code", "123")]).status).collect();
    assert!(statuses.ends_with(&[429]), "{statuses:?}");
    let refused = browser.post("/sign-in/code", &[("code", &codes[0])]);
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").is_some());
}

#[test]
fn the_second_factor_goes_with_the_password_or_from_the_command_line() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    with_factor(&owner);
    assert_eq!(owner.post("/profile/second-factor/off", &[("password", "wrong horse battery")]).status, 422);
    assert_eq!(owner.post("/profile/second-factor/off", &[("password", PASSWORD)]).status, 303);
    Browser::signed_in(&server, EMAIL, PASSWORD);
    with_factor(&owner);
    let link = reset_link(&server, &[]);
    Browser::new(&server).post(&link, &[("password", NEW)]);
    let half = Browser::new(&server).sign_in(EMAIL, NEW);
    assert!(half.header("location").unwrap().starts_with("/sign-in/code"), "a reset alone leaves it on");
    let link = reset_link(&server, &["--turn-off-second-factor"]);
    Browser::new(&server).post(&link, &[("password", NEW)]);
    Browser::signed_in(&server, EMAIL, NEW);
}
