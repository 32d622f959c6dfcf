//! Events that leave as files, and come back from them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{ALWAYS, Instance, Project, Server, cli, command};

/// Texts that formats trip over.
const AWKWARD: [&str; 6] =
    ["plain", "a,\"b\"\r\nc\n", "=1+1", "\u{202e}bidi \u{feff}ü✓", " spaces ", "tab\tand \\ and ' end"];

fn fill(server: &Instance, project: &Project) {
    for (number, text) in AWKWARD.iter().enumerate() {
        let event = json!({
            "event": text, "event_id": format!("e{number}"), "anonymous_id": format!("v{number}"),
            "user_id": (number % 2 == 0).then_some(text), "session_id": text,
            "url": format!("https://shop.example/p/{number}?utm_source=x&utm_campaign={number}"),
            "timestamp": format!("2026-05-1{number}T19:00:00.123Z"),
            "properties": { "text": text, "long": "x".repeat(number * 1500), "n": 1.50 },
        });
        server.track(&project.sk, event);
    }
}

fn rows(server: &Instance, key: &str) -> Value {
    server.get(&format!("/v1/query?{ALWAYS}&limit=1000"), key).json()["rows"].clone()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_exported_comes_back_the_same_in_every_format() {
    let server = Server::start();
    let project = server.default_project();
    fill(&server, &project);
    let place = tempfile::tempdir().unwrap();
    for format in ["ndjson", "csv", "parquet"] {
        let file = place.path().join(format!("events.{format}"));
        let file = file.to_str().unwrap();
        let export = ["export", "--project", "default", "--format", format, "--output", file];
        assert!(command(&server.dir).args(export).status().unwrap().success());
        let other = Server::start();
        let import = ["import", file, "--project", "default"];
        assert_eq!(
            other.cli(&import),
            json!({ "rows": 6, "stored": 6, "duplicates": 0, "left_out": 0 }),
            "{format}"
        );
        assert_eq!(other.cli(&import)["duplicates"], 6, "{format}: a second time stores nothing");
        let rk = other.default_project().rk;
        assert_eq!(rows(&other, &rk), rows(&server, &project.rk), "{format}");
        let whole = |server: &Instance, key: &str| {
            let mut lines = lines(&server.get(&format!("/v1/export?{ALWAYS}"), key).text);
            for line in &mut lines {
                line["project_id"] = Value::Null;
            }
            lines
        };
        assert_eq!(whole(&other, &rk), whole(&server, &project.rk), "{format}: hidden columns too");
    }
}

#[test]
fn commands_move_events_without_a_server_too() {
    let server = Server::start();
    fill(&server, &server.default_project());
    let folder = server.terminate();
    let dir = folder.as_ref().unwrap().path();
    let exported =
        command(dir).args(["export", "--project", "default", "--from", "2026-05-14"]).output().unwrap();
    assert!(exported.status.success());
    assert_eq!(lines(std::str::from_utf8(&exported.stdout).unwrap()).len(), 2);
    let made = cli(dir, &["project", "create", "--name", "Copy"]);
    let args = ["import", "-", "--project", made["slug"].as_str().unwrap(), "--env", "test", "--json"];
    let mut child = command(dir).args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&exported.stdout).unwrap();
    let response: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(response["stored"], 2);
}

#[test]
fn an_export_over_http_is_a_file_of_its_format() {
    let server = Server::start();
    let project = server.default_project();
    fill(&server, &project);
    for (format, kind, begins) in [
        ("ndjson", "application/x-ndjson", "{\"project_id\":\"prj_"),
        (
            "csv",
            "text/csv; charset=utf-8; header=present",
            "project_id,env,timestamp,received_at,event_name,",
        ),
    ] {
        let response = server.get(&format!("/v1/export?{ALWAYS}&format={format}"), &project.rk);
        assert_eq!((response.status, response.header("content-type")), (200, Some(kind)));
        let disposition = format!("attachment; filename=\"default-live.{format}\"");
        assert_eq!(response.header("content-disposition"), Some(disposition.as_str()));
        assert!(response.text.starts_with(begins), "{}", response.text);
    }
    let one = server.get(&format!("/v1/export?{ALWAYS}&event=plain"), &project.sk);
    assert_eq!(lines(&one.text).len(), 1);
    let none = server.get("/v1/export?from=2001-01-01&to=2001-01-02", &project.rk);
    assert_eq!((none.status, none.text.as_str()), (200, ""));
}

#[test]
fn wrong_parameters_of_an_export_are_refused() {
    let server = Server::start();
    let project = server.default_project();
    for query in ["", "from=2026-01-01", "from=2026-01-02&to=2026-01-01", "format=xml", "limit=5", "cursor=x"]
    {
        let query = if query.contains("from") || query.is_empty() {
            query.to_owned()
        } else {
            format!("{ALWAYS}&{query}")
        };
        let response = server.get(&format!("/v1/export?{query}"), &project.rk);
        assert_eq!(response.error(), (400, "invalid_params".to_owned()), "{query}");
    }
    assert_eq!(server.get(&format!("/v1/export?{ALWAYS}"), &project.pk).status, 403);
}

#[test]
fn an_export_that_fails_never_looks_complete() {
    let server = Server::start();
    let project = server.default_project();
    let place = tempfile::tempdir().unwrap();
    fill(&server, &project);
    let backup = place.path().join("backup");
    server.cli(&["backup", backup.to_str().unwrap()]);
    let segment = first_parquet(&server.dir.join("segments"));
    let bytes = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, &bytes[..bytes.len() / 2]).unwrap();
    let response = server.get(&format!("/v1/export?{ALWAYS}"), &project.rk);
    assert_eq!(response.error(), (500, "internal_error".to_owned()));
    let file = place.path().join("events.ndjson");
    let args = ["export", "--project", "default", "--output", file.to_str().unwrap()];
    assert!(!command(&server.dir).args(args).status().unwrap().success());
    assert!(!file.exists(), "no half of a file");
}

#[test]
fn a_transfer_that_fails_half_way_is_broken_off() {
    let server = Server::start();
    let project = server.default_project();
    let batch: Vec<Value> = (0..1000)
        .map(|number| json!({ "event": "a", "event_id": format!("e{number}"), "timestamp": "2026-04-01T00:00:00Z" }))
        .collect();
    assert_eq!(server.post("/v1/batch", &project.sk, &json!({ "events": batch })).status, 202);
    server.track(&project.sk, json!({ "event": "b", "timestamp": "2026-05-01T00:00:00Z" }));
    let place = tempfile::tempdir().unwrap();
    server.cli(&["backup", place.path().join("backup").to_str().unwrap()]);
    let may =
        std::fs::read_dir(first_parquet(&server.dir.join("segments")).ancestors().nth(2).unwrap()).unwrap();
    let may = may.map(|entry| entry.unwrap().path()).find(|path| path.ends_with("2026-05")).unwrap();
    std::fs::write(first_parquet(&may), "broken").unwrap();
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    let key = &project.rk;
    write!(
        stream,
        "GET /v1/export?{ALWAYS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = Vec::new();
    // However the connection ends, its last chunk must be missing.
    let _ = stream.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("\"event_id\":\"e999\""), "{text}");
    assert!(!text.ends_with("0\r\n\r\n"), "the transfer looks complete");
}

fn first_parquet(folder: &Path) -> std::path::PathBuf {
    let mut path = folder.to_path_buf();
    while path.is_dir() {
        path = std::fs::read_dir(&path).unwrap().next().unwrap().unwrap().path();
    }
    path
}

#[test]
fn a_client_that_leaves_holds_nobody_up() {
    let server = Server::start();
    server.cli(&["demo", "--events", "5000"]);
    let key = server.cli(&["key", "mint", "--project", "demo", "--kind", "rk"])["key"].clone();
    let key = key.as_str().unwrap();
    let address = server.url.trim_start_matches("http://").to_owned();
    // More than there are places: each must come free again.
    for _ in 0..12 {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET /v1/export?{ALWAYS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n")
            .unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        let status = std::str::from_utf8(&head[9..]).unwrap().to_owned();
        assert!(status == "200" || status == "503", "{status}");
    }
    let whole = crate::support::eventually("a place is free", || {
        let response = server.get(&format!("/v1/export?{ALWAYS}"), key);
        (response.status == 200).then_some(response.text)
    });
    assert_eq!(whole.lines().count(), 5_000);
}

#[test]
fn a_bad_row_is_named_and_its_batch_is_not_stored() {
    let server = Server::start();
    let place = tempfile::tempdir().unwrap();
    let good = json!({ "timestamp": "2026-05-16T19:00:00Z", "event_name": "a", "event_id": "1",
        "anonymous_id": "v", "session_id": "s", "source": "x", "medium": "y" });
    let with = |name: &str, value: Value| {
        let mut row = good.clone();
        row[name] = value;
        row.to_string()
    };
    for (bad, words) in [
        ("{".to_owned(), "line 2: EOF"),
        (with("colour", json!("red")), "line 2: unknown column `colour`"),
        (with("event_name", json!("")), "line 2: `event_name` is required"),
        (with("event_name", json!(5)), "line 2: `event_name` must be a text or null"),
        (with("timestamp", json!("yesterday")), "line 2: `timestamp` expected"),
        (with("timestamp", json!("2999-01-01T00:00:00Z")), "line 2: `timestamp` lies in the future"),
        (with("url", json!("/a")), "line 2: `url` must be an absolute"),
        (with("os", json!("beos")), "line 2: `os` must be one of"),
        (with("ip_hash", json!("+1")), "line 2: `ip_hash` must be 32"),
        (with("properties", json!("{\"a\":}")), "line 2: `properties` must be a JSON object"),
        (
            with("properties", json!(format!("{{\"a\":\"{}\"}}", "x".repeat(8192)))),
            "line 2: `properties` must be at most",
        ),
    ] {
        let file = place.path().join("events.ndjson");
        std::fs::write(&file, format!("{good}\n{bad}\n")).unwrap();
        let args = ["import", file.to_str().unwrap(), "--project", "default"];
        let output = command(&server.dir).args(args).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(words), "{bad}: {error}");
    }
    for format in ["csv", "parquet"] {
        let args = ["import", "-", "--project", "default", "--format", format];
        let output = command(&server.dir).args(args).stdin(Stdio::null()).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() == (format == "csv") && !error.contains("stored file"), "{error}");
    }
    assert_eq!(rows(&server, &server.default_project().rk), json!([]));
}

/// How many bytes an import takes of a text that begins so and never ends its row, and what it says.
fn taken_of_endless(server: &Instance, format: &str, begin: &str) -> (usize, String) {
    let args = ["import", "-", "--project", "default", "--format", format];
    let mut child = command(&server.dir)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(begin.as_bytes()).unwrap();
    let piece = vec![b'x'; 1 << 16];
    let mut taken = 0;
    // 300 MB, as somebody sent them.
    while taken < 300 << 20 && stdin.write_all(&piece).is_ok() {
        taken += piece.len();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success());
    (taken, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_row_that_never_ends_is_refused_after_the_bytes_that_a_row_may_have() {
    let server = Server::start();
    for (format, begin, line) in [
        ("ndjson", "\n{\"event_name\":\"", "line 2"),
        ("csv", "event_name,properties\na,\"", "line 2"),
        ("csv", "event_name,", "line 1"),
    ] {
        let (taken, said) = taken_of_endless(&server, format, begin);
        assert!(taken < 3 << 20, "{format}: {taken} bytes were taken");
        assert!(said.contains(&format!("{line}: is longer than 1048576 bytes")), "{format}: {said}");
    }
}

#[test]
fn a_byte_order_mark_before_a_file_is_no_part_of_it() {
    let server = Server::start();
    let place = tempfile::tempdir().unwrap();
    let row = json!({ "timestamp": "2026-05-16T19:00:00Z", "event_name": "a", "event_id": "1",
        "anonymous_id": "v", "session_id": "s", "source": "x", "medium": "y" });
    let csv = "timestamp,event_name,event_id,anonymous_id,session_id,source,medium\n\
        2026-05-16T19:00:00Z,a,2,v,s,x,y\n";
    for (name, text) in [("events.ndjson", format!("{row}\n")), ("events.csv", csv.to_owned())] {
        let file = place.path().join(name);
        std::fs::write(&file, format!("\u{feff}{text}")).unwrap();
        let imported = server.cli(&["import", file.to_str().unwrap(), "--project", "default"]);
        assert_eq!(imported["stored"], json!(1), "{name}");
    }
}
