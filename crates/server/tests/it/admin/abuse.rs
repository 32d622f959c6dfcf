//! Who may not: other credentials, lower roles, people who left, strangers, tokens that ended, tokens in URLs.

use millimetric_core::key::KEY_RANDOM_BYTES;
use millimetric_core::key::access_token::AccessTokenText;
use serde_json::{Value, json};

use super::client::{Script, person, routes};
use crate::support::{ALWAYS, Instance, Response, Server, eventually, path_of};

fn invalid_session() -> (u16, String) {
    (401, "invalid_session".to_owned())
}

fn insufficient_scope() -> (u16, String) {
    (403, "insufficient_scope".to_owned())
}

/// An error without its request id, which is in the header only.
fn shown(response: &Response) -> (u16, String) {
    (response.status, response.text.clone())
}

fn key_of_default(script: &Script<'_>) -> String {
    script.read("/projects/default/keys")["keys"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn no_other_credential_opens_the_management_api() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    let project = server.default_project();
    let ak = server.cli(&["key", "mint", "--account", "default", "--kind", "ak"]);
    let other = if script.token.ends_with('x') { "y" } else { "x" };
    let mistyped = format!("{}{other}", &script.token[..script.token.len() - 1]);
    let unknown = AccessTokenText::create(&[7; KEY_RANDOM_BYTES]).reveal().to_owned();
    let key = key_of_default(&script);
    for other in [
        project.pk.as_str(),
        &project.sk,
        &project.rk,
        ak["key"].as_str().unwrap(),
        &mistyped,
        &unknown,
        "x",
        "mmt_",
    ] {
        for (method, path, body) in routes("default", &key) {
            let refused = script.with(other).send(method, &path, &[], &body);
            assert_eq!(refused.error(), invalid_session(), "{method} {path}");
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
            assert!(!refused.text.contains(other) || other.len() < 5, "{}", refused.text);
        }
    }
    let without = server.send("GET", "/v1/admin/projects", &[], b"");
    assert_eq!(without.error(), invalid_session());
    let basic = [("authorization", "Basic YW5uQGV4YW1wbGUuY29tOng=")];
    assert_eq!(server.send("GET", "/v1/admin/projects", &basic, b"").error(), invalid_session());
    assert_eq!(script.read("/projects")["projects"].as_array().unwrap().len(), 1, "nothing was changed");
}

#[test]
fn a_token_sends_and_reads_no_events_and_signs_nobody_in() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    let event = json!({ "event": "signup" });
    for (method, path) in [
        ("POST", "/v1/track".to_owned()),
        ("POST", "/v1/batch".to_owned()),
        ("POST", "/v1/identify".to_owned()),
        ("POST", "/v1/forget".to_owned()),
        ("GET", format!("/v1/query?{ALWAYS}")),
        ("GET", format!("/v1/stats?{ALWAYS}")),
        ("GET", format!("/v1/export?{ALWAYS}")),
        ("GET", "/v1/goals".to_owned()),
        ("POST", "/mcp".to_owned()),
        ("POST", "/mcp/account".to_owned()),
    ] {
        let bearer = format!("Bearer {}", script.token);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ];
        let refused = server.send(method, &path, &headers, event.to_string().as_bytes());
        assert_eq!(refused.error(), (401, "malformed_api_key".to_owned()), "{path}");
        assert!(
            refused.text.contains("A personal access token (mmt_…) manages projects"),
            "{}",
            refused.text
        );
    }
    let bearer = format!("Bearer {}", script.token);
    for page in ["/", "/profile", "/projects/default/keys"] {
        let response = server.send("GET", page, &[("authorization", &bearer)], b"");
        assert_eq!(response.status, 303, "{page}");
        assert!(response.header("location").unwrap().starts_with("/sign-in"), "{page}");
    }
}

#[test]
fn a_token_that_only_reads_and_one_of_a_viewer_change_nothing() {
    let server = Server::start();
    let owner = Script::of_owner(&server);
    person(&server, "cat@example.com", "viewer");
    let reader = Script::of(&server, "ann@example.com", "read");
    let viewer = Script::of(&server, "cat@example.com", "write");
    let key = key_of_default(&owner);
    for (method, path, body) in routes("default", &key) {
        for (script, required) in [(&reader, "required"), (&viewer, "required_role")] {
            let response = script.send(method, &path, &[], &body);
            if method == "GET" {
                assert_eq!(response.status, 200, "{path}: {}", response.text);
            } else {
                assert_eq!(response.error(), insufficient_scope(), "{method} {path}");
                assert!(response.json()["details"][required].is_string(), "{}", response.text);
            }
        }
    }
    let entries = owner.read("/account/audit")["entries"].as_array().unwrap().clone();
    assert!(entries.iter().all(|entry| entry["actor"]["kind"] != "token"), "{entries:?}");
}

#[test]
fn an_admin_changes_projects_and_an_owner_deletes_them() {
    let server = Server::start();
    person(&server, "ben@example.com", "admin");
    let admin = Script::of(&server, "ben@example.com", "write");
    let slug = admin.project("Shop")["slug"].as_str().unwrap().to_owned();
    let delete = format!("/projects/{slug}?confirm={slug}");
    let refused = admin.delete(&delete);
    assert_eq!(refused.error(), insufficient_scope());
    assert_eq!(refused.json()["details"], json!({ "role": "admin", "required_role": "owner" }));
    assert_eq!(Script::of_owner(&server).delete(&delete).status, 200);
    assert_eq!(admin.get(&format!("/projects/{slug}")).status, 404);
}

#[test]
fn a_token_has_the_role_that_its_owner_has_now() {
    let server = Server::start();
    let owner = crate::dashboard::browser::Browser::of_owner(&server);
    person(&server, "ben@example.com", "viewer");
    let script = Script::of(&server, "ben@example.com", "write");
    assert_eq!(script.post("/projects", &json!({ "name": "Shop" })).error(), insufficient_scope());
    let account = crate::dashboard::people::account(&owner);
    let page = owner.get(&account).text;
    let ids: Vec<&str> =
        page.split("/members/").skip(1).map(|rest| rest.split('/').next().unwrap()).collect();
    let member = format!("{account}/members/{}", ids.last().unwrap());
    assert_eq!(owner.post(&format!("{member}/role"), &[("role", "admin")]).status, 303);
    assert_eq!(script.post("/projects", &json!({ "name": "Shop" })).status, 201);
    assert_eq!(owner.post(&format!("{member}/remove"), &[]).status, 303);
    let stranger = script.get("/projects/nothing");
    for (method, path, body) in routes("default", "key_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5") {
        let refused = script.send(method, &path, &[], &body);
        assert_eq!(shown(&refused), shown(&stranger), "{method} {path}");
        assert_eq!(refused.error(), (404, "not_found".to_owned()));
    }
}

#[test]
fn nothing_of_another_account_is_there_for_a_token() {
    let server = Server::start();
    let owner = Script::of_owner(&server);
    let other = server.account("Other");
    server.cli(&["user", "create", "eve@example.com", "--account", "Other"]);
    let eve = Script::of(&server, "eve@example.com", "write");
    let own = eve.project("Own")["slug"].as_str().unwrap().to_owned();
    let key = key_of_default(&owner);
    let id = owner.read("/projects/default")["id"].as_str().unwrap().to_owned();
    let stranger = eve.get("/projects/nothing");
    let unknown = |project: &str| {
        for (method, path, body) in routes(project, &key) {
            if path.starts_with(&format!("/projects/{project}")) {
                let refused = eve.send(method, &path, &[], &body);
                assert_eq!(shown(&refused), shown(&stranger), "as if it were not there: {method} {path}");
            }
        }
    };
    unknown("default");
    unknown(&id);
    let account = owner.read("/account")["id"].as_str().unwrap().to_owned();
    for named in ["default", &account, "Nobody", ""] {
        for path in ["/projects", "/account", "/account/members", "/account/audit", "/account/usage"] {
            let refused = eve.get(&format!("{path}?account={named}"));
            assert_eq!(shown(&refused), shown(&stranger), "{path}?account={named}");
        }
    }
    // A key is found below its own project only.
    for (method, rest) in [("GET", ""), ("DELETE", ""), ("POST", "/rotate")] {
        let refused = eve.send(method, &format!("/projects/{own}/keys/{key}{rest}"), &[], &Value::Null);
        assert_eq!(shown(&refused), shown(&stranger), "{method} {rest}");
    }
    assert_eq!(eve.read("/account")["id"], other.as_str());
    assert_eq!(eve.read("/projects")["projects"].as_array().unwrap().len(), 1);
    // The slug of another account's project is taken; the response does not show that.
    assert_eq!(eve.project("default")["slug"], "default-2");
}

#[test]
fn a_person_of_several_accounts_names_the_one_that_is_meant() {
    let server = Server::start();
    let owner = crate::dashboard::browser::Browser::of_owner(&server);
    server.account("Other");
    server.cli(&["user", "create", "eve@example.com", "--account", "Other"]);
    let eve = Script::of(&server, "eve@example.com", "write");
    let own = eve.read("/account");
    let path = crate::dashboard::people::invitation(&server, &owner, "admin", "");
    let link =
        server.cli(&["user", "reset-password", "eve@example.com"])["link"].as_str().map(path_of).unwrap();
    let browser = crate::dashboard::browser::Browser::new(&server);
    let password = crate::dashboard::browser::PASSWORD;
    browser.post(&link, &[("password", password)]);
    let browser = crate::dashboard::browser::Browser::signed_in(&server, "eve@example.com", password);
    browser.get(&path);
    assert_eq!(browser.post(&format!("{path}/accept"), &[]).status, 303);
    let refused = eve.get("/projects");
    assert_eq!(refused.error(), (400, "invalid_params".to_owned()));
    let accounts = refused.json()["details"]["accounts"].clone();
    let names: Vec<_> = accounts.as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
    assert_eq!(names, ["default", "Other"]);
    let create =
        |account: &str| eve.post(&format!("/projects?account={account}"), &json!({ "name": account })).json();
    assert_eq!(create("Other")["account_id"], own["id"]);
    let default = accounts[0]["id"].as_str().unwrap();
    assert_eq!(create(default)["account_id"], default);
    assert_eq!(eve.read(&format!("/account?account={default}"))["role"], "admin");
    // A project needs no account beside it.
    assert_eq!(eve.get("/projects/default").status, 200);
}

#[test]
fn a_token_that_expired_or_was_revoked_opens_nothing() {
    let server = Server::start();
    let owner = Script::of_owner(&server);
    let brief = Script::until(&server, "ann@example.com", "write", "5s");
    assert_eq!(brief.get("/projects").status, 200);
    let refused = eventually("the token expires", || {
        Some(brief.get("/projects")).filter(|response| response.status != 200)
    });
    assert_eq!(refused.error(), invalid_session());
    server.cli(&["user", "token", "revoke", "ann@example.com", &owner.token_id]);
    for (method, path, body) in routes("default", "key_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5") {
        assert_eq!(owner.send(method, &path, &[], &body).error(), invalid_session(), "{method} {path}");
    }
}

#[test]
fn a_token_in_a_url_is_refused_and_flagged() {
    let server = Server::start();
    let owner = Script::of_owner(&server);
    let sk = server.default_project().sk;
    let token = &owner.token;
    let in_url = (400, "secret_key_in_url".to_owned());
    for path in [
        format!("/v1/admin/projects?key={token}"),
        format!("/v1/admin/projects?access_token={token}"),
        format!("/v1/admin/projects?{token}"),
        format!("/v1/admin/projects/{token}"),
        format!("/v1/admin/projects?cursor={sk}"),
        format!("/v1/query?{ALWAYS}&key={token}"),
        format!("/v1/query?{ALWAYS}&token={token}"),
        format!("/v1/track?key={token}"),
    ] {
        let bearer = format!("Bearer {token}");
        for headers in [&[][..], &[("authorization", bearer.as_str())]] {
            let method = if path.starts_with("/v1/track") { "POST" } else { "GET" };
            let refused = server.send(method, &path, headers, b"");
            assert_eq!(refused.error(), in_url, "{path}");
            assert!(!refused.text.contains(token), "{}", refused.text);
        }
    }
    assert_eq!(owner.get("/projects").status, 200, "it works until its owner revokes it");
    let listed = server.cli(&["user", "token", "list", "ann@example.com"]);
    assert!(listed[0]["exposed_at"].is_string(), "{listed}");
    let keys = owner.read("/projects/default/keys");
    let exposed = keys["keys"].as_array().unwrap().iter().filter(|key| key["exposed_at"].is_string());
    assert_eq!(exposed.map(|key| key["kind"].clone()).collect::<Vec<_>>(), ["sk"]);
}

#[test]
fn guessing_tokens_is_limited_and_keeps_no_owner_out() {
    let server = Server::start();
    let owner = Script::of_owner(&server);
    assert_eq!(owner.get("/projects").status, 200);
    let guess = |number: u8| AccessTokenText::create(&[number; KEY_RANDOM_BYTES]).reveal().to_owned();
    let statuses: Vec<u16> =
        (0..=255).map(|number| owner.with(&guess(number)).get("/projects").status).collect();
    assert!(statuses.iter().take(100).all(|status| *status == 401), "{statuses:?}");
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(owner.get("/projects").status, 200);
}

#[test]
fn a_person_has_a_rate_whatever_tokens_they_use() {
    let server = Server::start_with(&["--rate-limit-admin", "1/3"]);
    let owner = Script::of_owner(&server);
    let second = Script::of(&server, "ann@example.com", "read");
    person(&server, "cat@example.com", "viewer");
    let other = Script::of(&server, "cat@example.com", "read");
    let statuses: Vec<u16> = (0..10)
        .map(|number| if number % 2 == 0 { owner.get("/projects") } else { second.get("/projects") }.status)
        .collect();
    assert!(statuses[..3].iter().all(|status| *status == 200) && statuses.contains(&429), "{statuses:?}");
    let refused = eventually("the bucket is empty", || {
        Some(owner.get("/account")).filter(|response| response.status == 429)
    });
    assert_eq!(refused.error().1, "rate_limited");
    assert!(
        refused.header("retry-after").is_some() && refused.header("ratelimit").unwrap().contains("\"admin\"")
    );
    assert_eq!(other.get("/projects").status, 200);
}

#[test]
fn bodies_and_parameters_have_bounds_and_errors_say_what_is_right() {
    let server = Server::start();
    let owner = Script::of_owner(&server);
    let large = json!({ "name": "x".repeat(70_000) });
    assert_eq!(owner.post("/projects", &large).error().0, 413);
    let raw = |instance: &Instance, body: &[u8]| {
        let bearer = format!("Bearer {}", owner.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        instance.send("POST", "/v1/admin/projects", &headers, body)
    };
    for body in [&b"{"[..], b"[]", b"\xff", b"null", "[".repeat(60_000).as_bytes(), b"{\"name\":{}}"] {
        let refused = raw(&server, body);
        assert_eq!(refused.error(), (400, "invalid_payload".to_owned()), "{}", refused.text);
        assert!(refused.text.len() < 1000, "{}", refused.text);
    }
    for (path, field) in [
        ("/projects?limit=0", "limit"),
        ("/projects?limit=501", "limit"),
        ("/projects?cursor=x", "cursor"),
        ("/projects?acount=default", "acount"),
        ("/projects?limit=1&limit=1", "limit"),
        ("/account/usage?month=May", "month"),
        ("/account/audit?cursor=eA", "cursor"),
        ("/projects/default?fields=id", "fields"),
    ] {
        let refused = owner.get(path);
        assert_eq!(refused.error(), (400, "invalid_params".to_owned()), "{path}");
        assert!(refused.json()["details"]["fieldErrors"][field].is_array(), "{path}: {}", refused.text);
    }
    let flood = format!("/projects?{}", "a=1&".repeat(500));
    let refused = owner.get(&flood);
    assert!(refused.status == 400 && refused.text.len() < 4000, "{}", refused.text.len());
}
