//! Opening a database to read or to copy it: nothing is created, nothing is migrated.

use std::path::{Path, PathBuf};

use sqlx::{query_scalar, raw_sql};

use super::{BY, at, create_project, new_project};
use crate::{Control, ControlError, sqlite};

/// A folder with a closed database of one project.
async fn at_rest() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.db");
    let control = sqlite::open(&path).await.unwrap();
    create_project(&control, 1).await;
    control.close().await;
    (folder, path)
}

/// Takes the last migration back, as if an older version had made the database.
async fn make_older(path: &Path) {
    let control = sqlite::open(path).await.unwrap();
    let back = "drop table access_tokens; drop table stored_responses;
        delete from _sqlx_migrations where version = 5";
    raw_sql(back).execute(&control.pool).await.unwrap();
    control.close().await;
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    files.sort();
    files
}

#[tokio::test]
async fn reading_changes_no_file_and_makes_none() {
    let (folder, path) = at_rest().await;
    let before = contents(folder.path());
    let control = sqlite::open_to_read(&path).await.unwrap();
    assert_eq!(control.projects().await.unwrap().len(), 1);
    let refused = control.create_project(new_project(2, super::account_id(1)), &BY, at(9)).await;
    assert!(matches!(refused, Err(ControlError::Unavailable(_))), "{refused:?}");
    assert_eq!(contents(folder.path()), before, "while it is open");
    control.close().await;
    assert_eq!(contents(folder.path()), before, "after it was closed");
}

#[tokio::test]
async fn reading_sees_what_a_running_server_wrote_a_moment_ago() {
    let (_folder, path) = at_rest().await;
    let server = sqlite::open(&path).await.unwrap();
    server.create_project(new_project(2, super::account_id(1)), &BY, at(9)).await.unwrap();
    let reader = sqlite::open_to_read(&path).await.unwrap();
    assert_eq!(reader.projects().await.unwrap().len(), 2);
    server.create_project(new_project(3, super::account_id(1)), &BY, at(9)).await.unwrap();
    assert_eq!(reader.projects().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_missing_database_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("control.db"), folder.path().join("nowhere/control.db")] {
        for opened in [sqlite::open_to_read(&path).await, Control::open_to_copy(&path).await] {
            let refusal = opened.unwrap_err().to_string();
            assert!(refusal.contains(path.to_str().unwrap()) && refusal.contains("--data-dir"), "{refusal}");
        }
    }
    assert_eq!(contents(folder.path()), []);
}

#[tokio::test]
async fn an_older_database_is_told_and_copied_as_it_is() {
    let (folder, path) = at_rest().await;
    make_older(&path).await;
    let before = contents(folder.path());
    assert_eq!(sqlite::open_to_read(&path).await.unwrap_err(), ControlError::Older);
    assert_eq!(contents(folder.path()), before);

    let place = tempfile::tempdir().unwrap();
    let copy = place.path().join("control.db");
    let control = Control::open_to_copy(&path).await.unwrap();
    control.snapshot(&copy).await.unwrap();
    control.close().await;
    assert_eq!(contents(folder.path()), before, "the original is not migrated");
    assert_eq!(sqlite::open_to_read(&copy).await.unwrap_err(), ControlError::Older, "nor is the copy");
    let migrated = sqlite::open(&copy).await.unwrap();
    assert_eq!(migrated.projects().await.unwrap().len(), 1);
    let applied: i64 =
        query_scalar("select count(*) from _sqlx_migrations").fetch_one(&migrated.pool).await.unwrap();
    assert_eq!(applied, 5);
}

#[tokio::test]
async fn a_newer_or_foreign_database_is_told_apart() {
    let (folder, path) = at_rest().await;
    let control = sqlite::open(&path).await.unwrap();
    let later = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        values (9999, 'later', true, x'00', 0)";
    raw_sql(later).execute(&control.pool).await.unwrap();
    control.close().await;
    let refusal = sqlite::open_to_read(&path).await.unwrap_err().to_string();
    assert!(refusal.contains("written by a newer version"), "{refusal}");
    let foreign = folder.path().join("foreign.db");
    for (text, words) in [("", "no control database"), ("this is no database at all", "is damaged or not")] {
        std::fs::write(&foreign, text.repeat(100)).unwrap();
        let refusal = sqlite::open_to_read(&foreign).await.unwrap_err().to_string();
        assert!(refusal.contains(words), "{refusal}");
    }
}
