//! Guessing: too many attempts are refused, and no response reveals whether an address is known.

use super::browser::{Browser, EMAIL, PASSWORD};
use crate::support::Server;

#[test]
fn a_wrong_password_and_an_unknown_address_are_answered_alike() {
    let server = Server::start();
    Browser::of_owner(&server);
    let browser = Browser::new(&server);
    let responses = [(EMAIL, "wrong horse battery"), ("eve@example.com", PASSWORD), ("no address", PASSWORD)]
        .map(|(email, password)| {
            let response = browser.sign_in(email, password);
            (response.status, response.text.replace(email, "…"))
        });
    assert_eq!(responses[0].0, 422);
    assert!(responses[0].1.contains("Incorrect e-mail or password"), "{}", responses[0].1);
    assert_eq!(responses[0], responses[1]);
    assert_eq!(responses[0], responses[2]);
}

#[test]
fn many_tries_for_one_address_are_refused_whether_it_is_known_or_not() {
    let server = Server::start();
    Browser::of_owner(&server);
    for email in [EMAIL, "eve@example.com"] {
        let browser = Browser::new(&server);
        let statuses: Vec<u16> =
            (0..10).map(|_| browser.sign_in(email, "wrong horse battery").status).collect();
        assert_eq!(statuses, [422; 10], "{email}");
        let refused = browser.sign_in(email, PASSWORD);
        assert_eq!(refused.status, 429, "the right password is not even looked at");
        let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
}

#[test]
fn many_tries_from_one_place_are_refused_whomever_they_are_for() {
    let server = Server::start();
    Browser::of_owner(&server);
    let browser = Browser::new(&server);
    let statuses: Vec<u16> = (0..40)
        .map(|number| browser.sign_in(&format!("person{number}@example.com"), "wrong horse battery").status)
        .collect();
    assert_eq!(statuses[..30], [422; 30]);
    assert!(statuses[30..].contains(&429), "{statuses:?}");
}
