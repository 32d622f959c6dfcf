//! A project's own rules: set by command, applied to new events, tried over stored ones, and applied to those.

use std::fs;
use std::path::Path;

use millimetric_control::{AuditEntry, AuditScope, Control, ControlUrl};
use serde_json::{Value, json};

use crate::support::{ALWAYS, Instance, Project, Server, ask, cli, command, eventually};

const PARTNER: &str = r#"{"rules":[{"slug":"partner","source":"acme","medium":"partner",
    "when":[{"field":"query.ref","op":"is","value":"acme"}]}],
    "ignored_referrers":["pay.example.com"],"meta_clicks":"social"}"#;

/// Writes a file with rules, and returns its path.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.json");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn set(server: &Instance, slug: &str, rules: &str) {
    let (_folder, path) = file(rules);
    server.cli(&["project", "rules", "set", &path, "--project", slug]);
}

fn failure(dir: &Path, args: &[&str]) -> String {
    let output = command(dir).args(args).output().unwrap();
    assert!(!output.status.success(), "{args:?} succeeded");
    String::from_utf8(output.stderr).unwrap()
}

/// A shop with four stored events: a partner's link, a click with lost tags, a payment, and a link of Meta.
fn shop(server: &Instance) -> Project {
    let shop = server.create_project("Shop", &[]);
    let event = |id: &str, url: &str, referrer: &str| {
        let mut event = json!({ "event": "$pageview", "event_id": id, "anonymous_id": id,
            "timestamp": "2026-05-04T10:00:00Z", "url": format!("https://shop.example{url}") });
        if !referrer.is_empty() {
            event["referrer"] = json!(referrer);
        }
        event
    };
    let events = [
        event("partner", "/?ref=acme", ""),
        event("fragment", "/#/?gclid=abc", ""),
        event("payment", "/thanks", "https://pay.example.com/"),
        event("meta", "/?fbclid=x", ""),
    ];
    let sent = server.post("/v1/batch", &shop.sk, &json!({ "events": events }));
    assert_eq!(sent.status, 202, "{}", sent.text);
    shop
}

/// Source, medium and rule of each event, by its id.
fn stored(server: &Instance, project: &Project) -> Vec<String> {
    let rows = ask(server, project, &format!("/v1/query?{ALWAYS}"))["rows"].clone();
    let text = |row: &Value| {
        let [id, source, medium, rule] = ["event_id", "source", "medium", "source_rule_id"]
            .map(|name| row[name].as_str().unwrap().to_owned());
        format!("{id}: {source} / {medium} ({rule})")
    };
    let mut rows: Vec<_> = rows.as_array().unwrap().iter().map(text).collect();
    rows.sort();
    rows
}

/// The audit log of a data folder, newest first.
fn audit(dir: &Path) -> Vec<AuditEntry> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let control = Control::open_to_read(&ControlUrl::in_folder(dir)).await.unwrap();
        control.audit_log(AuditScope::Installation, 1000, None).await.unwrap()
    })
}

/// Sends a text as JSON; returns status and code of the error.
fn post_text(server: &Instance, key: &str, body: &str) -> (u16, String) {
    let headers = [("authorization", &*format!("Bearer {key}")), ("content-type", "application/json")];
    server.send("POST", "/v1/explain", &headers, body.as_bytes()).error()
}

const BEFORE: [&str; 4] = [
    "fragment: google / paid (google_click_id)",
    "meta: facebook / paid (fb_click_id)",
    "partner: direct / direct (direct)",
    "payment: pay.example.com / referral (ref_other)",
];
const AFTER: [&str; 4] = [
    "fragment: google / paid (google_click_id)",
    "meta: facebook / social (fb_click_id)",
    "partner: acme / partner (project:partner)",
    "payment: internal / direct (pass_through)",
];

#[test]
fn new_events_are_classified_with_the_rules_of_their_project() {
    let server = Server::start();
    let [shop, other] = ["Shop", "Other"].map(|name| server.create_project(name, &[]));
    set(&server, &shop.slug, PARTNER);
    let track = |project: &Project| {
        let event = json!({ "event": "$pageview", "url": "https://shop.example/?ref=acme" });
        let id = server.track(&project.sk, event)["event_id"].as_str().unwrap().to_owned();
        let found = ask(&server, project, &format!("/v1/explain?event_id={id}"));
        found["event"]["stored"]["source_rule_id"].as_str().unwrap().to_owned()
    };
    eventually("new events are classified with the rules", || {
        (track(&shop) == "project:partner").then_some(())
    });
    assert_eq!(track(&other), "direct", "rules belong to one project");
    let visit = "/v1/explain?url=https%3A%2F%2Fshop.example%2F%3Fref%3Dacme";
    let explained = ask(&server, &shop, visit);
    assert_eq!(
        explained["rows"],
        json!([{ "rule_id": "project:partner", "fired": true, "reason": "query.ref is acme" }])
    );
    let passed = ask(&server, &shop, "/v1/explain?url=https%3A%2F%2Fshop.example%2F")["rows"][0].clone();
    assert_eq!(
        passed,
        json!({ "rule_id": "project:partner", "fired": false, "reason": "needs query.ref is acme" })
    );
    assert_eq!(ask(&server, &other, visit)["attribution"]["source"], "direct");
    let shown = server.cli(&["project", "rules", "show", "--project", "shop"]);
    assert_eq!(shown["rules"][0]["slug"], "partner");
    assert_eq!(
        (&shown["ignored_referrers"][0], &shown["meta_clicks"]),
        (&json!("pay.example.com"), &json!("social"))
    );
    set(&server, &shop.slug, "{}");
    eventually("no rule is left", || (track(&shop) == "direct").then_some(()));
}

#[test]
fn a_what_if_counts_what_would_change_and_writes_nothing() {
    let server = Server::start();
    let (shop, other) = (shop(&server), server.create_project("Other", &[]));
    let mut body: Value = serde_json::from_str(PARTNER).unwrap();
    body["from"] = json!("2026-05-01");
    body["to"] = json!("2026-06-01");
    let changes = server.post("/v1/explain", &shop.rk, &body);
    assert_eq!(changes.status, 200, "{}", changes.text);
    let changes = changes.json();
    let counts = ["events", "changed", "kept", "paths"].map(|name| changes[name].as_u64().unwrap());
    assert_eq!(counts, [4, 3, 1, 0]);
    let row = changes["rows"].as_array().unwrap().iter().find(|row| row["new"]["source"] == "acme").unwrap();
    assert_eq!(
        *row,
        json!({
            "old": { "source": "direct", "medium": "direct", "rule_id": "direct", "confidence": "high" },
            "new": { "source": "acme", "medium": "partner", "rule_id": "project:partner", "confidence": "high" },
            "events": 1,
            "samples": [{ "event_id": "partner", "timestamp": "2026-05-04T10:00:00.000Z",
                "url": "https://shop.example/?ref=acme", "referrer": null }],
        })
    );
    assert_eq!(stored(&server, &shop), BEFORE);
    // Members that are absent are the settings of the project: none yet.
    let range = json!({ "from": "2026-05-01", "to": "2026-06-01" });
    assert_eq!(server.post("/v1/explain", &shop.rk, &range).json()["changed"], 0);
    assert_eq!(server.post("/v1/explain", &other.rk, &body).json()["events"], 0, "of another project");
    set(&server, &shop.slug, PARTNER);
    eventually("the rules are known", || {
        (server.post("/v1/explain", &shop.rk, &range).json()["changed"] == 3).then_some(())
    });
}

#[test]
fn a_wrong_what_if_says_what_is_wrong_and_where() {
    let server = Server::start();
    let shop = server.create_project("Shop", &[]);
    let rule = |field: &str, op: &str, value: &str| json!({ "slug": "a", "source": "a", "medium": "b", "when": [{ "field": field, "op": op, "value": value }] });
    let range = |extra: Value| {
        let mut body = json!({ "from": "2026-05-01", "to": "2026-06-01" });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    for (body, field, words) in [
        (json!({}), "from", "is required"),
        (json!({ "from": "2026-06-01", "to": "2026-05-01" }), "from", "must lie before"),
        (range(json!({ "rules": {} })), "rules", "sequence"),
        (range(json!({ "rules": [{}] })), "rules", "missing field"),
        (range(json!({ "rules": [rule("path", "is", "")] })), "rules[0].when[0].value", "is empty"),
        (
            range(json!({ "rules": [rule("path", "matches", "(")] })),
            "rules[0].when[0].value",
            "no regular expression",
        ),
        (range(json!({ "rules": [rule("color", "is", "red")] })), "rules", "use referrer_host"),
        (
            range(json!({ "rules": [rule("path", "is", "a"), rule("path", "is", "b")] })),
            "rules[1].slug",
            "occurs twice",
        ),
        (
            range(json!({ "ignored_referrers": ["https://a.example/"] })),
            "ignored_referrers[0]",
            "without scheme",
        ),
        (range(json!({ "meta_clicks": "maybe" })), "meta_clicks", "`paid`"),
    ] {
        let refused = server.post("/v1/explain", &shop.rk, &body);
        let error = refused.json();
        assert_eq!((refused.status, &error["error"]), (400, &json!("invalid_payload")), "{body}");
        let said = error["details"]["fieldErrors"][field][0].as_str().unwrap_or_default();
        assert!(said.contains(words), "{body}: {error}");
    }
    for body in ["[]", "{", "7", r#"{"from":"2026-05-01","to":"2026-06-01","colour":1}"#] {
        assert_eq!(post_text(&server, &shop.rk, body), (400, "invalid_payload".to_owned()), "{body}");
    }
    let large = format!(r#"{{"from":"{}"}}"#, "x".repeat(300_000));
    assert_eq!(post_text(&server, &shop.rk, &large), (413, "payload_too_large".to_owned()));
    let refused = server.post("/v1/explain", &shop.pk, &range(json!({})));
    assert_eq!(refused.error(), (403, "insufficient_scope".to_owned()), "{}", refused.text);
}

#[test]
fn stored_events_get_the_rules_of_now_beside_a_running_server_and_without_one() {
    let server = Server::start();
    let shop = shop(&server);
    set(&server, &shop.slug, PARTNER);
    let dry = server.cli(&["reclassify", "--project", "shop", "--dry-run"]);
    assert_eq!((&dry["events"], &dry["changed"], &dry["kept"]), (&json!(4), &json!(3), &json!(1)));
    let (_folder, path) = file(PARTNER);
    let range = ["--from", "2026-05-01", "--to", "2026-06-01"];
    let tried = server.cli(&[&["project", "rules", "test", &path, "--project", "shop"][..], &range].concat());
    assert_eq!(tried["rows"], dry["rows"]);
    assert_eq!(stored(&server, &shop), BEFORE);
    let changes = server.cli(&["reclassify", "--project", "shop"]);
    assert_eq!((&changes["events"], &changes["changed"]), (&json!(4), &json!(3)));
    assert_eq!(stored(&server, &shop), AFTER);
    assert_eq!(server.cli(&["reclassify", "--project", "shop"])["changed"], 0);
    // Without a server the command does the work itself.
    set(&server, &shop.slug, "{}");
    let folder = server.terminate().unwrap();
    let back = cli(
        folder.path(),
        &["reclassify", "--project", "shop", "--from", "2026-05-01", "--to", "2026-06-01"],
    );
    assert_eq!(back["changed"], 3);
    let server = Server::start_on(folder.path(), &[]);
    assert_eq!(stored(&server, &shop), BEFORE);
    drop(server);
    let audit = audit(folder.path());
    let done: Vec<_> = audit.iter().filter(|entry| entry.action == "events.reclassified").collect();
    assert_eq!(done.len(), 3);
    assert_eq!(done[0].detail["changed"], 3);
    let rows = done[0].detail["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["old"]["source"] == "acme" && row["new"]["source"] == "direct"));
    let asked = audit.iter().filter(|entry| entry.action == "events.reclassification_requested");
    assert_eq!(asked.count(), 3);
}

#[test]
fn wrong_commands_say_what_would_be_right() {
    let server = Server::start();
    server.create_project("Shop", &[]);
    let dir = &server.dir;
    let (_folder, nonsense) =
        file(r#"{"rules":[{"slug":"Not A Slug","when":[],"source":"a","medium":"b"}]}"#);
    let (_other, json) = file("{");
    for (args, words) in [
        (
            &["project", "rules", "set", &nonsense, "--project", "shop"][..],
            "rules[0].slug: `Not A Slug` is no slug",
        ),
        (&["project", "rules", "set", &json, "--project", "shop"], "expected JSON like"),
        (
            &["project", "rules", "set", "/nowhere/rules.json", "--project", "shop"],
            "cannot read /nowhere/rules.json",
        ),
        (&["project", "rules", "show", "--project", "nobody"], "there is no project `nobody`"),
        (&["project", "rules", "test", &nonsense, "--project", "shop", "--from", "2026-05-01"], "--to"),
        (
            &["reclassify", "--project", "shop", "--from", "2026-05-02", "--to", "2026-05-01"],
            "--from must be before --to",
        ),
        (&["reclassify", "--project", "shop", "--from", "soon", "--to", "later"], "expected a date like"),
    ] {
        let error = failure(dir, args);
        assert!(error.contains(words), "{args:?}: {error}");
    }
}
