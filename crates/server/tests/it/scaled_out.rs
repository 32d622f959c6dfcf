//! Several servers over one `ClickHouse` and one `PostgreSQL`, each a process without events of its own.

use millimetric_test_servers::{ClickHouse, Disk, Network, Postgres, Proxy, or_skip};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::dashboard::browser::Browser;
use crate::dashboard::live::{stream, streams};
use crate::support::{
    ALWAYS, Instance, Project, Response, ServerProcess, ask, command, eventually, pageview,
};

const OFF: [&str; 4] = ["--rate-limit-track", "off", "--rate-limit-batch", "off"];

/// Both databases, and the flags of every server on them.
struct Databases {
    clickhouse: ClickHouse,
    /// It runs until this is dropped.
    _postgres: Postgres,
    events_url: String,
    control_url: String,
}

impl Databases {
    /// New ones; `None` if this machine lacks one.
    fn start() -> Option<Self> {
        let postgres = or_skip(Postgres::start())?;
        let clickhouse = or_skip(ClickHouse::start())?;
        // The database is created with its tables.
        let (events_url, control_url) = (clickhouse.url("stats"), postgres.database("control").unwrap());
        Some(Self { clickhouse, _postgres: postgres, events_url, control_url })
    }

    fn flags(&self) -> Vec<&str> {
        let stores = ["--events-url", &self.events_url, "--control-url", &self.control_url];
        let secrets = ["--pepper", "a pepper of many servers", "--ip-salt", "a salt of many servers"];
        [&stores[..], &secrets].concat()
    }

    fn server(&self) -> ServerProcess {
        ServerProcess::start_with(&[&self.flags(), &OFF[..], &["--apply-schema"]].concat())
    }

    /// Two servers, and the project that the first start made.
    fn two_servers(&self) -> (ServerProcess, ServerProcess, Project) {
        let one = self.server();
        let project = one.default_project();
        (one, self.server(), project)
    }

    /// Runs a command; whether it succeeds, and what it says.
    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let folder = TempDir::new().unwrap();
        let output = command(folder.path()).args(arguments).args(self.flags()).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (output.status.success(), text)
    }

    /// The number that a query of the database of events returns.
    fn number(&self, query: &str) -> u64 {
        self.clickhouse.query(query).unwrap().trim().parse().unwrap()
    }
}

fn track(server: &Instance, project: &Project, event: Value) -> Response {
    server.post("/v1/track", &project.sk, &event)
}

/// Number of events that a server returns.
fn count(server: &Instance, project: &Project) -> u64 {
    let stats = ask(server, project, &format!("/v1/stats?{ALWAYS}"));
    stats["rows"][0]["value"].as_u64().unwrap()
}

#[test]
fn an_event_is_stored_once_whichever_server_it_is_sent_to() {
    let Some(databases) = Databases::start() else { return };
    let (one, other, project) = databases.two_servers();
    for server in [&one, &other, &one] {
        let accepted = track(server, &project, pageview("a", "https://shop.example/?utm_source=news"));
        assert_eq!(accepted.status, 202, "{}", accepted.text);
    }
    let batch: Vec<Value> =
        (0..200).map(|number| pageview(&format!("b{number}"), "https://shop.example/")).collect();
    let body = json!({ "events": batch });
    std::thread::scope(|scope| {
        for server in [&*one, &*other] {
            scope.spawn(|| assert_eq!(server.post("/v1/batch", &project.sk, &body).status, 202));
        }
    });
    for server in [&one, &other] {
        assert_eq!(count(server, &project), 201);
        let sources = ask(server, &project, &format!("/v1/sources?{ALWAYS}"));
        let first = sources["rows"].as_array().unwrap().iter().find(|row| row["source"] == "news");
        assert!(first.is_some(), "{sources}");
    }
}

#[test]
fn events_and_refusals_of_one_server_appear_on_the_pages_of_the_other() {
    let Some(databases) = Databases::start() else { return };
    let (one, other, project) = databases.two_servers();
    let owner = Browser::of_owner(&other);
    let mut live = stream(&other, &owner);
    assert!(streams(&mut live, "visitors in the last five minutes"), "it begins with how things are");
    assert_eq!(track(&one, &project, json!({ "event": "elsewhere" })).status, 202);
    assert!(streams(&mut live, "<bdi>elsewhere</bdi>"));

    let headers = [
        ("authorization", format!("Bearer {}", project.pk)),
        ("content-type", "application/json".to_owned()),
        ("origin", "https://not-listed.example".to_owned()),
    ];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let refused = one.send("POST", "/v1/track", &headers, br#"{"event":"a"}"#);
    assert_eq!(refused.error(), (403, "origin_not_allowed".to_owned()));
    eventually("the refusal is shown", || {
        owner.get("/projects/default/install").text.contains("https://not-listed.example").then_some(())
    });
}

#[test]
fn a_person_is_deleted_from_disk_also_if_the_server_that_should_do_it_is_killed() {
    let Some(databases) = Databases::start() else { return };
    let (one, other, project) = databases.two_servers();
    let theirs = |id: &str| json!({ "event": "a", "event_id": id, "anonymous_id": "v1", "user_id": "anna" });
    for (server, id) in [(&one, "1"), (&other, "2")] {
        assert_eq!(track(server, &project, theirs(id)).status, 202);
    }
    assert_eq!(track(&one, &project, json!({ "event": "a", "user_id": "ben" })).status, 202);
    assert_eq!(other.post("/v1/forget", &project.sk, &json!({ "user_id": "anna" })).status, 200);
    assert_eq!(count(&one, &project), 1, "hidden by each server at once");
    // Whichever of them does the work.
    one.kill();
    let stored = "SELECT count() FROM stats.events";
    eventually("the rows are gone", || (databases.number(stored) == 1).then_some(()));
    assert_eq!(count(&other, &project), 1);
}

#[test]
fn stored_events_are_classified_again_by_one_of_the_servers() {
    let Some(databases) = Databases::start() else { return };
    let (one, other, project) = databases.two_servers();
    for number in 0..20 {
        let url = "https://shop.example/?ref=acme";
        assert_eq!(track(&one, &project, pageview(&format!("e{number}"), url)).status, 202);
    }
    let rules = TempDir::new().unwrap();
    let file = rules.path().join("rules.json");
    let renamed = json!({ "rules": [{
        "slug": "friends", "source": "friends", "medium": "referral",
        "when": [{ "field": "query.ref", "op": "is", "value": "acme" }]
    }] });
    std::fs::write(&file, renamed.to_string()).unwrap();
    let set = ["project", "rules", "set", file.to_str().unwrap(), "--project", "default"];
    let (set, said) = databases.run(&set);
    assert!(set, "{said}");
    let (done, said) = databases.run(&["reclassify", "--project", "default", "--json"]);
    assert!(done && said.contains("\"changed\":20"), "{said}");
    for server in [&one, &other] {
        let sources = ask(server, &project, &format!("/v1/sources?{ALWAYS}"));
        assert_eq!(sources["rows"].as_array().unwrap().len(), 1, "{sources}");
        assert_eq!(sources["rows"][0]["source"], "friends", "{sources}");
        assert_eq!(count(server, &project), 20);
    }
}

#[test]
fn a_store_that_stops_is_an_error_that_names_it_and_is_used_again_when_it_goes_on() {
    let Some(databases) = Databases::start() else { return };
    let (one, _other, project) = databases.two_servers();
    assert_eq!(track(&one, &project, json!({ "event": "a", "event_id": "1" })).status, 202);
    databases.clickhouse.pause();
    assert_eq!(one.get("/readyz", "").error(), (502, "upstream_failed".to_owned()));
    let refused = track(&one, &project, json!({ "event": "a", "event_id": "2" }));
    assert_eq!(refused.error(), (502, "upstream_failed".to_owned()));
    let unread = one.get(&format!("/v1/stats?{ALWAYS}"), &project.rk);
    assert_eq!(unread.error(), (502, "upstream_failed".to_owned()));
    assert_eq!(one.get("/healthz", "").status, 200);
    databases.clickhouse.resume();
    eventually("it is ready", || (one.get("/readyz", "").status == 200).then_some(()));
    for id in ["1", "2", "3"] {
        assert_eq!(track(&one, &project, json!({ "event": "a", "event_id": id })).status, 202);
    }
    assert_eq!(count(&one, &project), 3);
}

#[test]
fn a_store_whose_disk_is_full_shows_in_readyz_and_metrics_until_events_are_stored_again() {
    const TOKEN: &str = "a-token-for-the-tests";
    let Some(disk) = Disk::mount_or_skip(256) else { return };
    let Some(clickhouse) = or_skip(ClickHouse::start_in(disk.path())) else { return };
    let url = clickhouse.url("stats");
    let flags = ["--apply-schema", "--events-url", &url, "--metrics-token", TOKEN];
    let server = ServerProcess::start_with(&[&flags[..], &OFF].concat());
    let project = server.default_project();
    let send = |id: &str| track(&server, &project, json!({ "event": "a", "event_id": id }));
    let failing = || {
        let page = server.get("/metrics", TOKEN).text;
        let mut values = page.lines().filter_map(|line| line.split_once("store_writes_failing "));
        let (_, value) = values.find(|(start, _)| !start.starts_with('#')).expect("the metric");
        value.parse::<f64>().unwrap() > 0.0
    };
    assert_eq!(send("1").status, 202);
    assert_eq!((server.get("/readyz", "").status, failing()), (200, false));

    disk.fill().unwrap();
    assert_eq!(send("2").error(), (502, "upstream_failed".to_owned()));
    assert_eq!(server.get("/readyz", "").error(), (502, "upstream_failed".to_owned()));
    assert!(failing());
    assert_eq!(count(&server, &project), 1, "reports work");

    disk.free().unwrap();
    assert_eq!(send("2").status, 202);
    assert_eq!((server.get("/readyz", "").status, failing()), (200, false));
    assert_eq!(count(&server, &project), 2);
}

#[test]
fn a_network_that_drops_packets_to_the_store_harms_one_server_and_doubles_nothing() {
    let Some(mut databases) = Databases::start() else { return };
    let direct = databases.events_url.clone();
    let network = Proxy::start(databases.clickhouse.port()).unwrap();
    databases.events_url = format!("clickhouse://127.0.0.1:{}/stats", network.port());
    let cut = databases.server();
    let project = cut.default_project();
    databases.events_url = direct;
    let whole = databases.server();
    let event = |id: &str| pageview(id, "https://shop.example/");
    assert_eq!(track(&cut, &project, event("before")).status, 202);

    network.set(Network::Drops);
    assert_eq!(cut.get("/readyz", "").error(), (502, "upstream_failed".to_owned()));
    assert_eq!(track(&cut, &project, event("during")).error(), (502, "upstream_failed".to_owned()));
    assert_eq!(whole.get("/readyz", "").status, 200);
    // The sender repeats it at the other server.
    assert_eq!(track(&whole, &project, event("during")).status, 202);

    network.set(Network::Passes);
    eventually("it is ready", || (cut.get("/readyz", "").status == 200).then_some(()));
    let repeated = track(&cut, &project, event("during"));
    assert_eq!(repeated.json()["duplicates"], 1, "{}", repeated.text);
    for server in [&cut, &whole] {
        assert_eq!(count(server, &project), 2);
    }
}

#[test]
fn what_was_acknowledged_outlives_kills_of_a_server_and_of_the_store() {
    let Some(mut databases) = Databases::start() else { return };
    let (one, other, project) = databases.two_servers();
    let batch = |from: u32| -> Value {
        let events: Vec<Value> = (from..from + 100)
            .map(|number| pageview(&format!("e{number}"), "https://shop.example/"))
            .collect();
        json!({ "events": events })
    };
    assert_eq!(one.post("/v1/batch", &project.sk, &batch(0)).status, 202);
    one.kill();
    // The sender repeats what it is not sure of, at the other server.
    assert_eq!(other.post("/v1/batch", &project.sk, &batch(50)).status, 202);
    databases.clickhouse.kill();
    databases.clickhouse.restart().unwrap();
    eventually("it is ready", || (other.get("/readyz", "").status == 200).then_some(()));
    assert_eq!(other.post("/v1/batch", &project.sk, &batch(50)).status, 202);
    assert_eq!(count(&other, &project), 150);
    assert_eq!(databases.number("SELECT count() FROM stats.events FINAL"), 150);
}

#[test]
fn commands_use_both_databases_while_servers_run() {
    let Some(databases) = Databases::start() else { return };
    let server = databases.server();
    let project = server.default_project();
    assert_eq!(track(&server, &project, pageview("a", "https://shop.example/")).status, 202);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("events.ndjson");
    let (exported, said) =
        databases.run(&["export", "--project", "default", "--output", file.to_str().unwrap()]);
    assert!(exported, "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 1);
    let (imported, said) = databases.run(&["import", file.to_str().unwrap(), "--project", "default"]);
    assert!(imported, "{said}");
    assert_eq!(count(&server, &project), 1, "an event that is there is not imported again");

    let (healthy, checks) = databases.run(&["doctor"]);
    assert!(healthy && checks.contains("ClickHouse") && checks.contains("PostgreSQL"), "{checks}");
    let target = folder.path().join("backup");
    let (made, refused) = databases.run(&["backup", target.to_str().unwrap()]);
    assert!(!made && refused.contains("BACKUP DATABASE") && refused.contains("pg_dump"), "{refused}");
    databases.clickhouse.pause();
    let (healthy, checks) = databases.run(&["doctor"]);
    assert!(!healthy && checks.contains("did not respond"), "{checks}");
    databases.clickhouse.resume();
}

#[test]
fn tables_are_created_when_asked_and_a_start_without_them_says_how() {
    let Some(databases) = Databases::start() else { return };
    let folder = TempDir::new().unwrap();
    let start = |more: &[&str]| ServerProcess::try_start(folder.path(), &[&databases.flags(), more].concat());
    let said = start(&[]).err().expect("no tables");
    assert!(said.contains("millimetric schema apply"), "{said}");
    let (shown, sql) = databases.run(&["schema", "show"]);
    assert!(shown && sql.contains("CREATE TABLE IF NOT EXISTS events") && sql.contains("create table keys"));
    for _ in 0..2 {
        let (applied, said) = databases.run(&["schema", "apply"]);
        assert!(applied && said.contains("ClickHouse") && said.contains("PostgreSQL"), "{said}");
    }
    // No server has made its folder yet.
    let mut doctor = command(&folder.path().join("none"));
    let checked = doctor.arg("doctor").args(databases.flags()).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    drop(start(&[]).unwrap_or_else(|said| panic!("{said}")));

    let nothing = command(folder.path()).args(["schema", "show"]).output().unwrap();
    let said = String::from_utf8(nothing.stderr).unwrap();
    assert!(!nothing.status.success() && said.contains("--events-url"), "{said}");
    for (url, words) in [
        ("clickhouse://me:topsecret@127.0.0.1:1/stats", "no connection"),
        ("clickhouse://me:topsecret@127.0.0.1:1", "names no database"),
        ("mysql://me:topsecret@db/x", "is not a scheme of an event store"),
        ("file:./elsewhere", "--data-dir"),
    ] {
        let said = ServerProcess::try_start(folder.path(), &["--events-url", url]).err().expect(url);
        assert!(said.contains(words) && !said.contains("topsecret"), "{url}: {said}");
    }
}
