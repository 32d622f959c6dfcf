//! Databases that fail while the server runs: the client gets the right code and no detail, and
//! the server works again once the database does.

use serde_json::json;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use crate::support::{ALWAYS, Instance, Server, eventually};

/// Runs SQL on the control database beside the server.
fn alter(server: &Instance, sql: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(server.dir.join("control.db"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = options.busy_timeout(crate::support::PATIENCE).connect().await.unwrap();
        connection.execute(sql).await.unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn a_control_database_that_does_not_answer_is_a_502() {
    let server = Server::start();
    let project = server.project("Shop", &[]);
    alter(&server, "alter table keys rename to away");
    let response = server.get(&format!("/v1/stats?{ALWAYS}"), &project.rk);
    assert_eq!(response.error(), (502, "upstream_failed".to_owned()));
    assert_eq!(response.json()["details"], json!({}), "no detail of the cause");
    alter(&server, "alter table away rename to keys");
    assert_eq!(server.get(&format!("/v1/stats?{ALWAYS}"), &project.rk).status, 200);
}

#[test]
fn a_damaged_row_is_a_500_with_a_request_id() {
    let server = Server::start();
    let project = server.project("Shop", &[]);
    alter(&server, "update projects set timezone = 'Mars' where slug = 'shop'");
    let response = server.get(&format!("/v1/stats?{ALWAYS}"), &project.rk);
    assert_eq!(response.error(), (500, "internal_error".to_owned()));
    assert_eq!(response.json()["details"], json!({ "request_id": response.header("x-request-id").unwrap() }));
}

#[test]
fn a_request_to_forget_that_cannot_be_recorded_is_told_as_such() {
    let server = Server::start();
    let project = server.project("Shop", &[]);
    server.track(&project.sk, json!({ "event": "a", "user_id": "u", "timestamp": "2026-05-16T19:00:00Z" }));
    alter(&server, "alter table audit_log rename to away");
    let forget = || server.post("/v1/forget", &project.sk, &json!({ "user_id": "u" }));
    assert_eq!(forget().error(), (500, "forget_failed".to_owned()));
    alter(&server, "alter table away rename to audit_log");
    assert_eq!(forget().status, 200);
}

#[test]
fn a_full_queue_is_a_503_and_stores_nothing() {
    let server = Server::start_with(&["--queue-mib", "1", "--rate-limit-batch", "off"]);
    let project = server.default_project();
    let event = json!({ "event": "large", "properties": { "text": "x".repeat(4000) } });
    let response = server.post("/v1/batch", &project.sk, &json!({ "events": vec![event; 1000] }));
    assert_eq!(response.error(), (503, "overloaded".to_owned()));
    assert_eq!(response.header("retry-after"), Some("1"));
    let count = || server.get(&format!("/v1/stats?{ALWAYS}"), &project.rk).json()["rows"][0]["value"].clone();
    assert_eq!(count(), json!(0));
    eventually("smaller batches are taken", || {
        (server.post("/v1/track", &project.sk, &json!({ "event": "small" })).status == 202).then_some(())
    });
    assert_eq!(count(), json!(1));
}
