//! The profile page: where people create and revoke their tokens.

use crate::dashboard::browser::{Browser, PASSWORD};
use crate::support::Server;

const FIELDS: [(&str, &str); 4] =
    [("name", "nightly job"), ("scope", "write"), ("expires", "30"), ("password", PASSWORD)];

fn fresh(page: &str) -> String {
    page.split_once("<code id=\"fresh\">").unwrap().1.split('<').next().unwrap().to_owned()
}

#[test]
fn a_token_is_shown_once_works_and_is_revoked() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    let created = owner.post("/profile/tokens", &FIELDS);
    assert_eq!(created.status, 200, "{}", created.text);
    let token = fresh(&created.text);
    assert!(token.starts_with("mmt_") && token.len() == 62, "{token}");
    assert_eq!(created.header("cache-control"), Some("no-store"));
    let page = owner.get("/profile").text;
    let (prefix, secret) = token.split_at(12);
    assert!(page.contains("nightly job") && page.contains(prefix), "{page}");
    assert!(!page.contains(secret), "the secret is in one page alone");
    assert_eq!(server.get("/v1/admin/projects", &token).status, 200);
    let revoke = page.split_once("action=\"/profile/tokens/").unwrap().1.split('"').next().unwrap();
    let revoke = format!("/profile/tokens/{revoke}");
    // Nobody else can revoke it.
    let other = crate::dashboard::people::member(&server, &owner, "owner", "ben@example.com");
    other.get("/profile");
    assert_eq!(other.post(&revoke, &[]).status, 404);
    assert_eq!(server.get("/v1/admin/projects", &token).status, 200);
    assert_eq!(owner.post(&revoke, &[]).status, 303);
    assert_eq!(server.get("/v1/admin/projects", &token).status, 401);
    assert!(!owner.get("/profile").text.contains("nightly job"));
}

#[test]
fn a_token_takes_the_password_and_a_name() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    for (field, value, words) in [
        ("password", "wrong horse battery", "Incorrect password"),
        ("name", " ", "Name: a name must have 1 to 100 characters"),
    ] {
        let fields = FIELDS.map(|(name, usual)| if name == field { (name, value) } else { (name, usual) });
        let refused = owner.post("/profile/tokens", &fields);
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains(words), "{}", refused.text);
        assert!(!refused.text.contains("mmt_"), "{}", refused.text);
    }
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(owner.post_with("/profile/tokens", &FIELDS, &foreign).status, 403);
    // What is not offered becomes the least: a token that reads, for 90 days.
    let odd = FIELDS.map(|(name, usual)| match name {
        "scope" => (name, "all"),
        "expires" => (name, "9999"),
        _ => (name, usual),
    });
    let token = fresh(&owner.post("/profile/tokens", &odd).text);
    let listed = server.cli(&["user", "token", "list", crate::dashboard::browser::EMAIL]);
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["scope"]), (1, &serde_json::json!("read")));
    assert_eq!(listed[0]["prefix"], token[4..12]);
}

#[test]
fn tokens_are_managed_on_the_command_line() {
    let server = Server::start();
    server.cli(&["user", "create", "ann@example.com"]);
    let create = ["user", "token", "create", "ann@example.com", "--name", "nightly", "--scope", "write"];
    let created = server.cli(&create);
    let token = created["token"].as_str().unwrap();
    assert_eq!(server.get("/v1/admin/projects", token).status, 200);
    let listed = server.cli(&["user", "token", "list", "ann@example.com"]);
    let mut expected = created.clone();
    expected.as_object_mut().unwrap().remove("token");
    expected["last_used_at"] = listed[0]["last_used_at"].clone();
    assert_eq!(listed, serde_json::json!([expected]));
    let id = created["token_id"].as_str().unwrap();
    let revoke = ["user", "token", "revoke", "ann@example.com", id];
    assert_eq!(server.cli(&revoke), serde_json::json!({ "token_id": id, "revoked": true }));
    assert_eq!(server.cli(&revoke), serde_json::json!({ "token_id": id, "revoked": false }));
    assert_eq!(server.get("/v1/admin/projects", token).status, 401);
    for args in [&create[..], &["user", "token", "list", "ann@example.com"], &revoke] {
        let output = crate::support::command(&server.dir).args(args).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("tok_"), "{text}");
    }
}
