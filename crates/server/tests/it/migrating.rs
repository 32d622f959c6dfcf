//! `millimetric migrate`, with a real ClickHouse and `PostgreSQL`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use millimetric_test_servers::{ClickHouse, Postgres, or_skip};
use serde_json::{Value, json};

use crate::support::{ALWAYS, Instance, Project, ServerProcess, command, eventually, shop};

const OFF: [&str; 4] = ["--rate-limit-track", "off", "--rate-limit-batch", "off"];
/// Reports that are compared before and after a move.
const REPORTS: [&str; 5] = [
    "/v1/query?limit=1000",
    "/v1/stats?group_by=source",
    "/v1/stats?metric=uniques&interval=day",
    "/v1/sources?limit=100",
    "/v1/pages?limit=100",
];

/// Databases to move to, and from.
struct Databases {
    clickhouse: ClickHouse,
    events_url: String,
    control_url: String,
    _postgres: Postgres,
}

impl Databases {
    /// New ones; `None` if this machine lacks one of the servers.
    fn start() -> Option<Self> {
        let (clickhouse, postgres) = (or_skip(ClickHouse::start())?, or_skip(Postgres::start())?);
        let (events_url, control_url) =
            (clickhouse.database("stats").unwrap(), postgres.database("control").unwrap());
        Some(Self { clickhouse, events_url, control_url, _postgres: postgres })
    }

    /// The arguments that name them as the target, or as the source.
    fn named(&self, side: &str) -> [String; 4] {
        let name = |what: &str| format!("--{side}-{what}");
        [name("events"), self.events_url.clone(), name("control"), self.control_url.clone()]
    }

    /// A server on them, with the secrets of a data folder.
    fn server(&self, secrets: &Secrets) -> ServerProcess {
        let stores = ["--events-url", &self.events_url, "--control-url", &self.control_url];
        let Secrets { pepper, ip_salt } = secrets;
        ServerProcess::start_with(&[&stores[..], &["--pepper", pepper, "--ip-salt", ip_salt], &OFF].concat())
    }

    fn count(&self, sql: &str) -> u64 {
        self.clickhouse.query(sql).unwrap().trim().parse().unwrap()
    }
}

/// The secrets of a data folder.
struct Secrets {
    pepper: String,
    ip_salt: String,
}

impl Secrets {
    fn of(folder: &Path) -> Self {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        Self { pepper: read("pepper"), ip_salt: read("ip_salt") }
    }
}

fn url(folder: &Path) -> String {
    format!("file:{}", folder.display())
}

/// The command, on a data folder that it does not use.
fn migrate(arguments: &[String]) -> Command {
    let mut migrate = command(Path::new("/nonexistent"));
    migrate.arg("migrate").args(arguments);
    migrate
}

fn from_folder(folder: &Path, databases: &Databases) -> Vec<String> {
    [&["--from".to_owned(), url(folder)][..], &databases.named("to")].concat()
}

fn summary(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Moves, and returns the summary.
fn moved(arguments: &[String]) -> Value {
    summary(&migrate(arguments).arg("--json").output().unwrap())
}

/// Why a move is refused.
fn refusal(arguments: &[String]) -> String {
    let output = migrate(arguments).output().unwrap();
    assert!(!output.status.success(), "{arguments:?} succeeded");
    String::from_utf8(output.stderr).unwrap()
}

fn reports(server: &Instance, project: &Project) -> Vec<Value> {
    let ask = |path: &&str| {
        let response = server.get(&format!("{path}&{ALWAYS}"), &project.rk);
        assert_eq!(response.status, 200, "{path}: {}", response.text);
        response.json()
    };
    let mut all: Vec<Value> = REPORTS.iter().map(ask).collect();
    // The order of an export is undefined.
    let exported = server.get(&format!("/v1/export?{ALWAYS}"), &project.rk).text;
    let mut lines: Vec<&str> = exported.lines().collect();
    lines.sort_unstable();
    all.push(json!(lines));
    all
}

fn names(server: &Instance, project: &Project) -> Vec<String> {
    let rows = server.get(&format!("/v1/query?{ALWAYS}&limit=1000"), &project.rk).json()["rows"].clone();
    let name = |row: &Value| row["event_name"].as_str().unwrap().to_owned();
    let mut names: Vec<String> = rows.as_array().unwrap().iter().map(name).collect();
    names.sort_unstable();
    names
}

fn event(name: &str, visitor: &str) -> Value {
    json!({ "event": name, "event_id": name, "anonymous_id": visitor, "timestamp": "2026-05-16T19:00:00Z" })
}

/// Erases a visitor, and returns the path of the request once it is done.
fn forget(server: &Instance, project: &Project, visitor: &str) -> String {
    let body = server.post("/v1/forget", &project.sk, &json!({ "anonymous_id": visitor })).json();
    let path = format!("/v1/forget/{}", body["request_id"].as_str().unwrap());
    eventually("the erasure is done", || {
        (server.get(&path, &project.sk).json()["status"] == "done").then_some(())
    });
    path
}

#[test]
fn a_move_there_and_back_changes_no_response_and_a_later_run_moves_what_arrived() {
    let Some(databases) = Databases::start() else { return };
    let source = ServerProcess::start();
    let project = source.default_project();
    shop(&source, &project);
    let dir = source.dir.clone();
    let there = from_folder(&dir, &databases);
    let first = moved(&there);
    assert_eq!(
        (&first["events"], &first["new_events"], &first["source_in_use"]),
        (&json!(6), &json!(6), &json!(true))
    );

    source.track(&project.sk, event("meanwhile", "dora"));
    let expected = reports(&source, &project);
    let (status, folder) = source.terminate();
    assert!(status.success());
    let second = moved(&there);
    assert_eq!(
        (&second["events"], &second["new_events"], &second["source_in_use"]),
        (&json!(7), &json!(1), &json!(false))
    );
    assert_eq!(moved(&there)["new_events"], 0, "nothing is left to move");

    let secrets = Secrets::of(folder.as_ref().unwrap().path());
    let scaled_out = databases.server(&secrets);
    assert_eq!(reports(&scaled_out, &project), expected);
    scaled_out.track(&project.sk, event("after", "dora"));
    let expected = reports(&scaled_out, &project);
    assert!(scaled_out.terminate().0.success());

    let new = tempfile::tempdir().unwrap();
    let back = [&databases.named("from")[..], &["--to".to_owned(), url(new.path())]].concat();
    assert!(refusal(&back).contains("MILLIMETRIC_PEPPER is missing"));
    let mut with_secrets = migrate(&back);
    with_secrets.env("MILLIMETRIC_PEPPER", &secrets.pepper).env("MILLIMETRIC_IP_SALT", &secrets.ip_salt);
    assert_eq!(summary(&with_secrets.arg("--json").output().unwrap())["new_events"], 8);
    assert_eq!(Secrets::of(new.path()).pepper, secrets.pepper);
    let embedded = ServerProcess::start_on(new.path(), &OFF);
    assert_eq!(reports(&embedded, &project), expected);
    embedded.track(&project.sk, event("home", "dora"));
}

#[test]
fn who_was_erased_stays_erased() {
    let Some(databases) = Databases::start() else { return };
    let source = ServerProcess::start();
    let project = source.default_project();
    for (name, visitor) in [("before", "anna"), ("between", "ben"), ("kept", "cleo")] {
        source.track(&project.sk, event(name, visitor));
    }
    let request = forget(&source, &project, "anna");
    let there = from_folder(&source.dir, &databases);
    assert_eq!(moved(&there)["events"], 2);
    forget(&source, &project, "ben");
    let second = moved(&there);
    assert_eq!((&second["events"], &second["erasures"]), (&json!(1), &json!(2)));
    let expected = source.get(&request, &project.sk).json();

    let secrets = Secrets::of(&source.dir);
    let scaled_out = databases.server(&secrets);
    for (name, visitor) in [("late-anna", "anna"), ("late-ben", "ben")] {
        scaled_out.track(&project.sk, event(name, visitor));
    }
    assert_eq!(names(&scaled_out, &project), ["kept"]);
    assert_eq!(scaled_out.get(&request, &project.sk).json(), expected);
    assert!(scaled_out.terminate().0.success());

    let new = tempfile::tempdir().unwrap();
    let mut back = migrate(&[&databases.named("from")[..], &["--to".to_owned(), url(new.path())]].concat());
    back.env("MILLIMETRIC_PEPPER", &secrets.pepper).env("MILLIMETRIC_IP_SALT", &secrets.ip_salt);
    assert_eq!(summary(&back.arg("--json").output().unwrap())["erasures"], 2);
    let embedded = ServerProcess::start_on(new.path(), &OFF);
    embedded.track(&project.sk, event("later-anna", "anna"));
    assert_eq!(names(&embedded, &project), ["kept"]);
    assert_eq!(embedded.get(&request, &project.sk).json(), expected);
}

#[test]
fn a_run_that_was_killed_is_repeated_without_storing_anything_twice() {
    let Some(databases) = Databases::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let demo = ["demo", "--events", "60000", "--days", "40", "--until", "2026-06-10", "--json"];
    assert!(command(folder.path()).args(demo).output().unwrap().status.success());
    let there = from_folder(folder.path(), &databases);
    let mut killed = migrate(&there).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("some events are stored", || {
        let count = databases.clickhouse.query("SELECT count() FROM stats.events").ok()?;
        (count.trim().parse::<u64>().unwrap() > 0).then_some(())
    });
    killed.kill().unwrap();
    killed.wait().unwrap();
    // An insert that the killed process had sent may be stored later, and be stored again: that makes one event.
    let again = moved(&there);
    assert_eq!(again["events"], 60_000);
    assert!(again["new_events"].as_u64().unwrap() < 60_000, "what was stored is not stored again: {again}");
    assert_eq!(databases.count("SELECT count() FROM stats.events FINAL"), 60_000);
    assert_eq!(databases.count("SELECT uniqExact(event_id) FROM stats.events"), 60_000);
}

#[test]
fn what_was_classified_again_between_two_runs_is_classified_again_in_the_target() {
    let Some(databases) = Databases::start() else { return };
    let source = ServerProcess::start();
    let project = source.default_project();
    let mut sent = event("$pageview", "anna");
    sent["url"] = json!("https://shop.example/?ref=acme");
    source.track(&project.sk, sent);
    let there = from_folder(&source.dir, &databases);
    moved(&there);
    let rules = tempfile::NamedTempFile::new().unwrap();
    fs::write(rules.path(), r#"{"rules":[{"slug":"partner","source":"acme","medium":"partner","when":[{"field":"query.ref","op":"is","value":"acme"}]}]}"#).unwrap();
    source.cli(&["project", "rules", "set", rules.path().to_str().unwrap(), "--project", "default"]);
    source.cli(&["reclassify", "--project", "default"]);
    assert_eq!(moved(&there)["events"], 1);
    let scaled_out = databases.server(&Secrets::of(&source.dir));
    assert_eq!(reports(&scaled_out, &project), reports(&source, &project));
    assert_eq!(databases.count("SELECT count() FROM stats.events FINAL WHERE source = 'acme'"), 1);
}

#[test]
fn a_target_in_use_or_of_another_installation_is_refused() {
    let Some(databases) = Databases::start() else { return };
    let (one, other) = (ServerProcess::start(), ServerProcess::start());
    shop(&one, &one.default_project());
    let there = from_folder(&one.dir, &databases);
    moved(&there);
    assert!(
        refusal(&from_folder(&other.dir, &databases)).contains("has changes that the source does not have")
    );
    // The same events, but another control database.
    let new = tempfile::tempdir().unwrap();
    let stores =
        ["--from", &url(&other.dir), "--to-events", &databases.events_url, "--to-control", &url(new.path())];
    assert!(refusal(&stores.map(str::to_owned)).contains("the target has events of another installation"));
    let scaled_out = databases.server(&Secrets::of(&one.dir));
    assert!(refusal(&there).contains("servers use the control database of the target"));
    assert!(scaled_out.terminate().0.success());
}

#[test]
fn a_folder_that_a_server_uses_or_has_changed_is_refused() {
    let source = ServerProcess::start();
    shop(&source, &source.default_project());
    let (copy, other) = (tempfile::tempdir().unwrap(), ServerProcess::start());
    let to = |folder: &Path| ["--from".to_owned(), url(&source.dir), "--to".to_owned(), url(folder)];
    assert_eq!(moved(&to(copy.path()))["events"], 6);
    assert!(refusal(&to(&other.dir)).contains("has another secret than the source"));
    let server = ServerProcess::start_on(copy.path(), &OFF);
    assert!(refusal(&to(copy.path())).contains("a server is running on"));
    server.create_project("New", &[]);
    assert!(server.terminate().0.success());
    assert!(refusal(&to(copy.path())).contains("has changes that the source does not have"));
}

#[test]
fn wrong_arguments_get_a_sentence_that_says_what_to_do_and_no_password() {
    let secret = "clickhouse://anna:secret@127.0.0.1:1/stats";
    for (arguments, expected) in [
        (&["--to", "file:./b"][..], "--from-events is missing: name both --from-events and --from-control"),
        (&["--from", "file:./a"], "--to-events is missing"),
        (&["--from", "file:./a", "--to-events", secret], "--to-control is missing"),
        (&["--from", secret, "--to", "file:./b"], "--from names a data folder, like file:./data"),
        (&["--from", "file:./a", "--to", "file:./a"], "are the same"),
        (
            &["--from", "file:./a", "--to-events", "mysql://anna:secret@h/d", "--to-control", "file:./a"],
            "`mysql:` is not a scheme",
        ),
        (&["--from", "file:/nonexistent/a", "--to", "file:./b"], "cannot open the control database"),
    ] {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let said = refusal(&arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
}
