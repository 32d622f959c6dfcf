//! Share links: anybody who has one reads the overview and nothing else, until it is revoked.

use super::browser::Browser;
use super::overview::shop;
use super::people::member;
use crate::support::{Instance, Server};

const DAYS: &str = "first=2026-05-14&last=2026-05-16";

/// The path of a link that the owner makes.
fn share(server: &Instance, owner: &Browser<'_>) -> String {
    let made = owner.post("/projects/default/share", &[]);
    assert_eq!(made.status, 200, "{}", made.text);
    let link = made.text.split_once("<code id=\"link\">").unwrap().1.split('<').next().unwrap().to_owned();
    link.strip_prefix(&server.url).unwrap().to_owned()
}

#[test]
fn a_link_shows_totals_to_anybody_and_search_engines_are_told_to_leave() {
    let server = Server::start();
    shop(&server);
    let owner = Browser::of_owner(&server);
    let link = share(&server, &owner);
    let stranger = Browser::new(&server);
    let page = stranger.get(&format!("{link}?{DAYS}"));
    assert_eq!((page.status, page.header("x-robots-tag")), (200, Some("noindex, nofollow")));
    assert_eq!(page.header("set-cookie"), None);
    assert!(page.text.contains("<strong>3</strong>"));
    assert!(page.text.contains("facebook"), "{}", page.text);
    assert!(!page.text.contains("/projects/"), "no link leads to what one has to sign in for");
    assert!(!owner.get("/projects/default/share").text.contains(&link), "the link is in one page alone");
}

#[test]
fn a_link_shows_nobody_in_particular() {
    let server = Server::start();
    let project = shop(&server);
    let (_, test) = server.create_key(&project, &["--kind", "sk", "--env", "test"]);
    server.track(&test, serde_json::json!({ "event": "rehearsal", "timestamp": "2026-05-16T12:00:00Z" }));
    let link = share(&server, &Browser::of_owner(&server));
    let stranger = Browser::new(&server);
    let whole = stranger.get(&format!("{link}?{DAYS}")).text;
    for narrowed in ["anonymous_id=anna", "user_id=x", "session_id=x", "env=test"] {
        assert_eq!(stranger.get(&format!("{link}?{DAYS}&{narrowed}")).text, whole, "{narrowed}");
    }
    let page = stranger.get(&format!("{link}?{DAYS}&event=purchase&property=plan")).text;
    assert!(!page.contains("<bdi>pro</bdi>") && !page.contains("Properties of"), "{page}");
    for below in
        ["/live", "/live/stream", "/csv/sources", "/tables/sources", "/person?visitor=anna", "/funnels"]
    {
        assert_eq!(stranger.get(&format!("{link}{below}")).status, 404, "{below}");
    }
}

#[test]
fn a_revoked_link_shows_nothing_and_both_are_in_the_log() {
    let server = Server::start();
    shop(&server);
    let owner = Browser::of_owner(&server);
    let (link, other) = (share(&server, &owner), share(&server, &owner));
    let page = owner.get("/projects/default/share").text;
    let ids: Vec<&str> =
        page.split("/share/shr_").skip(1).map(|rest| rest.split('/').next().unwrap()).collect();
    // The newest stands first.
    let done = owner.post(&format!("/projects/default/share/shr_{}/revoke", ids[1]), &[]);
    assert_eq!(done.status, 303);
    let stranger = Browser::new(&server);
    assert_eq!((stranger.get(&link).status, stranger.get(&other).status), (404, 200));
    let unknown = stranger.get(&format!("/share/{}", "A".repeat(43)));
    assert_eq!((unknown.status, unknown.text), (404, stranger.get(&link).text), "as if it had never been");
    let log = owner.get(&format!("{}/audit", super::people::account(&owner))).text;
    assert!(log.contains("share link created") && log.contains("share link revoked"), "{log}");
}

#[test]
fn a_viewer_makes_and_revokes_no_links() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    share(&server, &owner);
    let viewer = member(&server, &owner, "viewer", "cat@example.com");
    let page = viewer.get("/projects/default/share").text;
    assert!(!page.contains("Create link") && !page.contains("/revoke\""), "{page}");
    assert_eq!(viewer.post("/projects/default/share", &[]).status, 403);
    assert_eq!(viewer.post("/projects/default/share/shr_0/revoke", &[]).status, 403);
}
