//! Rows of the control database that cannot be read, and allowed origins that would become one: the
//! row alone does not work, it is named, and everything else goes on.

use std::path::Path;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::dashboard::browser::Browser;
use crate::support::{
    ALWAYS, Instance, PATIENCE, Project, Response, Server, ServerProcess, cli, command, eventually, files,
};

/// Runs SQL on the control database, also beside a server.
fn alter(dir: &Path, sql: &str) {
    alter_file(&dir.join("control.db"), sql);
}

fn alter_file(file: &Path, sql: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let options = options.busy_timeout(PATIENCE).foreign_keys(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = options.connect().await.unwrap();
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// Tells the server that keys have changed, as every change by the program does.
fn touch_keys(dir: &Path) {
    alter(dir, "update revisions set revision = revision + 1 where subject = 'keys'");
}

fn track_from(server: &Instance, pk: &str, origin: &str) -> Response {
    let bearer = format!("Bearer {pk}");
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/json"), ("origin", origin)];
    server.send("POST", "/v1/track", &headers, json!({ "event": "a" }).to_string().as_bytes())
}

/// What a command says, on standard output and standard error.
fn said(dir: &Path, args: &[&str]) -> (bool, String) {
    let output = command(dir).args(args).output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (output.status.success(), text)
}

fn slugs(listed: &Value) -> Vec<&str> {
    listed.as_array().unwrap().iter().map(|row| row["slug"].as_str().unwrap()).collect()
}

/// Everything that lists or works on other projects.
fn others_still_work(server: &Instance, owner: &Browser<'_>, other: &Project) {
    server.track(&other.sk, json!({ "event": "a" }));
    assert_eq!(server.get(&format!("/v1/stats?{ALWAYS}"), &other.rk).status, 200);
    assert!(slugs(&server.cli(&["project", "list"])).contains(&other.slug.as_str()));
    let home = owner.get("/");
    assert_eq!(home.status, 200, "{}", home.text);
    let account = crate::dashboard::people::account(owner);
    for page in [account.clone(), format!("{account}/usage"), format!("{account}/audit")] {
        assert_eq!(owner.get(&page).status, 200, "{page}");
    }
    for tab in ["", "/keys", "/settings", "/install"] {
        let page = format!("/projects/{}{tab}", other.slug);
        assert_eq!(owner.get(&page).status, 200, "{page}");
    }
}

#[test]
fn an_origin_that_would_become_a_wildcard_is_refused_everywhere() {
    let server = Server::start();
    let shop = server.project("Shop", &["https://shop.example"]);
    let owner = Browser::of_owner(&server);
    for typed in ["https://%2a.com", "https://＊.com", "https://bü%2acher.example", "https://＊.example.com"]
    {
        let (done, text) = said(&server.dir, &["project", "update", "shop", "--origin", typed]);
        assert!(!done, "{typed}: {text}");
        let response = owner.post("/projects/shop/settings/origins", &[("origin", typed)]);
        assert_eq!(response.status, 422, "{typed}");
        assert!(!server.cli(&["project", "list"]).to_string().contains('*'), "{typed}");
    }
    others_still_work(&server, &owner, &shop);
    assert_eq!(track_from(&server, &shop.pk, "https://shop.example").status, 202);
}

#[test]
fn a_list_of_origins_has_a_bound_that_is_named() {
    let server = Server::start();
    server.project("Shop", &[]);
    let owner = Browser::of_owner(&server);
    let origins: Vec<String> = (0..101).map(|number| format!("https://a{number}.example")).collect();
    let fields: Vec<_> = origins.iter().map(|origin| ("origin", origin.as_str())).collect();
    let response = owner.post("/projects/shop/settings/origins", &fields);
    assert_eq!(response.status, 422, "none of them is silently dropped");
    assert!(response.text.contains("at most 100 allowed origins"), "{}", response.text);
    let mut args = vec!["project", "update", "shop"];
    args.extend(origins.iter().flat_map(|origin| ["--origin", origin.as_str()]));
    let (done, text) = said(&server.dir, &args);
    assert!(!done && text.contains("at most 100 allowed origins"), "{text}");
    let long = format!("https://{}.example", "a".repeat(300));
    let (done, text) = said(&server.dir, &["project", "update", "shop", "--origin", &long]);
    assert!(!done && text.contains("at most 300 bytes"), "{text}");
    assert_eq!(server.cli(&["project", "show", "shop"])["allowed_origins"], json!([]));
    assert_eq!(owner.post("/projects/shop/settings/origins", &fields[..100]).status, 303);
}

#[test]
fn apps_may_be_listed_and_match_exactly() {
    let server = Server::start();
    let extension = "chrome-extension://abcdefghijklmnopabcdefghijklmnop";
    let apps =
        ["capacitor://localhost", "ionic://localhost", "tauri://localhost", "app://obsidian.md", extension];
    let project = server.project("App", &apps);
    for app in apps {
        assert_eq!(track_from(&server, &project.pk, app).status, 202, "{app}");
    }
    let strangers = [
        "capacitor://localhost:8080",
        "capacitor://evil.example",
        "https://localhost",
        "http://localhost",
        "app://www.obsidian.md",
        "chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba",
        "null",
    ];
    for stranger in strangers {
        let refused = track_from(&server, &project.pk, stranger).error();
        assert_eq!(refused, (403, "origin_not_allowed".to_owned()), "{stranger}");
    }
    // A test pk lets pages of the developer's machine in, but an app runs on anybody's device.
    let (_, test) = server.create_key(&server.project("Other", &[]), &["--kind", "pk", "--env", "test"]);
    assert_eq!(track_from(&server, &test, "http://localhost:3000").status, 202);
    assert_eq!(track_from(&server, &test, "capacitor://localhost").status, 403);
}

#[test]
fn an_unreadable_origin_is_skipped_and_named_and_its_project_works() {
    let server = Server::start();
    let (shop, blog) = (server.project("Shop", &[]), server.project("Blog", &[]));
    let owner = Browser::of_owner(&server);
    let stored = "[\"https://*.com\",\"https://shop.example\",\"<b>\"]";
    alter(&server.dir, &format!("update projects set allowed_origins = '{stored}' where slug = 'shop'"));
    touch_keys(&server.dir);
    eventually("the readable entry lets pages in", || {
        (track_from(&server, &shop.pk, "https://shop.example").status == 202).then_some(())
    });
    assert_eq!(track_from(&server, &shop.pk, "https://evil.com").error().0, 403);
    others_still_work(&server, &owner, &shop);
    others_still_work(&server, &owner, &blog);
    let settings = owner.get("/projects/shop/settings").text;
    assert!(settings.contains("https://*.com") && settings.contains("&#60;b&#62;"), "{settings}");
    assert!(settings.contains("cannot be read"), "{settings}");
    let (well, text) = said(&server.dir, &["doctor"]);
    assert!(!well && text.contains("allowed origin `https://*.com`"), "{text}");
    let renamed =
        owner.post("/projects/shop/settings", &[("name", "Shop!"), ("timezone", "UTC"), ("retention", "")]);
    assert_eq!(renamed.status, 303);
    assert!(owner.get("/projects/shop/settings").text.contains("https://*.com"), "a rename keeps the entry");
    assert_eq!(
        owner.post("/projects/shop/settings/origins", &[("origin", "https://shop.example")]).status,
        303
    );
    assert!(!owner.get("/projects/shop/settings").text.contains("cannot be read"));
    assert!(said(&server.dir, &["doctor"]).0);
}

#[test]
fn a_project_that_cannot_be_read_fails_alone() {
    let server = Server::start();
    let (shop, blog) = (server.project("Shop", &["https://shop.example"]), server.project("Blog", &[]));
    let owner = Browser::of_owner(&server);
    let ak = server.cli(&["key", "mint", "--account", "default", "--kind", "ak"])["key"].clone();
    let first = "where slug = 'shop'";
    for (column, value, good) in [
        ("timezone", "'Mars'", "'UTC'"),
        ("plan", "'gold'", "'self_hosted'"),
        ("retention_days", "0", "null"),
        ("name", "cast(x'ff41' as text)", "'Shop'"),
        ("created_at", "9223372036854775807", "1"),
    ] {
        alter(&server.dir, &format!("update projects set {column} = {value} {first}"));
        touch_keys(&server.dir);
        eventually("its keys stop", || {
            let response = server.get(&format!("/v1/stats?{ALWAYS}"), &shop.rk);
            (response.status == 500).then_some(())
        });
        assert_eq!(track_from(&server, &shop.pk, "https://shop.example").error().1, "internal_error");
        assert_eq!(owner.get("/projects/shop").status, 500, "{column}");
        others_still_work(&server, &owner, &blog);
        assert_eq!(slugs(&server.cli(&["project", "list"])), ["default", "blog"], "{column}");
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "list_projects", "arguments": {} } });
        let bearer = format!("Bearer {}", ak.as_str().unwrap());
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", "2025-11-25"),
        ];
        let listed = server.send("POST", "/mcp/account", &headers, call.to_string().as_bytes());
        assert!(listed.status == 200 && listed.text.contains("blog"), "{}", listed.text);
        let (well, text) = said(&server.dir, &["doctor"]);
        assert!(!well && text.contains("project"), "{text}");
        alter(&server.dir, &format!("update projects set {column} = {good} {first}"));
        touch_keys(&server.dir);
    }
    let (_, listed) = {
        alter(&server.dir, &format!("update projects set timezone = 'Mars' {first}"));
        said(&server.dir, &["project", "list"])
    };
    assert!(listed.contains("blog") && listed.contains("column timezone"), "{listed}");
}

#[test]
fn a_key_with_unreadable_networks_opens_nothing_and_is_named() {
    let server = Server::start();
    let shop = server.project("Shop", &[]);
    let owner = Browser::of_owner(&server);
    let (id, sk) = server.create_key(&shop, &["--kind", "sk", "--allow-ip", "203.0.113.7"]);
    let send = |key: &str| server.post("/v1/track", key, &json!({ "event": "a" })).error();
    assert_eq!(send(&sk), (403, "ip_not_allowed".to_owned()));
    for value in ["[\"203.0.113.0/99\"]", "", "[null]"] {
        alter(&server.dir, &format!("update keys set allowed_ips = '{value}' where id = '{id}'"));
        touch_keys(&server.dir);
        eventually("the key opens nothing", || (send(&sk).0 == 500).then_some(()));
        // Who has not got the secret learns nothing of it.
        let wrong = millimetric_core::key::KeyText::parse(&sk).unwrap();
        let wrong = millimetric_core::key::KeyText::create(wrong.kind(), wrong.env(), &with_prefix(&sk));
        assert_eq!(send(wrong.reveal()), (401, "invalid_api_key".to_owned()));
        let listed = server.cli(&["key", "list", "--project", "shop"]);
        assert_eq!(listed.as_array().unwrap().len(), 3, "all others");
        others_still_work(&server, &owner, &shop);
        let (well, text) = said(&server.dir, &["doctor"]);
        assert!(!well && text.contains(&format!("key {id}, column allowed_ips")), "{text}");
    }
    server.cli(&["key", "revoke", &id]);
}

/// Random bytes that create a key with the prefix of this one.
fn with_prefix(key: &str) -> [u8; millimetric_core::key::KEY_RANDOM_BYTES] {
    let prefix = key.split('_').nth(2).unwrap();
    let mut random = [7; millimetric_core::key::KEY_RANDOM_BYTES];
    for (place, byte) in random.iter_mut().enumerate().take(4) {
        *byte = u8::from_str_radix(&prefix[place * 2..place * 2 + 2], 16).unwrap();
    }
    random
}

#[test]
fn people_and_links_that_cannot_be_read_are_skipped() {
    let server = Server::start();
    let shop = server.project("Shop", &[]);
    let owner = Browser::of_owner(&server);
    let account = crate::dashboard::people::account(&owner);
    for role in ["viewer", "admin"] {
        server.cli(&["user", "create", &format!("{role}@example.com"), "--role", role]);
        owner.post(&format!("{account}/invitations"), &[("role", role), ("email", "")]);
        owner.post("/projects/shop/share", &[]);
    }
    alter(
        &server.dir,
        "update memberships set role = 'king' where role = 'viewer';
         update invitations set role = 'king' where role = 'viewer';
         update share_links set created_at = 9223372036854775807 where rowid = 1;
         update audit_log set detail = '{' where sequence = (select max(sequence) from audit_log);
         insert into usage values ((select id from projects where slug = 'shop'), 'prod', '2026-13', -1)",
    );
    others_still_work(&server, &owner, &shop);
    let members = owner.get(&account).text;
    assert!(members.contains("admin@example.com") && !members.contains("viewer@example.com"), "{members}");
    let (well, text) = said(&server.dir, &["doctor"]);
    for name in ["membership usr_", "usage of project prj_", "audit entry "] {
        assert!(!well && text.contains(name), "{name}: {text}");
    }
}

#[test]
fn a_damaged_project_keeps_nobody_else_from_retention_and_is_logged() {
    let server = ServerProcess::start();
    let (shop, blog) = (server.create_project("Shop", &[]), server.create_project("Blog", &[]));
    for key in [&shop.sk, &blog.sk] {
        server.track(key, json!({ "event": "a", "timestamp": "2020-01-01T00:00:00Z" }));
    }
    server.flush();
    let segments = |dir: &Path| {
        let is_segment = |path: &std::path::PathBuf| path.extension().is_some_and(|it| it == "parquet");
        files(dir).into_iter().filter(is_segment).count()
    };
    server.cli(&["project", "delete", "shop", "--yes"]);
    server.cli(&["project", "update", "blog", "--retention-days", "30"]);
    let (_, folder) = server.terminate();
    let folder = folder.unwrap();
    assert_eq!(segments(folder.path()), 2);
    alter(
        folder.path(),
        "update projects set timezone = 'Mars' where slug = 'default';
         insert into projects (id, account_id, slug, name, allowed_origins, plan, retention_days, timezone,
             created_at, deleted_at)
             select 'nonsense', account_id, 'gone', name, '[]', plan, null, timezone, 1, 1
             from projects where slug = 'blog'",
    );
    let server = ServerProcess::start_on(folder.path(), &[]);
    eventually("expired and deleted events are gone", || (segments(folder.path()) == 0).then_some(()));
    server.logged(&["cannot be read", "column timezone"]);
    server.logged(&["cannot be read", "project nonsense, column id"]);
    assert_eq!(slugs(&cli(folder.path(), &["project", "list"])), ["blog"]);
}

#[test]
fn a_project_whose_row_is_gone_keeps_no_other_from_being_counted() {
    let server = ServerProcess::start();
    let (shop, blog) = (server.create_project("Shop", &[]), server.create_project("Blog", &[]));
    let event = json!({ "event": "a" });
    // Once it refuses the revoked key, the server has read all changes of keys, and caches keys until the next.
    let spare = server.create_project("Spare", &[]);
    let read = || server.get(&format!("/v1/usage?{ALWAYS}"), &spare.rk).status;
    assert_eq!(read(), 200);
    let keys = server.cli(&["key", "list", "--project", "spare"]);
    let read_key = keys.as_array().unwrap().iter().find(|key| key["kind"] == "rk").unwrap();
    server.cli(&["key", "revoke", read_key["key_id"].as_str().unwrap()]);
    eventually("a revoked key is refused", || (read() == 401).then_some(()));
    server.track(&shop.sk, event.clone());
    alter(&server.dir, "delete from projects where slug = 'shop'");
    // Its key is believed for up to five minutes, since no program changed it.
    server.track(&shop.sk, event.clone());
    server.track(&blog.sk, event);
    let usage = || server.get(&format!("/v1/usage?{ALWAYS}"), &blog.rk).text;
    eventually("the other project's event is counted", || usage().contains("\"events\":1").then_some(()));
    server.logged(&["usage of a project without a row is dropped"]);
}

#[test]
fn a_damaged_account_is_no_reason_for_a_second_one() {
    let server = Server::start();
    let folder = server.terminate();
    let folder = folder.unwrap();
    alter(folder.path(), "update accounts set name = ''");
    let again = Server::start_on(folder.path(), &[]);
    assert!(!again.greeting.contains("default` is ready"), "{}", again.greeting);
    assert_eq!(slugs(&again.cli(&["project", "list"])), ["default"]);
}

#[test]
fn a_damaged_row_of_the_event_store_stops_no_other_project() {
    let server = ServerProcess::start();
    let (shop, blog) = (server.create_project("Shop", &[]), server.create_project("Blog", &[]));
    for key in [&shop.sk, &blog.sk] {
        server.track(key, json!({ "event": "a", "timestamp": "2026-05-16T19:00:00Z" }));
    }
    server.flush();
    let (_, folder) = server.terminate();
    let folder = folder.unwrap();
    let id = |project: &Project| {
        let shown = cli(folder.path(), &["project", "show", &project.slug]);
        shown["project_id"].as_str().unwrap().trim_start_matches("prj_").to_owned()
    };
    let events = folder.path().join("events.db");
    alter_file(
        &events,
        &format!(
            "insert into floor values (x'00', 0, 1);
             update segment set path = cast(x'ff41' as text) where project = x'{}'",
            id(&shop)
        ),
    );
    let (well, text) = said(folder.path(), &["doctor"]);
    assert!(
        !well && text.contains("2 rows of events.db cannot be read") && text.contains("segment "),
        "{text}"
    );
    let server = ServerProcess::start_on(folder.path(), &[]);
    let count = |key: &str| server.get(&format!("/v1/stats?{ALWAYS}"), key);
    assert_eq!(count(&blog.rk).json()["rows"][0]["value"], json!(1));
    assert_eq!(
        count(&shop.rk).error(),
        (500, "internal_error".to_owned()),
        "a response without it would be wrong"
    );
    server.track(&shop.sk, json!({ "event": "b" }));
    server.logged(&["floor", "cannot be read and is skipped"]);
}

#[test]
fn a_goal_that_cannot_be_read_affects_no_other() {
    let server = Server::start();
    let project = server.default_project();
    let slug = project.slug.as_str();
    for goal in ["sale", "signup"] {
        server.cli(&["goal", "create", goal, "--project", slug, "--event", goal]);
    }
    server.track(&project.sk, json!({ "event": "signup" }));
    alter(&server.dir, "update goals set filters = '[[\"near\"]]' where slug = 'sale'");
    let stats = |goal: &str| server.get(&format!("/v1/stats?{ALWAYS}&goal={goal}"), &project.rk);
    assert_eq!(stats("signup").json()["rows"][0]["value"], 1);
    assert_eq!(stats("sale").error(), (500, "internal_error".to_owned()));
    assert!(!stats("sale").text.contains("near"), "the cause is for the log");
    let expected = json!({ "goals": [{ "slug": "signup", "name": "signup", "event": "signup" }] });
    assert_eq!(server.get("/v1/goals", &project.rk).json(), expected);
    let (listed, text) = said(&server.dir, &["goal", "list", "--project", slug]);
    assert!(listed && text.contains("\nsignup\t") && text.contains("\ngoal sale of project prj_"), "{text}");
    let (well, text) = said(&server.dir, &["doctor"]);
    assert!(!well && text.contains("goal sale of project prj_") && text.contains("column filters"), "{text}");
    let (succeeded, text) =
        said(&server.dir, &["goal", "update", "sale", "--project", slug, "--name", "Sale"]);
    assert!(!succeeded && text.contains("column filters"), "{text}");
    server.cli(&["goal", "delete", "sale", "--project", slug]);
    assert!(said(&server.dir, &["doctor"]).0);
}
