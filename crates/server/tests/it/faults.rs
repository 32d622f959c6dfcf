//! What goes wrong on real machines: power cuts, full disks, second servers, damaged files, slow
//! clients. Nothing that was acknowledged is ever lost.

mod failing_disks;
mod missing_segments;
mod order_of_calls;
mod strace;
mod torn_files;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{ALWAYS, Instance, Server, ServerProcess, cannot_run, command, eventually, pageview};

pub(crate) use strace::Strace;

fn count(server: &Instance, key: &str) -> Value {
    server.get(&format!("/v1/stats?{ALWAYS}"), key).json()["rows"][0]["value"].clone()
}

#[test]
fn a_kill_right_after_the_202_loses_nothing_and_retries_double_nothing() {
    let mut server = ServerProcess::start();
    let project = server.default_project();
    for round in 0..5 {
        let url = format!("https://shop.example/{round}");
        server.track(&project.sk, pageview(&format!("evt_{round}"), &url));
        let folder = server.kill().unwrap();
        server = ServerProcess::start_on(folder.path(), &[]);
        server = server.keeping(folder);
        assert_eq!(count(&server, &project.rk), json!(round + 1));
        assert_eq!(server.track(&project.sk, pageview(&format!("evt_{round}"), &url))["duplicates"], 1);
    }
}

#[test]
fn a_server_that_is_asked_to_stop_finishes_what_is_under_way() {
    let server = ServerProcess::start();
    let project = server.default_project();
    let address = server.url.replace("http://localhost:", "127.0.0.1:");
    let body = br#"{"event":"last words"}"#;
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /v1/track HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
        project.sk,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body[..5]).unwrap();
    // The first part must have arrived before the server stops taking new requests.
    eventually("the request has begun", || has_read_all(&server).then_some(()));
    server.ask_to_stop();
    stream.write_all(&body[5..]).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 202"), "{response}");
    let (status, folder) = server.stopped();
    assert!(status.success());
    let folder = folder.unwrap();
    let again = ServerProcess::start_on(folder.path(), &[]);
    assert_eq!(count(&again, &project.rk), json!(1));
}

/// Whether the server has read all that was sent: the system's table of connections shows its
/// end as established (01) with empty queues.
fn has_read_all(server: &Instance) -> bool {
    let port: u16 = server.url.rsplit(':').next().unwrap().parse().unwrap();
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).any(|columns| {
        columns[1].ends_with(&format!(":{port:04X}"))
            && columns[3] == "01"
            && columns[4] == "00000000:00000000"
    })
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let server = ServerProcess::start();
    let error = ServerProcess::try_start(&server.dir, &[]).err().expect("the second server starts");
    assert!(
        error.contains("in use by another process") && error.contains(&server.pid().to_string()),
        "{error}"
    );
    assert_eq!(server.send("GET", "/readyz", &[], b"").status, 200);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let server = ServerProcess::start();
    let folder = tempfile::tempdir().unwrap();
    let taken = server.url.replace("http://localhost:", "127.0.0.1:");
    let output = command(folder.path()).args(["serve", "--listen", &taken]).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("--listen"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    // The system's own read-only tree: also root cannot write there.
    let error =
        ServerProcess::try_start(Path::new("/proc/millimetric"), &[]).err().expect("the server starts");
    assert!(error.contains("/proc/millimetric") && error.contains("--data-dir"), "{error}");
}

#[test]
fn a_damaged_pepper_stops_the_start_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    drop(Server::start_on(folder.path(), &[]));
    let pepper = folder.path().join("pepper");
    std::fs::write(&pepper, b"damaged").unwrap();
    let error = Server::try_start(folder.path(), &[]).err().expect("the server starts");
    assert!(error.contains("is damaged") && error.contains("restore it from a backup"), "{error}");
}

#[test]
fn a_changed_pepper_is_noticed_and_the_previous_one_can_bridge_it() {
    let folder = tempfile::tempdir().unwrap();
    let with = |flags: &[&str]| Server::start_on(folder.path(), flags);
    let first = with(&["--pepper", "the-first-pepper-of-all"]);
    let rk = first.default_project().rk;
    drop(first);
    let read = format!("/v1/stats?{ALWAYS}");
    let changed = with(&["--pepper", "another-pepper-entirely"]);
    assert_eq!(changed.get(&read, &rk).error(), (401, "invalid_api_key".to_owned()));
    drop(changed);
    let bridged =
        with(&["--pepper", "another-pepper-entirely", "--pepper-previous", "the-first-pepper-of-all"]);
    assert_eq!(bridged.get(&read, &rk).status, 200);
}

#[test]
fn a_country_database_cut_in_half_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.mmdb");
    std::fs::write(&path, vec![0; 4096]).unwrap();
    let error =
        Server::try_start(folder.path(), &["--geo-db", path.to_str().unwrap()]).err().expect("it starts");
    assert!(error.contains("half.mmdb"), "{error}");
}

#[test]
fn a_full_disk_is_a_503_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount(24) else {
        return cannot_run("mounting a small file system takes root");
    };
    let server = ServerProcess::start_on(&disk.path, &["--rate-limit-batch", "off"]);
    let project = server.default_project();
    let mut seed = 1_u64;
    let mut text = || -> String {
        let letter = |_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b' ' + 3 + (seed >> 33) as u8 % 54)
        };
        (0..8000).map(letter).collect()
    };
    let mut number = 0;
    let mut batch = |server: &Instance| {
        number += 1;
        let event = |place| {
            let id = format!("{number}-{place}");
            json!({ "event": "e", "event_id": id, "properties": { "text": text() } })
        };
        let events: Vec<Value> = (0..20).map(event).collect();
        server.post("/v1/batch", &project.sk, &json!({ "events": events }))
    };
    let mut acknowledged = 0;
    let mut refused = Vec::new();
    while refused.len() < 10 {
        let response = batch(&server);
        if response.status == 202 {
            acknowledged += 20;
        } else {
            refused.push(response);
        }
        assert!(acknowledged < 20_000, "the disk never fills up");
    }
    assert_eq!(refused[0].error(), (503, "storage_full".to_owned()));
    assert!(refused[0].header("retry-after").is_some());
    assert_eq!(
        count(&server, &project.rk),
        json!(acknowledged),
        "reads still work, and nothing is half-written"
    );

    disk.grow(64);
    eventually("writing resumes when there is room", || (batch(&server).status == 202).then_some(()));
    acknowledged += 20;
    for _ in 0..10 {
        assert_eq!(batch(&server).status, 202);
        acknowledged += 20;
    }
    let request = server.post("/v1/forget", &project.sk, &json!({ "user_id": "nobody" }));
    assert_eq!(request.status, 200, "{}", request.text);
    drop(server.kill());
    let again = ServerProcess::start_on(&disk.path, &[]);
    assert_eq!(count(&again, &project.rk), json!(acknowledged), "what was taken since is really stored");
    let path = format!("/v1/forget/{}", request.json()["request_id"].as_str().unwrap());
    assert_eq!(again.get(&path, &project.sk).status, 200);
}

/// A file system of a few MiB in memory, unmounted in the end.
struct SmallDisk {
    path: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount(mib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        std::fs::create_dir(&path).unwrap();
        let size = format!("size={mib}m,mode=700");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&path).output().ok()?;
        mounted.status.success().then_some(Self { path, _folder: folder })
    }

    fn grow(&self, mib: u32) {
        let size = format!("remount,size={mib}m");
        assert!(Command::new("mount").args(["-o", &size]).arg(&self.path).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
