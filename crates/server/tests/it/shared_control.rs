//! Servers that share a control database in `PostgreSQL`, each a process with events of its own.

use std::time::{Duration, Instant};

use millimetric_test_servers::{Postgres, or_skip};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::dashboard::browser::{Browser, EMAIL, PASSWORD};
use crate::support::{ALWAYS, Instance, Project, Response, ServerProcess, command, eventually};

const PEPPER: &str = "a pepper of many servers";
const OFF: [&str; 4] = ["--rate-limit-track", "off", "--rate-limit-batch", "off"];

/// A database, and the flags that every server on it needs.
struct Shared {
    postgres: Postgres,
    url: String,
}

impl Shared {
    /// A new database; `None` if this machine has no `PostgreSQL`.
    fn start() -> Option<Self> {
        let postgres = or_skip(Postgres::start())?;
        let url = postgres.database("control").unwrap();
        Some(Self { postgres, url })
    }

    fn flags(&self) -> Vec<&str> {
        vec!["--control-url", &self.url, "--pepper", PEPPER, "--ip-salt", "a salt of many servers"]
    }

    /// A server on a folder of its own, without rate limits.
    fn server(&self) -> ServerProcess {
        self.server_with(&OFF)
    }

    fn server_with(&self, more: &[&str]) -> ServerProcess {
        ServerProcess::start_with(&[&self.flags(), more].concat())
    }

    /// Runs a command with `--json`.
    fn cli(&self, arguments: &[&str]) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let output =
            command(folder.path()).args(arguments).args(self.flags()).arg("--json").output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Why a server does not start with these flags.
    fn refusal(flags: &[&str]) -> String {
        let folder = tempfile::tempdir().unwrap();
        match ServerProcess::try_start(folder.path(), flags) {
            Err(said) => said,
            Ok(_) => panic!("it started with {flags:?}"),
        }
    }
}

fn track(server: &Instance, project: &Project) -> Response {
    server.post("/v1/track", &project.sk, &json!({ "event": "a" }))
}

#[test]
fn a_key_that_one_server_revokes_is_refused_by_the_other_within_a_second() {
    let Some(shared) = Shared::start() else { return };
    let (one, other) = (shared.server(), shared.server());
    let project = one.default_project();
    assert_eq!(track(&other, &project).status, 202, "each server knows all keys");
    let (id, key) = {
        let created = shared.cli(&["key", "mint", "--project", "default", "--kind", "sk"]);
        (created["key_id"].as_str().unwrap().to_owned(), created["key"].as_str().unwrap().to_owned())
    };
    let minted = Project { sk: key, ..project };
    for server in [&one, &other] {
        assert_eq!(track(server, &minted).status, 202);
    }
    shared.cli(&["key", "revoke", &id]);
    let revoked_at = Instant::now();
    for server in [&one, &other] {
        eventually("the key is refused", || (track(server, &minted).status == 401).then_some(()));
    }
    let took = revoked_at.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}, of which the machine's load is a part");
}

#[test]
fn servers_that_start_together_make_one_project_and_have_one_setup_link() {
    let Some(shared) = Shared::start() else { return };
    let greetings: Vec<String> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..3).map(|_| scope.spawn(|| shared.server().greeting.clone())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    let welcomed = greetings.iter().filter(|greeting| greeting.contains("Welcome")).count();
    assert_eq!(welcomed, 1, "{greetings:?}");
    let links: Vec<&str> = greetings.iter().map(|greeting| setup_link(greeting)).collect();
    assert!(links[0].len() > 40 && links.iter().all(|link| *link == links[0]), "{links:?}");
    let projects = shared.cli(&["project", "list"]);
    assert_eq!(projects.as_array().unwrap().len(), 1, "{projects}");

    // The link of any of them works, once.
    let (one, other) = (shared.server(), shared.server());
    assert_eq!(setup_link(&one.greeting), links[0], "a later start does not withdraw it");
    Browser::of_owner(&other);
    assert!(Browser::new(&one).get(&format!("/setup/{}", links[0])).status >= 400);
    assert_eq!(Browser::new(&one).sign_in(EMAIL, PASSWORD).status, 303);
}

/// The token of the link that a start prints.
fn setup_link(greeting: &str) -> &str {
    let link = greeting.split_whitespace().find(|word| word.contains("/setup/")).expect("a setup link");
    link.rsplit('/').next().unwrap()
}

#[test]
fn tries_to_sign_in_are_counted_over_all_servers() {
    let Some(shared) = Shared::start() else { return };
    let (one, other) = (shared.server(), shared.server());
    Browser::of_owner(&one);
    let statuses: Vec<u16> = (0..10)
        .map(|number| if number % 2 == 0 { &one } else { &other })
        .map(|server| Browser::new(server).sign_in(EMAIL, "wrong horse battery").status)
        .collect();
    assert_eq!(statuses, [422; 10]);
    for server in [&one, &other] {
        let refused = Browser::new(server).sign_in(EMAIL, PASSWORD);
        assert_eq!(refused.status, 429, "the right password is not even looked at");
        let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
}

#[test]
fn the_quota_of_a_plan_is_counted_over_all_servers() {
    let Some(shared) = Shared::start() else { return };
    let (one, other) = (shared.server(), shared.server());
    let project = one.default_project();
    shared.cli(&["project", "update", "default", "--plan", "free"]);
    let events: Vec<Value> = (0..1000).map(|_| json!({ "event": "a" })).collect();
    let batch = |server: &Instance| server.post("/v1/batch", &project.sk, &json!({ "events": events }));
    for _ in 0..50 {
        assert_eq!(batch(&one).status, 202);
    }
    // Each has heard of what it stored itself; the other one's are read with the next write.
    assert_eq!(batch(&other).status, 202);
    let stored = |server: &Instance| {
        let usage = server.get(&format!("/v1/usage?{ALWAYS}"), &project.rk).json();
        usage["rows"].as_array().unwrap().iter().map(|row| row["events"].as_u64().unwrap()).sum::<u64>()
    };
    eventually("usage counts both", || (stored(&one) == 51_000).then_some(()));
    for _ in 0..49 {
        assert_eq!(batch(&other).status, 202);
    }
    // Each reads every second what the others have stored, so that one event or another may still be taken.
    let refused = eventually("one reads that the other used up the rest", || {
        let response = track(&one, &project);
        (response.status != 202).then_some(response)
    });
    assert_eq!(refused.error(), (429, "quota_exceeded".to_owned()));
    assert_eq!(batch(&other).error(), (429, "quota_exceeded".to_owned()));
}

#[test]
fn servers_divide_the_rate_limits() {
    let Some(shared) = Shared::start() else { return };
    let limit = ["--rate-limit-track", "1/100"];
    let one = shared.server_with(&limit);
    let project = one.default_project();
    let quota = |server: &Instance| {
        let policy = track(server, &project).header("ratelimit-policy").unwrap().to_owned();
        policy.split(';').find_map(|part| part.trim().strip_prefix("q=")?.parse::<u32>().ok()).unwrap()
    };
    assert_eq!(quota(&one), 100);
    let other = shared.server_with(&limit);
    for server in [&one, &other] {
        eventually("each has half", || (quota(server) == 50).then_some(()));
    }
    other.kill();
    eventually("what is left has all", || (quota(&one) == 100).then_some(()));
}

#[test]
fn without_the_database_keys_are_refused_and_work_again_once_it_responds() {
    let Some(shared) = Shared::start() else { return };
    let server = shared.server();
    let project = server.default_project();
    assert_eq!(track(&server, &project).status, 202);
    shared.postgres.pause();
    let refused = eventually("keys are not trusted any more", || {
        let response = track(&server, &project);
        (response.status != 202).then_some(response)
    });
    assert_eq!(refused.error(), (502, "upstream_failed".to_owned()));
    assert_eq!(server.get("/readyz", "").error(), (502, "upstream_failed".to_owned()));
    assert_eq!(server.get("/healthz", "").status, 200);
    server.logged(&["changes of keys cannot be detected"]);
    shared.postgres.resume();
    eventually("keys work again", || (track(&server, &project).status == 202).then_some(()));
    assert_eq!(server.get("/readyz", "").status, 200);
}

#[test]
fn a_standby_takes_over_when_the_primary_is_killed() {
    let Some(mut shared) = Shared::start() else { return };
    let standby = shared.postgres.standby().unwrap();
    let (first, second) = (shared.postgres.port(), standby.port());
    shared.url = format!("postgres://millimetric@127.0.0.1:{first},127.0.0.1:{second}/control");
    let server = shared.server();
    let project = server.default_project();
    assert_eq!(track(&server, &project).status, 202);
    eventually("the standby has the key", || {
        standby.holds("control", "select 1 from keys limit 1").then_some(())
    });
    shared.postgres.kill();
    standby.promote().unwrap();
    eventually("keys work again", || (track(&server, &project).status == 202).then_some(()));
    eventually("the server is ready", || (server.get("/readyz", "").status == 200).then_some(()));
    let created = shared.cli(&["key", "mint", "--project", "default", "--kind", "rk"]);
    assert_eq!(server.get(&format!("/v1/stats?{ALWAYS}"), created["key"].as_str().unwrap()).status, 200);
}

#[test]
fn a_start_that_cannot_work_says_what_is_missing_and_shows_no_password() {
    let Some(shared) = Shared::start() else { return };
    let missing = Shared::refusal(&["--control-url", &shared.url]);
    assert!(missing.contains("MILLIMETRIC_PEPPER") && missing.contains("MILLIMETRIC_IP_SALT"), "{missing}");
    drop(shared.server());
    let [_, url, _, _, salt_flag, salt] = shared.flags()[..] else { panic!("six flags") };
    let with_pepper = |pepper| ["--control-url", url, "--pepper", pepper, salt_flag, salt];
    let other = Shared::refusal(&with_pepper("the pepper of other servers"));
    assert!(other.contains("not the pepper of this control database"), "{other}");
    let planned = [&with_pepper("the pepper of next year")[..], &["--pepper-previous", PEPPER]].concat();
    drop(ServerProcess::start_with(&planned));

    for (url, words) in [
        ("postgres://me:topsecret@db/", "name of a database"),
        ("mysql://me:topsecret@db/x", "is not a supported scheme"),
        ("postgres://me:topsecret@127.0.0.1:1/x", "check that it runs"),
    ] {
        let said = Shared::refusal(&["--control-url", url, "--pepper", PEPPER, "--ip-salt", salt]);
        assert!(said.contains(words) && !said.contains("topsecret"), "{url}: {said}");
    }
}

#[test]
fn commands_find_the_shared_database_and_the_doctor_checks_it() {
    let Some(shared) = Shared::start() else { return };
    let server = shared.server();
    let folder = TempDir::new().unwrap();
    let run = |arguments: &[&str]| {
        let output = command(folder.path()).args(arguments).args(shared.flags()).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.success(), text)
    };
    let (listed, projects) = run(&["project", "list"]);
    assert!(listed && projects.contains("default"), "{projects}");
    let (healthy, checks) = run(&["doctor"]);
    assert!(healthy && checks.contains("PostgreSQL") && checks.contains("all rows"), "{checks}");
    let target = folder.path().join("backup");
    let (made, refused) = run(&["backup", target.to_str().unwrap()]);
    assert!(!made && refused.contains("pg_dump"), "{refused}");
    let (restored, refused) = run(&["restore", target.to_str().unwrap()]);
    assert!(!restored && refused.contains("pg_restore"), "{refused}");
    drop(server);
    shared.postgres.pause();
    let (healthy, checks) = run(&["doctor"]);
    assert!(!healthy && checks.contains("does not respond"), "{checks}");
    shared.postgres.resume();
}
