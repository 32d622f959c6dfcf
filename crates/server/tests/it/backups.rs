//! Backups made while the server runs, and what comes back from them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{ALWAYS, Instance, Server, cli, command, eventually, files_with};

fn names(server: &Instance, key: &str) -> Vec<Value> {
    let rows = server.get(&format!("/v1/query?{ALWAYS}&limit=1000"), key).json()["rows"].clone();
    rows.as_array().unwrap().iter().map(|row| row["event_name"].clone()).collect()
}

/// Standard error of a command that must fail.
fn failure(dir: &Path, args: &[&str]) -> String {
    let output = command(dir).args(args).output().unwrap();
    assert!(!output.status.success(), "{args:?} succeeded");
    String::from_utf8(output.stderr).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn send(server: &Instance, sk: &str, name: &str, user: &str) {
    let event = json!({ "event": name, "event_id": name, "anonymous_id": "v", "user_id": user,
        "timestamp": "2026-05-16T19:00:00Z" });
    server.track(sk, event);
}

#[test]
fn a_restored_backup_is_the_server_as_it_was() {
    let server = Server::start();
    let project = server.project("Shop", &[]);
    send(&server, &project.sk, "before", "ben");
    let place = tempfile::tempdir().unwrap();
    let backup = place.path().join("backup");
    let made = server.cli(&["backup", text(&backup)]);
    assert_eq!((&made["events"], &made["segments"]), (&json!(1), &json!(1)));
    assert_eq!(std::fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1, "nothing else is left");
    send(&server, &project.sk, "after", "ben");
    assert_eq!(names(&server, &project.rk), ["before", "after"], "the server goes on");

    let elsewhere = place.path().join("restored");
    let restored = cli(&elsewhere, &["restore", text(&backup)]);
    assert_eq!((&restored["events"], &restored["knows_later"]), (&json!(1), &json!(false)));
    let twin = Server::start_on(&elsewhere, &[]);
    assert_eq!(names(&twin, &project.rk), ["before"], "keys work there too");
    let again = json!({ "event": "before", "event_id": "before" });
    assert_eq!(twin.track(&project.sk, again)["duplicates"], 1);
}

#[test]
fn a_backup_without_a_server_is_the_same() {
    let server = Server::start();
    let project = server.default_project();
    send(&server, &project.sk, "before", "ben");
    let folder = server.terminate();
    let folder = folder.unwrap();
    let backup = folder.path().with_extension("backup");
    let made = cli(folder.path(), &["backup", text(&backup)]);
    assert_eq!(made["events"], 1);
    let restored = cli(folder.path(), &["restore", text(&backup), "--replace"]);
    let aside = restored["replaced"].as_str().unwrap().to_owned();
    let server = Server::start_on(folder.path(), &[]);
    assert_eq!(names(&server, &project.rk), ["before"]);
    std::fs::remove_dir_all(aside).unwrap();
    std::fs::remove_dir_all(backup).unwrap();
}

#[test]
fn who_was_forgotten_after_the_backup_stays_forgotten() {
    let server = Server::start();
    let (project, gone) = (server.project("Shop", &[]), server.project("Gone", &[]));
    let (revoked, revoked_text) = server.create_key(&project, &["--kind", "rk"]);
    send(&server, &project.sk, "hers", "user-4711-hers");
    send(&server, &project.sk, "his", "user-his");
    let place = tempfile::tempdir().unwrap();
    let backup = place.path().join("backup");
    server.cli(&["backup", text(&backup)]);
    let body = server.post("/v1/forget", &project.sk, &json!({ "user_id": "user-4711-hers" })).json();
    let path = format!("/v1/forget/{}", body["request_id"].as_str().unwrap());
    let is_done = |server: &Instance| {
        let done = || (server.get(&path, &project.sk).json()["status"] == "done").then_some(());
        eventually("the erasure is done", done);
    };
    is_done(&server);
    server.cli(&["key", "revoke", &revoked]);
    server.cli(&["project", "delete", &gone.slug, "--yes"]);
    assert!(
        failure(&server.dir, &["restore", text(&backup), "--replace"]).contains("stop it before you restore")
    );
    let folder = server.terminate();
    let data = folder.as_ref().unwrap().path();
    assert!(failure(data, &["restore", text(&backup)]).contains("pass --replace"));

    // Both ways of knowing the later state: the folder that is replaced, and one that is named.
    let elsewhere = place.path().join("elsewhere");
    let named = cli(&elsewhere, &["restore", text(&backup), "--erasures-from", text(data)]);
    let replaced = cli(data, &["restore", text(&backup), "--replace"]);
    for restored in [&named, &replaced] {
        assert_eq!((&restored["knows_later"], &restored["erasures_waiting"]), (&json!(true), &json!(1)));
        assert_eq!((&restored["projects_deleted"], &restored["keys_ended"]), (&json!(1), &json!(4)));
    }
    let aside = replaced["replaced"].as_str().unwrap();
    assert!(Path::new(aside).join("control.db").is_file(), "the old folder is kept");
    for dir in [elsewhere.as_path(), data] {
        let server = Server::start_on(dir, &[]);
        assert_eq!(names(&server, &project.rk), ["his"]);
        is_done(&server);
        assert_eq!(files_with(dir, b"user-4711-hers"), Vec::<String>::new());
        assert_eq!(names(&server, &project.rk), ["his"]);
        for key in [&revoked_text, &gone.rk] {
            assert_eq!(server.get(&format!("/v1/query?{ALWAYS}"), key).error().1, "invalid_api_key");
        }
    }
    std::fs::remove_dir_all(aside).unwrap();
}

#[test]
fn a_damaged_backup_is_refused_and_changes_nothing() {
    let server = Server::start();
    send(&server, &server.default_project().sk, "before", "ben");
    let place = tempfile::tempdir().unwrap();
    let backup = place.path().join("backup");
    server.cli(&["backup", text(&backup)]);
    let target = place.path().join("restored");
    let refused = |words: &str| {
        let error = failure(&target, &["restore", text(&backup)]);
        assert!(error.contains(words), "{error}");
        assert!(!target.exists() && std::fs::read_dir(place.path()).unwrap().count() == 1);
    };
    let contents = std::fs::read_to_string(backup.join("backup.json")).unwrap();
    let database = std::fs::read(backup.join("control.db")).unwrap();
    std::fs::write(backup.join("control.db"), &database[1..]).unwrap();
    refused("differs from the backed-up file");
    std::fs::remove_file(backup.join("control.db")).unwrap();
    refused("cannot read");
    for (broken, words) in [
        (contents.replace("\"control.db\"", "\"../control.db\""), "it names the path"),
        (contents.replace("\"format\": 1", "\"format\": 2"), "use a newer release"),
        ("{}".to_owned(), "is damaged"),
    ] {
        std::fs::write(backup.join("backup.json"), broken).unwrap();
        refused(words);
    }
    std::fs::remove_file(backup.join("backup.json")).unwrap();
    refused("is not a backup");
}

#[test]
fn a_backup_needs_a_new_folder_outside_of_the_data() {
    let server = Server::start();
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("file"), "x").unwrap();
    let inside = server.dir.join("backup");
    for (target, words) in [
        (place.path(), "is not empty"),
        (&place.path().join("file"), "cannot be used"),
        (&place.path().join("missing/backup"), "there is no folder"),
        (&inside, "inside the data folder"),
    ] {
        let error = failure(&server.dir, &["backup", text(target)]);
        assert!(error.contains(words), "{error}");
    }
    assert!(failure(place.path(), &["backup", "x"]).contains("nothing to back up"));
    let stranger = Server::start();
    let backup = place.path().join("backup");
    server.cli(&["backup", text(&backup)]);
    let target = place.path().join("restored");
    let args = ["restore", text(&backup), "--erasures-from", text(&stranger.dir)];
    assert!(failure(&target, &args).contains("belongs to another installation"));
}
