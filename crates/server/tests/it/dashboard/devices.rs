//! Devices that are known from an earlier sign-in: guesses of strangers use up the tries of
//! strangers, never those of an owner's own browser or session.

use super::browser::{Browser, EMAIL, PASSWORD};
use super::passwords::{reset_link, with_factor};
use super::people::{invitation, member};
use crate::support::{Instance, Response, Server};

const WRONG: &str = "wrong horse battery";
const NEW: &str = "another horse battery";

/// Behind a proxy that is believed, so that everybody has an address of their own.
fn server() -> Server {
    Server::start_with(&["--trusted-proxies", "127.0.0.1,::1"])
}

/// A try from an address.
fn try_from(server: &Instance, browser: &Browser<'_>, ip: &str, email: &str, password: &str) -> Response {
    let fields = [("email", email), ("password", password)];
    browser.post_with("/sign-in", &fields, &[("origin", &server.url), ("x-forwarded-for", ip)])
}

/// Somebody guesses at an address until they have to wait.
fn guess_until_refused(server: &Instance, email: &str) {
    let stranger = Browser::new(server);
    let statuses: Vec<u16> =
        (0..11).map(|_| try_from(server, &stranger, "198.51.100.1", email, WRONG).status).collect();
    assert_eq!(statuses[10], 429, "{statuses:?}");
}

/// A browser in which the owner signed in and out again.
fn known_device(server: &Instance) -> Browser<'_> {
    let browser = Browser::signed_in(server, EMAIL, PASSWORD);
    assert_eq!(browser.post("/sign-out", &[]).status, 303);
    assert_eq!(*browser.cookie.borrow(), None);
    browser
}

/// A browser that holds this device cookie and nothing else.
fn holding(server: &Instance, device: Option<String>) -> Browser<'_> {
    let browser = Browser::new(server);
    *browser.device.borrow_mut() = device;
    browser
}

#[test]
fn guessing_at_an_address_locks_out_new_devices_and_no_known_one() {
    let server = server();
    Browser::of_owner(&server);
    let known = known_device(&server);
    guess_until_refused(&server, EMAIL);
    let new = try_from(&server, &Browser::new(&server), "203.0.113.9", EMAIL, PASSWORD);
    assert_eq!(new.status, 429, "{}", new.text);
    let seconds: u64 = new.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert!(
        new.text.contains("in a browser where you have signed in before"),
        "says the way in: {}",
        new.text
    );
    let back = try_from(&server, &known, "203.0.113.9", EMAIL, PASSWORD);
    assert_eq!(back.status, 303, "{}", back.text);
    assert_eq!(known.get("/profile").status, 200);
}

#[test]
fn whoever_is_signed_in_changes_the_password_while_somebody_guesses() {
    let server = server();
    let owner = Browser::of_owner(&server);
    guess_until_refused(&server, EMAIL);
    let changed = owner.post("/profile/password", &[("old", PASSWORD), ("new", NEW)]);
    assert_eq!(changed.status, 303, "{}", changed.text);
    let again = try_from(&server, &owner, "203.0.113.9", EMAIL, NEW);
    assert_eq!(again.status, 303, "and the browser is known under the new password: {}", again.text);
    let page = owner.get("/profile/second-factor");
    assert_eq!(page.status, 200);
    with_factor(&owner);
    let off = owner.post("/profile/second-factor/off", &[("password", NEW)]);
    assert_eq!(off.status, 303, "{}", off.text);
}

#[test]
fn wrong_passwords_in_a_session_use_up_the_tries_of_that_session_alone() {
    let server = server();
    let owner = Browser::of_owner(&server);
    let other = Browser::signed_in(&server, EMAIL, PASSWORD);
    let change = |browser: &Browser<'_>, old: &str| {
        browser.post("/profile/password", &[("old", old), ("new", NEW)]).status
    };
    let statuses: Vec<u16> = (0..11).map(|_| change(&owner, WRONG)).collect();
    assert_eq!((statuses[..10].to_vec(), statuses[10]), (vec![422; 10], 429));
    let stranger = try_from(&server, &Browser::new(&server), "203.0.113.9", EMAIL, PASSWORD);
    assert_eq!(stranger.status, 303, "{}", stranger.text);
    assert_eq!(change(&other, PASSWORD), 303);
}

#[test]
fn a_device_cookie_is_worth_nothing_to_anybody_else_and_forged_ones_are_none() {
    let server = server();
    let owner = Browser::of_owner(&server);
    let ben = member(&server, &owner, "viewer", "ben@example.com");
    let known = known_device(&server).device.take().unwrap();
    guess_until_refused(&server, EMAIL);
    let (name, value) = known.split_once('=').unwrap();
    let other_end = if value.ends_with('A') { "B" } else { "A" };
    let other_start = if value.starts_with('A') { "B" } else { "A" };
    for forged in [
        ben.device.take().unwrap(),
        format!("{name}="),
        format!("{name}=x"),
        format!("{name}={}", "A".repeat(value.len())),
        format!("{name}={}{other_end}", &value[..value.len() - 1]),
        format!("{name}={other_start}{}", &value[1..]),
        format!("{name}={value}{value}"),
        format!("{name}={}", "A".repeat(6000)),
        format!("x{name}={value}"),
    ] {
        let browser = holding(&server, Some(forged.clone()));
        let refused = try_from(&server, &browser, "203.0.113.9", EMAIL, PASSWORD);
        assert_eq!(refused.status, 429, "{forged}: {}", refused.text);
    }
    let genuine = try_from(&server, &holding(&server, Some(known)), "203.0.113.9", EMAIL, PASSWORD);
    assert_eq!(genuine.status, 303, "{}", genuine.text);
}

#[test]
fn a_new_password_makes_every_older_device_cookie_worthless() {
    let server = server();
    let owner = Browser::of_owner(&server);
    let before_change = known_device(&server).device.take();
    assert_eq!(owner.post("/profile/password", &[("old", PASSWORD), ("new", NEW)]).status, 303);
    let before_reset = owner.device.borrow().clone();
    assert_ne!(before_change, before_reset);
    let reset = Browser::new(&server);
    assert_eq!(reset.post(&reset_link(&server, &[]), &[("password", PASSWORD)]).status, 200);
    guess_until_refused(&server, EMAIL);
    for (when, old) in [("before the change", before_change), ("before the reset", before_reset)] {
        let refused = try_from(&server, &holding(&server, old), "203.0.113.9", EMAIL, PASSWORD);
        assert_eq!(refused.status, 429, "{when}: {}", refused.text);
    }
    let done = try_from(&server, &reset, "203.0.113.9", EMAIL, PASSWORD);
    assert_eq!(done.status, 303, "the link made its own browser a known one: {}", done.text);
}

#[test]
fn wrong_tries_of_a_known_device_use_up_its_own_and_nobody_elses() {
    let server = server();
    Browser::of_owner(&server);
    let (stolen, other) = (known_device(&server), known_device(&server));
    let statuses: Vec<u16> =
        (0..11).map(|_| try_from(&server, &stolen, "198.51.100.1", EMAIL, WRONG).status).collect();
    assert_eq!((statuses[..10].to_vec(), statuses[10]), (vec![422; 10], 429));
    let right = try_from(&server, &stolen, "203.0.113.9", EMAIL, PASSWORD);
    assert_eq!(right.status, 429, "the right password is not even looked at");
    assert!(right.header("retry-after").is_some());
    for (who, browser) in [("another device", &other), ("a stranger", &Browser::new(&server))] {
        let done = try_from(&server, browser, "203.0.113.9", EMAIL, PASSWORD);
        assert_eq!(done.status, 303, "{who}: {}", done.text);
    }
}

#[test]
fn others_behind_the_same_address_lock_out_no_known_device() {
    let server = server();
    Browser::of_owner(&server);
    let known = known_device(&server);
    let stranger = Browser::new(&server);
    let refused = (0..60)
        .map(|n| try_from(&server, &stranger, "198.51.100.1", &format!("p{n}@example.com"), WRONG).status)
        .filter(|status| *status == 429)
        .count();
    assert!(refused > 0, "the address has no tries left");
    let new = try_from(&server, &Browser::new(&server), "198.51.100.1", EMAIL, PASSWORD);
    assert_eq!(new.status, 429, "{}", new.text);
    let done = try_from(&server, &known, "198.51.100.1", EMAIL, PASSWORD);
    assert_eq!(done.status, 303, "{}", done.text);
}

#[test]
fn guessed_codes_lock_out_new_devices_and_no_known_one() {
    let server = server();
    let owner = Browser::of_owner(&server);
    let codes = with_factor(&owner).recovery;
    assert_eq!(owner.post("/sign-out", &[]).status, 303);
    let give = |browser: &Browser<'_>, code: &str| {
        browser.get("/sign-in/code");
        browser.post("/sign-in/code", &[("code", code)]).status
    };
    // Somebody who knows the password, on a device of their own.
    let thief = Browser::new(&server);
    assert_eq!(try_from(&server, &thief, "198.51.100.1", EMAIL, PASSWORD).status, 303);
    assert_eq!(*thief.device.borrow(), None, "the password alone makes no device a known one");
    let statuses: Vec<u16> = (0..6).map(|_| give(&thief, "123")).collect();
    assert_eq!((statuses[..5].to_vec(), statuses[5]), (vec![422; 5], 429));
    let new = Browser::new(&server);
    assert_eq!(try_from(&server, &new, "203.0.113.9", EMAIL, PASSWORD).status, 303);
    assert_eq!(give(&new, &codes[0]), 429);
    assert_eq!(try_from(&server, &owner, "203.0.113.9", EMAIL, PASSWORD).status, 303);
    let own: Vec<u16> = (0..4).map(|_| give(&owner, "123")).collect();
    assert_eq!(own, [422; 4]);
    assert_eq!(give(&owner, &codes[0]), 303);
    assert_eq!(try_from(&server, &owner, "203.0.113.9", EMAIL, PASSWORD).status, 303);
}

#[test]
fn whoever_knows_the_password_starts_so_many_sessions_and_no_more() {
    let server = server();
    Browser::of_owner(&server);
    let owner = Browser::signed_in(&server, EMAIL, PASSWORD);
    // Each sign-in makes the browser a known device anew, with tries of its own.
    let statuses: Vec<u16> = (0..60).map(|_| owner.sign_in(EMAIL, PASSWORD).status).collect();
    let started = statuses.iter().take_while(|status| **status == 303).count();
    assert!((30..50).contains(&started), "{statuses:?}");
    assert!(statuses[started..].contains(&429), "{statuses:?}");
}

#[test]
fn guesses_through_a_link_use_up_the_tries_of_that_link() {
    let server = server();
    let owner = Browser::of_owner(&server);
    let (path, other) =
        (invitation(&server, &owner, "viewer", ""), invitation(&server, &owner, "viewer", ""));
    let accept = |path: &str, email: &str| {
        Browser::new(&server).post(path, &[("email", email), ("password", PASSWORD)]).status
    };
    let statuses: Vec<u16> = (0..11).map(|_| accept(&path, EMAIL)).collect();
    assert_eq!((statuses[..10].to_vec(), statuses[10]), (vec![422; 10], 429), "whether an address is taken");
    assert_eq!(accept(&other, "ben@example.com"), 303);
}

#[test]
fn the_cookie_of_a_device_is_for_this_server_alone_and_opens_nothing() {
    let server = server();
    Browser::of_owner(&server);
    let browser = Browser::new(&server);
    let done = browser.sign_in(EMAIL, PASSWORD);
    let set: Vec<&str> = done.headers.get_all("set-cookie").iter().map(|set| set.to_str().unwrap()).collect();
    assert_eq!(set.len(), 2, "{set:?}");
    let (pair, rest) = set[1].split_once("; ").unwrap();
    assert!(pair.starts_with("mm_device="), "{pair}");
    assert_eq!(rest, "Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax");
    assert_eq!(holding(&server, browser.device.take()).get("/profile").status, 303);
}
