//! Commands that only read: they create nothing, migrate nothing, and say what is missing.

use std::path::{Path, PathBuf};

use serde_json::json;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::support::{ALWAYS, Server, cli, command, files, pageview};

/// Every command that needs a data folder which is there, in two groups: those that read, and those
/// that change what is in it.
const READING: &[&[&str]] = &[
    &["project", "list"],
    &["project", "show", "default"],
    &["key", "list", "--project", "default"],
    &["export", "--project", "default"],
    &["backup", "PLACE"],
    &["doctor"],
];
const CHANGING: &[&[&str]] = &[
    &["project", "update", "default", "--name", "New"],
    &["project", "delete", "default", "--yes"],
    &["key", "mint", "--project", "default", "--kind", "rk"],
    &["key", "revoke", "key_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5"],
    &["key", "rotate", "key_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5"],
    &["user", "reset-password", "ann@example.com"],
    &["user", "token", "create", "ann@example.com"],
    &["user", "token", "revoke", "ann@example.com", "tok_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5"],
    &["import", "-", "--project", "default"],
];

/// Runs it; gives whether it succeeded and what it said.
fn run(dir: &Path, args: &[&str]) -> (bool, String) {
    let output = command(dir).args(args).stdin(std::process::Stdio::null()).output().unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (output.status.success(), text)
}

fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    // Who takes the folder writes its process id there.
    let kept = |path: &PathBuf| path.is_file() && path.extension().is_none_or(|it| it != "lock");
    files(dir).into_iter().filter(kept).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

pub(crate) fn alter(file: &Path, sql: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).foreign_keys(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = options.connect().await.unwrap();
        connection.execute(sql).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// A stopped server's folder with a few events.
fn stopped() -> tempfile::TempDir {
    let server = Server::start();
    let project = server.default_project();
    server.track(&project.sk, pageview("e1", "https://shop.example/"));
    server.flush();
    server.track(&project.sk, pageview("e2", "https://shop.example/"));
    server.terminate().unwrap()
}

#[test]
fn a_folder_that_is_not_there_is_named_and_not_made() {
    let place = tempfile::tempdir().unwrap();
    let (missing, empty) = (place.path().join("nowhere"), place.path().join("empty"));
    std::fs::create_dir(&empty).unwrap();
    let backup = place.path().join("backup");
    for args in READING.iter().chain(CHANGING) {
        let args: Vec<&str> =
            args.iter().map(|arg| if *arg == "PLACE" { backup.to_str().unwrap() } else { arg }).collect();
        for dir in [&missing, &empty] {
            let (done, said) = run(dir, &args);
            // The doctor of an empty folder finds nothing ill in it.
            assert!(!done || args == ["doctor"] && dir == &empty, "{args:?} on {dir:?}: {said}");
            let shown = dir.to_str().unwrap();
            assert!(said.contains(shown) && (done || said.contains("--data-dir")), "{args:?}: {said}");
        }
        assert!(!missing.exists(), "{args:?} made the folder");
        assert_eq!(files(place.path()), Vec::<PathBuf>::new(), "{args:?} made a file");
    }
}

#[test]
fn reading_changes_no_file() {
    let folder = stopped();
    let before = contents(folder.path());
    let place = tempfile::tempdir().unwrap();
    for args in READING.iter().filter(|args| args[0] != "export") {
        let target = place.path().join("backup");
        let args: Vec<&str> =
            args.iter().map(|arg| if *arg == "PLACE" { target.to_str().unwrap() } else { arg }).collect();
        let (done, said) = run(folder.path(), &args);
        assert!(done, "{args:?}: {said}");
        assert_eq!(contents(folder.path()), before, "{args:?}");
    }
}

#[test]
fn what_an_older_version_wrote_is_reported_and_backed_up_as_it_is() {
    let folder = stopped();
    let dir = folder.path();
    alter(
        &dir.join("control.db"),
        "drop table access_tokens; drop table stored_responses;
         delete from _sqlx_migrations where version = 5",
    );
    alter(&dir.join("events.db"), "alter table segment drop column ids_made; pragma user_version = 1");
    let before = contents(dir);
    let (well, said) = run(dir, &["doctor"]);
    assert!(well && said.matches("written by an older version").count() == 2, "{said}");
    for args in [
        &["project", "list"][..],
        &["key", "list", "--project", "default"],
        &["export", "--project", "default"],
    ] {
        let (done, said) = run(dir, args);
        assert!(!done && said.contains("older version") && said.contains("start the server once"), "{said}");
    }
    let place = tempfile::tempdir().unwrap();
    let backup = place.path().join("backup");
    let made = cli(dir, &["backup", backup.to_str().unwrap()]);
    assert_eq!(made["events"], json!(2));
    assert_eq!(contents(dir), before, "nothing was migrated");
    let (_, said) = run(&backup, &["doctor"]);
    assert_eq!(said.matches("written by an older version").count(), 2, "{said}");

    let restored = place.path().join("restored");
    cli(&restored, &["restore", backup.to_str().unwrap()]);
    let server = Server::start_on(&restored, &[]);
    let rk = server.cli(&["key", "mint", "--project", "default", "--kind", "rk"])["key"].clone();
    let count = server.get(&format!("/v1/stats?{ALWAYS}"), rk.as_str().unwrap()).json();
    assert_eq!(count["rows"][0]["value"], json!(2));
    drop(server);
    let (well, said) = run(&restored, &["doctor"]);
    assert!(well && !said.contains("older version"), "{said}");
}

#[test]
fn a_server_of_before_the_first_event_is_backed_up_and_exported_too() {
    let place = tempfile::tempdir().unwrap();
    let (dir, backup) = (place.path().join("data"), place.path().join("backup"));
    cli(&dir, &["project", "create", "--name", "Shop"]);
    assert_eq!(cli(&dir, &["backup", backup.to_str().unwrap()])["events"], json!(0));
    let (done, said) = run(&dir, &["export", "--project", "shop"]);
    assert!(!done && said.contains("no events were stored yet"), "{said}");
    assert!(!dir.join("events.db").exists(), "neither of them makes an event store");
    let restored = place.path().join("restored");
    cli(&restored, &["restore", backup.to_str().unwrap()]);
    assert_eq!(cli(&restored, &["project", "list"])[0]["slug"], json!("shop"));
}
