//! Copies of a store in one of another engine.

use std::collections::BTreeSet;

use millimetric_core::key::KeyKind;
use sqlx::{AssertSqlSafe, query, query_scalar};

use super::{BY, Postgres, Sqlite, at, create_project, name, new_key, project_id};
use crate::copy::{COPIED, NOT_COPIED};
use crate::{Control, ControlError, CopyState, KeyOwner, ProjectPatch};

/// A table of the driver, which records which migrations were applied.
const MIGRATIONS: &str = "_sqlx_migrations";

/// Every row of a table, as the database writes it.
async fn rows(control: &Control, table: &str) -> Vec<String> {
    // Binary values are written differently by each engine, so that they are compared by what they are used for.
    let sql = match table {
        "keys" => {
            "select id || '|' || prefix || '|' || coalesce(replaced_by, '') from keys order by id".to_owned()
        }
        "audit_log" => {
            "select cast(sequence as text) || '|' || action || '|' || subject || '|' || detail from audit_log
            order by sequence"
                .to_owned()
        }
        "meta" => "select name || '|' || value from meta order by name".to_owned(),
        "revisions" => {
            "select subject || '|' || cast(revision as text) from revisions order by subject".to_owned()
        }
        "projects" => {
            "select id || '|' || slug || '|' || allowed_origins from projects order by id".to_owned()
        }
        other => format!("select cast(count(*) as text) from {other}"),
    };
    query_scalar(AssertSqlSafe(sql)).fetch_all(&control.pool).await.unwrap()
}

/// A store with a project, a key that was replaced by another one, and changes.
async fn fill(control: &Control) {
    let project = create_project(control, 1).await;
    let owner = KeyOwner::Project(project.id);
    // The successor's id is less than that of its predecessor.
    let old = control.insert_key(new_key(KeyKind::Sk, 9, owner), &BY, at(3)).await.unwrap();
    control.set_meta("pepper_fingerprint", "abc", &BY, at(4)).await.unwrap();
    control.rotate_key(old.id, new_key(KeyKind::Sk, 2, owner), at(99), &BY, at(5)).await.unwrap();
}

async fn assert_copied(copy: &Control, source: &Control) {
    assert!(copy.copy_from(source).await.unwrap() > 5);
    for (table, _) in COPIED {
        assert_eq!(rows(copy, table).await, rows(source, table).await, "{table}");
    }
    assert_eq!(copy.copy_state(source).await, Ok(CopyState::Earlier));
}

#[tokio::test]
async fn a_copy_in_the_other_engine_has_every_row_and_takes_changes() {
    let Some(server) = Postgres::start() else { return };
    let (sqlite, postgres) = (Sqlite::file(), server.open().await);
    let source = sqlite.open().await;
    fill(&source).await;
    assert_eq!(postgres.copy_state(&source).await, Ok(CopyState::Empty));
    assert_copied(&postgres, &source).await;

    // A second copy takes what changed in between.
    let patch = || ProjectPatch { name: Some(name("Renamed")), ..ProjectPatch::default() };
    source.update_project(project_id(1), patch(), &BY, at(6)).await.unwrap();
    assert_eq!(postgres.copy_state(&source).await, Ok(CopyState::Earlier));
    assert_copied(&postgres, &source).await;

    // The copy goes on where the source was: its next entry has a number of its own.
    let patch = ProjectPatch { name: Some(name("Again")), ..ProjectPatch::default() };
    postgres.update_project(project_id(1), patch, &BY, at(7)).await.unwrap();
    assert_eq!(postgres.copy_state(&source).await, Ok(CopyState::Foreign));
    assert_eq!(source.copy_state(&postgres).await, Ok(CopyState::Earlier));
    assert_copied(&source, &postgres).await;
}

#[tokio::test]
async fn a_store_of_another_installation_is_no_copy() {
    let (one, other) = (Sqlite::file(), Sqlite::file());
    let (one, other) = (one.open().await, other.open().await);
    create_project(&one, 1).await;
    create_project(&other, 2).await;
    assert_eq!(one.copy_state(&other).await, Ok(CopyState::Foreign));
}

#[tokio::test]
async fn a_copy_that_fails_changes_nothing() {
    let (one, other) = (Sqlite::file(), Sqlite::file());
    let (source, copy) = (one.open().await, other.open().await);
    create_project(&source, 1).await;
    copy.copy_from(&source).await.unwrap();
    // The last table is not readable.
    query("drop table stored_responses").execute(&source.pool).await.unwrap();
    create_project(&source, 2).await;
    assert!(matches!(copy.copy_from(&source).await, Err(ControlError::Unavailable(_))));
    assert_eq!(rows(&copy, "projects").await.len(), 1);
}

#[tokio::test]
async fn every_table_is_copied_or_known_to_stay() {
    let sqlite = Sqlite::file().open().await;
    let of_sqlite = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'";
    let of_postgres = "select tablename::text from pg_tables where schemaname = current_schema()";
    let mut stores = vec![(sqlite, of_sqlite)];
    let server = Postgres::start();
    if let Some(server) = &server {
        stores.push((server.open().await, of_postgres));
    }
    let copied = COPIED.iter().map(|(table, _)| (*table).to_owned());
    let known: BTreeSet<String> =
        copied.chain(NOT_COPIED.map(str::to_owned)).chain([MIGRATIONS.to_owned()]).collect();
    for (store, list) in stores {
        let tables: Vec<String> = query_scalar(list).fetch_all(&store.pool).await.unwrap();
        let forgotten: Vec<&String> = tables.iter().filter(|table| !known.contains(*table)).collect();
        assert!(forgotten.is_empty(), "neither in COPIED nor in NOT_COPIED: {forgotten:?}");
    }
}
