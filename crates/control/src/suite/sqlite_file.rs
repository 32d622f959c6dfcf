//! What only a database in a `SQLite` file has: the file, its settings, and how it is opened.

use std::path::Path;

use millimetric_core::key::KeyKind;
use sqlx::{query, query_scalar, raw_sql};

use super::{BY, at, create_project, key_text, new_key, pepper};
use crate::{Control, ControlError, KeyOwner, sqlite};

fn fresh() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.db");
    (directory, path)
}

async fn refusal(path: &Path) -> String {
    match sqlite::open(path).await {
        Err(ControlError::CannotOpen(sentence)) => sentence,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn every_connection_has_the_settings() {
    let (_directory, path) = fresh();
    let control = sqlite::open(&path).await.unwrap();
    let mut connections = Vec::new();
    for _ in 0..4 {
        connections.push(control.pool.acquire().await.unwrap());
    }
    for connection in &mut connections {
        let mode: String = query_scalar("pragma journal_mode").fetch_one(&mut **connection).await.unwrap();
        assert_eq!(mode, "wal");
        for (pragma, expected) in [
            ("pragma busy_timeout", 5000),
            ("pragma synchronous", 2),
            ("pragma foreign_keys", 1),
            ("pragma secure_delete", 1),
        ] {
            let value: i64 = query_scalar(pragma).fetch_one(&mut **connection).await.unwrap();
            assert_eq!(value, expected, "{pragma}");
        }
    }
}

#[tokio::test]
async fn what_was_stored_is_there_after_opening_again() {
    let (_directory, path) = fresh();
    let control = sqlite::open(&path).await.unwrap();
    let project = create_project(&control, 1).await;
    control.close().await;
    let control = sqlite::open(&path).await.unwrap();
    assert_eq!(control.projects().await, Ok(vec![project]));
    let applied: i64 =
        query_scalar("select count(*) from _sqlx_migrations").fetch_one(&control.pool).await.unwrap();
    assert_eq!(applied, 5);
}

#[tokio::test]
async fn no_secret_is_ever_in_the_files() {
    let (directory, path) = fresh();
    let control = sqlite::open(&path).await.unwrap();
    let owner = KeyOwner::Project(create_project(&control, 1).await.id);
    let key = control.insert_key(new_key(KeyKind::Sk, 1, owner), &BY, at(3)).await.unwrap();
    let next = new_key(KeyKind::Sk, 2, owner);
    control.rotate_key(key.id, next, at(9), &BY, at(4)).await.unwrap();

    let read_all = || -> Vec<u8> {
        let files = std::fs::read_dir(directory.path()).unwrap();
        files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
    };
    let holds = |bytes: &[u8], wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    let open = read_all();
    control.close().await;
    let closed = read_all();
    for number in [1, 2] {
        let text = key_text(KeyKind::Sk, number);
        let random_part = &text.reveal()["sk_live_00000000_".len()..][..43];
        for bytes in [&open, &closed] {
            assert!(holds(bytes, text.hash(&pepper()).as_bytes()), "the hash is what is stored");
            assert!(!holds(bytes, random_part.as_bytes()));
            assert!(!holds(bytes, &[number; 32]));
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let (directory, path) = fresh();
    let control = sqlite::open(&path).await.unwrap();
    create_project(&control, 1).await;
    let mut names = Vec::new();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
        names.push(file.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["control.db", "control.db-shm", "control.db-wal"]);
}

#[tokio::test]
async fn a_path_may_have_any_name() {
    let directory = tempfile::tempdir().unwrap();
    let odd = directory.path().join("a b?c#d%41&é");
    std::fs::create_dir(&odd).unwrap();
    let path = odd.join("control.db");
    let control = sqlite::open(&path).await.unwrap();
    create_project(&control, 1).await;
    control.close().await;
    assert!(path.metadata().unwrap().len() > 0);
    let beside: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(beside.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_together_open_one_new_file() {
    let (_directory, path) = fresh();
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let path = path.clone();
        starts.spawn(async move { sqlite::open(&path).await.map(|_| ()) });
    }
    while let Some(opened) = starts.join_next().await {
        assert_eq!(opened.unwrap(), Ok(()));
    }
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let (directory, path) = fresh();
    let missing = refusal(&directory.path().join("nowhere/control.db")).await;
    assert!(missing.ends_with("check that its directory exists and that this user may write to both"));
    let a_directory = refusal(directory.path()).await;
    assert!(a_directory.contains("check that its directory exists"), "{a_directory}");

    std::fs::write(&path, "this is not a database, whatever its name says".repeat(100)).unwrap();
    let foreign = refusal(&path).await;
    assert!(foreign.contains("is damaged or not a control database"), "{foreign}");
    assert!(foreign.ends_with("restore it from a backup, or move it away to start with an empty one"));
}

#[tokio::test]
async fn a_newer_versions_database_is_refused() {
    let (_directory, path) = fresh();
    let control = sqlite::open(&path).await.unwrap();
    let from_the_future = "insert into _sqlx_migrations
        (version, description, success, checksum, execution_time) values (9999, 'later', true, x'00', 0)";
    raw_sql(from_the_future).execute(&control.pool).await.unwrap();
    control.close().await;
    let sentence = refusal(&path).await;
    assert!(sentence.contains("written by a newer version"), "{sentence}");
}

#[tokio::test]
async fn a_full_disk_is_told_apart_and_changes_nothing() {
    let control = Control::open_in_memory().await.unwrap();
    let owner = KeyOwner::Project(create_project(&control, 1).await.id);
    raw_sql("pragma max_page_count = 1").execute(&control.pool).await.unwrap();
    let mut stored = 0;
    let error = loop {
        match control.insert_key(new_key(KeyKind::Sk, stored, owner), &BY, at(3)).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, ControlError::StorageFull);
    assert_eq!(control.keys(owner).await.unwrap().len(), usize::from(stored));
    assert_eq!(control.key_revision().await, Ok(1 + i64::from(stored)));
}

/// The driver counts transactions, and miscounts when the database ends one by itself; a later
/// commit would then be none.
#[tokio::test]
async fn what_is_changed_after_a_full_disk_has_room_again_is_really_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.db");
    let control = sqlite::open(&path).await.unwrap();
    let owner = KeyOwner::Project(create_project(&control, 1).await.id);
    on_every_connection(&control, "pragma max_page_count = 1").await;
    let mut stored = 0;
    for number in 0..200 {
        match control.insert_key(new_key(KeyKind::Sk, number, owner), &BY, at(3)).await {
            Ok(_) => stored += 1,
            Err(error) => assert_eq!(error, ControlError::StorageFull),
        }
    }
    assert!(stored < 200, "the disk was never full");
    on_every_connection(&control, "pragma max_page_count = 1000000").await;
    for number in 200..250 {
        control.insert_key(new_key(KeyKind::Sk, number, owner), &BY, at(4)).await.unwrap();
    }
    let other = sqlite::open(&path).await.unwrap();
    assert_eq!(other.keys(owner).await.unwrap().len(), stored + 50);
}

async fn on_every_connection(control: &Control, sql: &'static str) {
    let mut connections = Vec::new();
    for _ in 0..control.pool.most() {
        connections.push(control.pool.acquire().await.unwrap());
    }
    for connection in &mut connections {
        raw_sql(sql).execute(&mut **connection).await.unwrap();
    }
}

#[tokio::test]
async fn a_value_that_does_not_read_back_is_named_and_not_quoted() {
    let control = Control::open_in_memory().await.unwrap();
    let project = create_project(&control, 1).await;
    for (change, column) in [
        ("update projects set plan = 'gold'", "plan"),
        ("update projects set plan = 'pro', retention_days = 0", "retention_days"),
        ("update projects set retention_days = null, timezone = 'Mars'", "timezone"),
    ] {
        query(change).execute(&control.pool).await.unwrap();
        let damaged = ControlError::Corrupt(format!("project {}, column {column}", project.id));
        assert_eq!(control.project(project.id).await, Err(damaged));
    }
}
