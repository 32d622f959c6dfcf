//! What only `PostgreSQL` has: servers that fail, standbys that take over, several starts at once, refusals.

use std::time::{Duration, Instant};

use millimetric_test_servers::or_skip;
use sqlx::{AssertSqlSafe, raw_sql};

use super::{BY, Postgres, create_project, name};
use crate::{BucketSize, Control, ControlError, ControlUrl, Instances, ProjectPatch};

/// Longer than any deadline of the store.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a call returns once it succeeds again, without help but for the search for the primary.
async fn once_it_responds<T>(control: &Control, call: impl AsyncFn() -> Result<T, ControlError>) -> T {
    let began = Instant::now();
    loop {
        match call().await {
            Ok(value) => return value,
            Err(ControlError::Unavailable(cause)) if began.elapsed() > PATIENCE => panic!("still: {cause}"),
            Err(ControlError::Unavailable(_)) => drop(control.find_primary().await),
            Err(other) => panic!("{other}"),
        }
    }
}

async fn refusal(url: &str) -> String {
    match Control::open(&url.parse().unwrap()).await {
        Err(ControlError::CannotOpen(sentence)) => sentence,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_together_open_one_new_database() {
    let Some(server) = Postgres::start() else { return };
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let url = server.url();
        starts.spawn(async move { Control::open(&url).await.map(|_| ()) });
    }
    while let Some(opened) = starts.join_next().await {
        assert_eq!(opened.unwrap(), Ok(()));
    }
}

#[tokio::test]
async fn what_was_changed_is_there_after_the_server_was_killed() {
    let Some(mut server) = Postgres::start() else { return };
    let control = server.open().await;
    let project = create_project(&control, 1).await;
    server.0.kill();
    let down = control.project(project.id).await;
    assert!(matches!(down, Err(ControlError::Unavailable(_))), "{down:?}");
    server.0.restart().unwrap();
    let found = once_it_responds(&control, async || control.project(project.id).await).await;
    assert_eq!(found, Some(project));
}

#[tokio::test]
async fn a_server_that_stopped_is_an_error_in_time_and_no_connection_is_lost() {
    let Some(server) = Postgres::start() else { return };
    let control = server.open().await;
    let project = create_project(&control, 1).await;
    server.0.pause();
    let calls = (0..20).map(|_| control.project(project.id));
    let answers = tokio::time::timeout(PATIENCE, futures_util::future::join_all(calls)).await.unwrap();
    for answer in answers {
        assert!(matches!(answer, Err(ControlError::Unavailable(_))), "{answer:?}");
    }
    server.0.resume();
    for _ in 0..20 {
        let found = once_it_responds(&control, async || control.project(project.id).await).await;
        assert_eq!(found.as_ref(), Some(&project));
    }
}

#[tokio::test]
async fn a_standby_that_became_the_primary_is_found() {
    let Some(mut primary) = Postgres::start() else { return };
    let standby = primary.0.standby().unwrap();
    let (first, second) = (primary.0.port(), standby.port());
    let url: ControlUrl =
        format!("postgres://millimetric@127.0.0.1:{second},127.0.0.1:{first}/control").parse().unwrap();
    let control = Control::open(&url).await.unwrap();
    let project = create_project(&control, 1).await;
    // The standby has it too, before the primary fails.
    let copied = Control::open_to_read(&standby.url("control").parse().unwrap()).await.unwrap_err();
    assert!(copied.to_string().contains("is a standby"), "{copied}");
    until_copied(&primary).await;
    primary.0.kill();
    let down = control.find_primary().await.unwrap_err().to_string();
    assert!(down.contains("is a standby"), "{down}");
    standby.promote().unwrap();
    let patch = || ProjectPatch { name: Some(name("New")), ..ProjectPatch::default() };
    let renamed = once_it_responds(&control, async || {
        control.update_project(project.id, patch(), &BY, super::at(9)).await
    })
    .await;
    assert_eq!(renamed.name.as_str(), "New");
}

#[tokio::test]
async fn servers_that_share_a_database_know_how_many_they_are_and_which_is_first() {
    let Some(server) = Postgres::start() else { return };
    let (one, other) = (server.open().await, server.open().await);
    let seen = |live, is_first| Ok(Instances { live, is_first, stored: 0 });
    assert_eq!(one.beat("b", 0).await, seen(1, true));
    assert_eq!(other.beat("a", 0).await, seen(2, true));
    assert_eq!(one.beat("b", 0).await, seen(2, false));
    other.leave("a").await.unwrap();
    assert_eq!(one.beat("b", 0).await, seen(1, true));
    other.beat("a", 0).await.unwrap();
    // It is killed, and not heard of for longer than five seconds.
    raw_sql("update instances set seen_at = seen_at - 5001 where id = 'a'").execute(&one.pool).await.unwrap();
    assert_eq!(one.beat("b", 0).await, seen(1, true));
    // What they tell is added up.
    other.beat("c", 3).await.unwrap();
    assert_eq!(one.beat("b", 4).await.unwrap().stored, 7);
}

#[tokio::test]
async fn servers_that_share_a_database_see_what_the_others_refused() {
    let Some(server) = Postgres::start() else { return };
    let control = server.open().await;
    let project = create_project(&control, 1).await.id;
    let at = super::at;
    for (instance, time, list) in [("a", 1, "[1]"), ("a", 2, "[2]"), ("b", 5, "[5]"), ("c", 1, "[1]")] {
        control.put_refusals(instance, project, at(time), list.to_owned()).await.unwrap();
    }
    let of_others = async |instance| control.refusals_of_others(instance, project, at(2)).await.unwrap();
    assert_eq!(of_others("a").await, ["[5]"]);
    assert_eq!(of_others("c").await, ["[5]", "[2]"]);
    control.drop_refusals(at(5)).await.unwrap();
    assert_eq!(of_others("c").await, ["[5]"]);
}

#[tokio::test]
async fn a_shared_bucket_counts_the_tries_of_all_and_fills_with_time() {
    let Some(server) = Postgres::start() else { return };
    let (one, other) = (server.open().await, server.open().await);
    let size = BucketSize { burst: 3, every_millis: 60_000 };
    for control in [&one, &other, &one] {
        assert_eq!(control.take_token("a", size).await, Ok(Ok(())));
    }
    let wait = other.take_token("a", size).await.unwrap().unwrap_err();
    assert!((1..=60_000).contains(&wait), "{wait}");
    assert_eq!(other.take_token("b", size).await, Ok(Ok(())), "another bucket");
    let later = format!("update buckets set full_at = full_at - {wait} where name = 'a'");
    raw_sql(AssertSqlSafe(later)).execute(&one.pool).await.unwrap();
    assert_eq!(one.take_token("a", size).await, Ok(Ok(())), "one came back");
    assert!(one.take_token("a", size).await.unwrap().is_err());
    raw_sql("update buckets set full_at = full_at - 10000000").execute(&one.pool).await.unwrap();
    let calls = (0..10).map(|number| if number % 2 == 0 { one.clone() } else { other.clone() });
    let calls = calls
        .map(|control| tokio::spawn(async move { control.take_token("a", size).await.unwrap().is_ok() }));
    let taken =
        futures_util::future::join_all(calls).await.into_iter().filter(|taken| *taken.as_ref().unwrap());
    assert_eq!(taken.count(), 3, "never more than a full bucket, also at once");
}

/// Waits until the standby has everything.
async fn until_copied(primary: &Postgres) {
    let control = primary.open().await;
    let began = Instant::now();
    let behind = "select count(*) from pg_stat_replication where replay_lsn < pg_current_wal_lsn()";
    while sqlx::query_scalar::<_, i64>(behind).fetch_one(&control.pool).await.unwrap() > 0 {
        assert!(began.elapsed() < PATIENCE, "the standby does not follow");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_store_that_is_only_read_is_not_made_or_changed() {
    let Some(server) = Postgres::start() else { return };
    let refused = Control::open_to_read(&server.url()).await.unwrap_err().to_string();
    assert!(refused.contains("no control database of this program"), "{refused}");
    let control = server.open().await;
    let project = create_project(&control, 1).await;
    let reader = Control::open_to_read(&server.url()).await.unwrap();
    assert_eq!(reader.project(project.id).await, Ok(Some(project.clone())));
    let refused = reader.delete_project(project.id, &BY, super::at(9)).await;
    assert!(matches!(refused, Err(ControlError::Unavailable(_))), "{refused:?}");
    assert_eq!(control.project(project.id).await, Ok(Some(project)));
}

#[tokio::test]
async fn connections_are_encrypted_and_certificates_checked() {
    let started = millimetric_test_servers::Postgres::start_with_tls();
    let (Some(server), Some(other)) = (or_skip(started), Postgres::start()) else { return };
    server.database("control").unwrap();
    let (port, certificate) = (server.port(), server.certificate());
    let url = |host: &str, mode: &str, root: &str| {
        format!("postgres://millimetric@{host}:{port}/control?sslmode={mode}&sslrootcert={root}")
    };
    let root = certificate.to_str().unwrap();
    let control = Control::open(&url("localhost", "verify-full", root).parse().unwrap()).await.unwrap();
    let is_encrypted = "select case when ssl then 1::bigint else 0::bigint end from pg_stat_ssl
        where pid = pg_backend_pid()";
    assert_eq!(sqlx::query_scalar::<_, i64>(is_encrypted).fetch_one(&control.pool).await.unwrap(), 1);
    // The certificate is of another host, or of nobody whom this machine trusts.
    let host = refusal(&url("127.0.0.1", "verify-full", root)).await;
    assert!(host.contains("certificate"), "{host}");
    let nobody = format!("postgres://millimetric@localhost:{port}/control?sslmode=verify-full");
    let nobody = refusal(&nobody).await;
    assert!(nobody.contains("certificate"), "{nobody}");
    let plain = refusal(&format!("{}?sslmode=require", other.0.url("control"))).await;
    assert!(plain.contains("TLS"), "{plain}");
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let Some(server) = Postgres::start() else { return };
    let missing = refusal(&server.0.url("nowhere")).await;
    assert!(missing.contains("\"nowhere\" does not exist") && missing.contains("--control-url"), "{missing}");
    let nobody = format!("postgres://nobody:secret@127.0.0.1:{}/control", server.0.port());
    let nobody = refusal(&nobody).await;
    assert!(nobody.contains("\"nobody\"") && !nobody.contains("secret"), "{nobody}");

    let control = server.open().await;
    let other = "create database latin encoding 'LATIN1' template template0 locale 'C'";
    raw_sql(other).execute(&control.pool).await.unwrap();
    let latin = refusal(&server.0.url("latin")).await;
    assert!(latin.contains("encoded in LATIN1") && latin.contains("createdb --encoding=UTF8"), "{latin}");

    let later = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
        values (9999, 'later', true, '', 0)";
    raw_sql(later).execute(&control.pool).await.unwrap();
    let newer = refusal(&server.0.url("control")).await;
    assert!(newer.contains("written by a newer version"), "{newer}");

    let unused = or_skip(millimetric_test_servers::Postgres::start()).unwrap();
    let url = unused.url("control");
    drop(unused);
    let refused = refusal(&url).await;
    assert!(refused.contains("check that it runs"), "{refused}");
}
