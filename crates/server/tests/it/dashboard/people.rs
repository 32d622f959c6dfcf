//! Members: invited, given a role, taken out; and what each role sees.

use serde_json::json;

use super::browser::{Browser, EMAIL, PASSWORD, attribute};
use crate::support::{Instance, Server, path_of};

/// Where the account's pages are, as the first page links to them.
pub(crate) fn account(owner: &Browser<'_>) -> String {
    let home = owner.get("/").text;
    format!("/accounts/{}", attribute(&home, "href=\"/accounts/").unwrap())
}

/// The path of an invitation that the owner makes.
pub(crate) fn invitation(server: &Instance, owner: &Browser<'_>, role: &str, email: &str) -> String {
    let path = format!("{}/invitations", account(owner));
    let made = owner.post(&path, &[("role", role), ("email", email)]);
    assert_eq!(made.status, 200, "{}", made.text);
    let link = made.text.split_once("<code id=\"link\">").unwrap().1.split('<').next().unwrap().to_owned();
    link.strip_prefix(&server.url).unwrap().to_owned()
}

/// Somebody new who accepts an invitation.
pub(crate) fn member<'a>(server: &'a Instance, owner: &Browser<'_>, role: &str, email: &str) -> Browser<'a> {
    let path = invitation(server, owner, role, "");
    let browser = Browser::new(server);
    let done = browser.post(&path, &[("email", email), ("password", PASSWORD)]);
    assert_eq!((done.status, done.header("location")), (303, Some("/")), "{}", done.text);
    browser.get("/");
    browser
}

#[test]
fn an_invitation_works_once_and_signs_in() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let path = invitation(&server, &owner, "viewer", "");
    assert!(!owner.get(&account(&owner)).text.contains(&path), "the link is in one page alone");
    let guest = Browser::new(&server);
    assert!(guest.get(&path).text.contains("Accept and sign in"));
    let taken = guest.post(&path, &[("email", EMAIL), ("password", PASSWORD)]);
    assert_eq!(taken.status, 422);
    assert!(taken.text.contains("This e-mail address is already in use"), "{}", taken.text);
    let done = guest.post(&path, &[("email", "ben@example.com"), ("password", PASSWORD)]);
    assert_eq!(done.status, 303);
    assert_eq!(guest.get("/projects/default").status, 200);
    let late = Browser::new(&server);
    assert_eq!(late.get(&path).status, 410);
    assert_eq!(late.post(&path, &[("email", "eve@example.com"), ("password", PASSWORD)]).status, 410);
}

#[test]
fn an_invitation_for_one_address_is_for_nobody_else() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let path = invitation(&server, &owner, "admin", "Ben@example.com");
    let eve = Browser::new(&server).post(&path, &[("email", "eve@example.com"), ("password", PASSWORD)]);
    assert_eq!((eve.status, eve.header("set-cookie")), (422, None));
    let ben = Browser::new(&server).post(&path, &[("email", "ben@example.com"), ("password", PASSWORD)]);
    assert_eq!(ben.status, 303);
}

#[test]
fn an_invitation_can_be_withdrawn() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let path = invitation(&server, &owner, "viewer", "");
    let page = owner.get(&account(&owner)).text;
    let id = page.split_once("/invitations/").unwrap().1.split('/').next().unwrap().to_owned();
    assert!(id.starts_with("inv_"), "{id}");
    let done = owner.post(&format!("{}/invitations/{id}/withdraw", account(&owner)), &[]);
    assert_eq!(done.status, 303);
    assert_eq!(Browser::new(&server).get(&path).status, 410);
}

#[test]
fn a_viewer_reads_an_admin_changes_projects_and_an_owner_decides() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let admin = member(&server, &owner, "admin", "ben@example.com");
    let viewer = member(&server, &owner, "viewer", "cat@example.com");
    let account = account(&owner);
    let pages = ["/projects/default", "/projects/default/keys", "/projects/default/settings", &account];
    for page in pages {
        for browser in [&owner, &admin, &viewer] {
            assert_eq!(browser.get(page).status, 200, "{page}");
        }
    }
    let forms: [(&str, [u16; 3]); 6] = [
        ("/projects/default/keys", [200, 200, 403]),
        ("/projects/default/settings/origins", [303, 303, 403]),
        (&format!("{account}/projects/new"), [303, 303, 403]),
        (&format!("{account}/keys"), [200, 403, 403]),
        (&format!("{account}/invitations"), [200, 403, 403]),
        ("/projects/default/settings/delete", [422, 403, 403]),
    ];
    for (path, expected) in forms {
        let kind = if path.ends_with("/keys") && path.starts_with("/accounts") { "ak" } else { "sk" };
        let scope = ("scope", "read");
        let fields = [("kind", kind), scope, ("role", "viewer"), ("name", "New"), ("slug", "?")];
        let got = [&owner, &admin, &viewer].map(|browser| browser.post(path, &fields).status);
        assert_eq!(got, expected, "{path}");
    }
    let keys = viewer.get("/projects/default/keys").text;
    assert!(!keys.contains("Revoke") && !keys.contains("+ pk"), "what one may not do is not offered");
}

#[test]
fn a_removed_member_sees_nothing_any_more_and_the_last_owner_stays() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let viewer = member(&server, &owner, "viewer", "cat@example.com");
    let account = account(&owner);
    let page = owner.get(&account).text;
    let ids: Vec<&str> =
        page.split("/members/").skip(1).map(|rest| rest.split('/').next().unwrap()).collect();
    let (own, other) = (ids[0], *ids.last().unwrap());
    for (path, fields) in [
        (format!("{account}/members/{own}/remove"), &[][..]),
        (format!("{account}/members/{own}/role"), &[("role", "admin")]),
    ] {
        let refused = owner.post(&path, fields);
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains("needs at least one owner"), "{}", refused.text);
    }
    assert_eq!(owner.post(&format!("{account}/members/{other}/remove"), &[]).status, 303);
    assert_eq!(viewer.get("/projects/default").status, 404);
    assert_eq!(viewer.get(&account).status, 404);
    assert!(viewer.get("/").text.contains("not a member of any account"));
}

#[test]
fn the_audit_log_proves_an_erasure_without_the_id_of_the_person() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let body = json!({ "user_id": "user-4711-hers", "include_linked": true });
    let response = server.post("/v1/forget", &server.default_project().sk, &body).json();
    let log = owner.get(&format!("{}/audit", account(&owner))).text;
    let entry = log.split("<tr>").find(|row| row.contains("person erasure requested")).unwrap();
    let request_id = response["request_id"].as_str().unwrap();
    for text in [request_id, "named by", "user_id", "include linked", "true", "key_"] {
        assert!(entry.contains(text), "{text} in {entry}");
    }
    assert!(!log.contains("user-4711-hers"), "{entry}");
}

#[test]
fn the_audit_log_tells_who_did_what_page_by_page() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    for number in 0..60 {
        let name = format!("Shop {number}");
        let fields = [("name", &*name), ("timezone", "UTC"), ("retention", "")];
        assert_eq!(owner.post("/projects/default/settings", &fields).status, 303);
    }
    let audit = format!("{}/audit", account(&owner));
    let newest = owner.get(&audit).text;
    assert!(newest.contains("<strong>project updated</strong>") && newest.contains("Shop 59"), "{newest}");
    assert!(newest.contains(EMAIL) && !newest.contains("account created"));
    let older = attribute(&newest, "?before=").unwrap();
    let oldest = owner.get(&format!("{audit}?before={older}")).text;
    assert!(oldest.contains("account created") && oldest.contains("First start"), "{oldest}");
    assert!(!oldest.contains("?before="), "there is nothing older");
}

#[test]
fn nothing_of_another_account_is_there_for_anybody() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let account = account(&owner);
    let made = server.cli(&["user", "create", "eve@example.com"]);
    let link = path_of(made["link"].as_str().unwrap());
    let eve = Browser::new(&server);
    assert_eq!(eve.post(&link, &[("password", PASSWORD)]).status, 200);
    // Eve belongs to the account `default`, which the owner leaves out of it.
    let eve = Browser::signed_in(&server, "eve@example.com", PASSWORD);
    let page = owner.get(&account).text;
    let ids: Vec<&str> =
        page.split("/members/").skip(1).map(|rest| rest.split('/').next().unwrap()).collect();
    owner.post(&format!("{account}/members/{}/remove", ids.last().unwrap()), &[]);
    let key = owner.get("/projects/default/keys").text;
    let key = key.split_once("/projects/default/keys/").unwrap().1.split('/').next().unwrap().to_owned();
    let unknown = eve.get("/projects/nothing");
    for path in [
        "/projects/default".to_owned(),
        "/projects/default/csv/sources".to_owned(),
        "/projects/default/tables/sources".to_owned(),
        "/projects/default/live".to_owned(),
        "/projects/default/live/stream".to_owned(),
        "/projects/default/event?id=x".to_owned(),
        "/projects/default/person?visitor=x".to_owned(),
        "/projects/default/funnels".to_owned(),
        "/projects/default/funnels/csv?step=a&step=b".to_owned(),
        "/projects/default/retention".to_owned(),
        "/projects/default/retention/csv".to_owned(),
        "/projects/default/share".to_owned(),
        "/projects/default/keys".to_owned(),
        "/projects/default/install".to_owned(),
        "/projects/default/install/arrivals".to_owned(),
        "/projects/default/settings".to_owned(),
        "/projects/default/settings/origins/check?origin=x".to_owned(),
        format!("/projects/default/keys/{key}/revoke"),
        account.clone(),
        format!("{account}/keys"),
        format!("{account}/usage"),
        format!("{account}/audit"),
        format!("{account}/projects/new"),
    ] {
        let refused = eve.get(&path);
        assert_eq!(refused.status, 404, "{path}");
        assert_eq!(refused.text, unknown.text, "as if it were not there: {path}");
    }
    for path in [
        "/projects/default/keys".to_owned(),
        "/projects/default/share".to_owned(),
        "/projects/default/share/shr_0/revoke".to_owned(),
        format!("/projects/default/keys/{key}/revoke"),
        format!("/projects/default/keys/{key}/rotate"),
        "/projects/default/settings".to_owned(),
        "/projects/default/settings/origins".to_owned(),
        "/projects/default/settings/delete".to_owned(),
        format!("{account}/invitations"),
        format!("{account}/keys"),
    ] {
        assert_eq!(eve.post(&path, &[("kind", "sk"), ("slug", "default")]).status, 404, "{path}");
    }
}
