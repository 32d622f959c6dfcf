//! The command line beside a running server, and without one.

use serde_json::{Value, json};

use crate::support::{ALWAYS, Instance, Server, cli, command, eventually};

/// Standard error of a command that must fail.
fn failure(dir: &std::path::Path, args: &[&str]) -> String {
    let output = command(dir).args(args).output().unwrap();
    assert!(!output.status.success(), "{args:?} succeeded");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn every_command_has_help() {
    let folder = tempfile::tempdir().unwrap();
    for args in [
        &["--help"][..],
        &["serve", "--help"],
        &["project", "--help"],
        &["project", "create", "--help"],
        &["project", "list", "--help"],
        &["project", "show", "--help"],
        &["project", "update", "--help"],
        &["project", "delete", "--help"],
        &["project", "rules", "--help"],
        &["project", "rules", "show", "--help"],
        &["project", "rules", "set", "--help"],
        &["project", "rules", "test", "--help"],
        &["reclassify", "--help"],
        &["key", "--help"],
        &["key", "mint", "--help"],
        &["key", "create", "--help"],
        &["key", "list", "--help"],
        &["key", "revoke", "--help"],
        &["key", "rotate", "--help"],
        &["goal", "--help"],
        &["goal", "create", "--help"],
        &["goal", "list", "--help"],
        &["goal", "update", "--help"],
        &["goal", "delete", "--help"],
        &["user", "--help"],
        &["user", "create", "--help"],
        &["user", "reset-password", "--help"],
        &["user", "token", "create", "--help"],
        &["user", "token", "list", "--help"],
        &["user", "token", "revoke", "--help"],
        &["demo", "--help"],
        &["backup", "--help"],
        &["restore", "--help"],
        &["export", "--help"],
        &["import", "--help"],
        &["doctor", "--help"],
    ] {
        let output = command(folder.path()).args(args).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("--data-dir"), "{args:?}: {text}");
    }
}

#[test]
fn a_project_lives_and_dies() {
    let server = Server::start();
    let made = server.create_project("My Shop", &["https://shop.example"]);
    assert_eq!(made.slug, "my-shop");
    server.track(&made.sk, json!({ "event": "a" }));
    let listed = server.cli(&["project", "list"]);
    let slugs: Vec<_> = listed.as_array().unwrap().iter().map(|row| row["slug"].as_str().unwrap()).collect();
    assert_eq!(slugs, ["default", "my-shop"]);
    let update = [
        "project",
        "update",
        "my-shop",
        "--name",
        "Shop",
        "--timezone",
        "Europe/Berlin",
        "--retention-days",
        "30",
    ];
    let updated = server.cli(&update);
    assert_eq!(
        (&updated["name"], &updated["timezone"], &updated["retention_days"]),
        (&json!("Shop"), &json!("Europe/Berlin"), &json!(30))
    );
    assert_eq!(updated["allowed_origins"], json!(["https://shop.example"]), "what is not named stays");
    assert_eq!(server.cli(&["project", "show", "my-shop"]), updated);
    assert!(failure(&server.dir, &["project", "delete", "my-shop"]).contains("--yes"));
    server.cli(&["project", "delete", "my-shop", "--yes"]);
    eventually("its keys stop", || {
        (server.post("/v1/track", &made.sk, &json!({ "event": "a" })).status == 401).then_some(())
    });
    assert!(failure(&server.dir, &["project", "show", "my-shop"]).contains("there is no project `my-shop`"));
}

#[test]
fn wrong_input_is_answered_with_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    cli(dir, &["project", "create", "--name", "Shop"]);
    for (args, words) in [
        (&["project", "create", "--name", "Shop"][..], "taken"),
        (&["project", "create", "--name", "B", "--origin", "https://*.com"], "too wide"),
        (&["project", "create", "--name", "B", "--origin", "shop.example"], "https://example.com"),
        (&["project", "create", "--name", "B", "--slug", "Not A Slug"], "slug"),
        (&["key", "mint", "--kind", "rk"], "--project"),
        (&["key", "mint", "--project", "shop", "--kind", "ak"], "belongs to an account"),
        (&["key", "mint", "--account", "default", "--kind", "rk"], "belongs to a project"),
        (&["key", "mint", "--project", "shop", "--kind", "xk"], "pk, sk, rk, ak"),
        (&["key", "mint", "--project", "shop", "--kind", "rk", "--expires-in", "soon"], "90d"),
        (&["key", "mint", "--project", "shop", "--kind", "rk", "--allow-ip", "300.0.0.1"], "10.0.0.0/8"),
        (&["key", "revoke", "key_nonsense"], "key_"),
        (&["key", "revoke", "key_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5"], "no such key"),
        (&["user", "create", "ann"], "ann@example.com"),
        (&["user", "create", "ann@example.com", "--role", "king"], "viewer, admin, owner"),
        (&["user", "create", "ann@example.com", "--account", "Nobody"], "no account `Nobody`"),
        (&["user", "reset-password", "ann@example.com"], "there is no user ann@example.com"),
        (&["user", "token", "create", "ann@example.com"], "there is no user ann@example.com"),
        (&["user", "token", "create", "ann@example.com", "--expires-in", "367d"], "at most 366d"),
        (&["user", "token", "create", "ann@example.com", "--scope", "all"], "read, write"),
        (&["user", "token", "revoke", "ann@example.com", "mmt_1"], "tok_"),
        (&["project", "update", "shop", "--timezone", "Mars"], "--timezone"),
        (&["--listen", "nowhere"], "--listen"),
        (&["--rate-limit-track", "many"], "50/200"),
        (&["--pepper", "short"], "16 characters"),
    ] {
        let error = failure(dir, args);
        assert!(error.contains(words), "{args:?}: {error}");
    }
}

#[test]
fn a_key_is_created_by_either_name_of_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    cli(dir, &["project", "create", "--name", "Shop"]);
    for name in ["mint", "create"] {
        let created = cli(dir, &["key", name, "--project", "shop", "--kind", "rk"]);
        assert!(created["key"].as_str().unwrap().starts_with("rk_live_"), "{name}: {created}");
    }
    let help = command(dir).args(["key", "--help"]).output().unwrap();
    assert!(String::from_utf8(help.stdout).unwrap().contains("[alias: create]"));
}

#[test]
fn demo_traffic_is_the_same_for_the_same_seed_with_and_without_a_server() {
    let until = ["--until", "2026-06-01", "--days", "10", "--events", "3000", "--seed", "7"];
    let stats = |server: &Instance, rk: &str| {
        let path = format!("/v1/stats?{ALWAYS}&group_by=event_name,source,medium,country&limit=1000");
        server.get(&path, rk).json()["rows"].clone()
    };
    let folder = tempfile::tempdir().unwrap();
    let before = cli(folder.path(), &[&["demo"][..], &until].concat());
    let server = Server::start_on(folder.path(), &[]);
    let beside = server.cli(&[&["demo", "--project", "beside"][..], &until].concat());
    assert_eq!((&before["stored"], &beside["stored"]), (&json!(3000), &json!(3000)));
    let [first, second] = [&before, &beside].map(|made| stats(&server, made["rk"].as_str().unwrap()));
    assert_eq!(first, second);
    assert!(first.as_array().unwrap().len() > 20, "realistic traffic has many sources");
    let again = server.cli(&[&["demo", "--project", "beside"][..], &until].concat());
    assert_eq!((&again["stored"], &again["rk"]), (&json!(0), &Value::Null), "a second run doubles nothing");
}

#[test]
fn the_doctor_reports_what_needs_fixing() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start();
    let findings = server.cli(&["doctor"]);
    let of = |findings: &Value, what: &str| {
        findings.as_array().unwrap().iter().find(|row| row["what"] == what).unwrap().clone()
    };
    let address = server.url.replace("127.0.0.1", "localhost");
    assert_eq!(of(&findings, "server")["text"], format!("running at {address}"));
    assert_eq!(
        of(&findings, "projects")["text"],
        "1, of which 1 without allowed origins (browsers cannot send)"
    );
    std::fs::set_permissions(server.dir.join("pepper"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = command(&server.dir).args(["doctor", "--json"]).output().unwrap();
    assert!(!output.status.success());
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    let secrets = of(&findings, "secrets");
    assert_eq!(secrets["ok"], false);
    assert!(secrets["text"].as_str().unwrap().contains("chmod 600"));
    let output = command(&server.dir).args(["doctor"]).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("FAIL secrets "));
    let nowhere = command(&server.dir.join("nowhere")).args(["doctor"]).output().unwrap();
    assert!(!nowhere.status.success());
}

#[test]
fn every_setting_stands_in_the_documentation() {
    let folder = tempfile::tempdir().unwrap();
    let help = command(folder.path()).args(["serve", "--help"]).env("COLUMNS", "500").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let docs = include_str!("../../../../docs/self-hosting.md");
    let flags = help.split_whitespace().filter(|word| word.starts_with("--") && *word != "--help");
    let mut count = 0;
    for flag in flags {
        assert!(docs.contains(&format!("`{flag}`")), "{flag} is missing in docs/self-hosting.md");
        count += 1;
    }
    assert!(count >= 15, "{count} flags in: {help}");
    for variable in help.split("[env: ").skip(1).map(|rest| rest.split(['=', ']']).next().unwrap()) {
        assert!(docs.contains(&format!("`{variable}`")), "{variable} is missing in docs/self-hosting.md");
    }
}
