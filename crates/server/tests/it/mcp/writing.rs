//! `track_event`: an event comes in, and its sender learns how it was classified.

use serde_json::json;

use super::client::{Client, ERAS, Era};
use crate::support::{ALWAYS, Server};

#[test]
fn an_event_is_stored_like_any_other_and_its_classification_told() {
    let server = Server::start();
    let project = server.default_project();
    for (n, era) in ERAS.into_iter().enumerate() {
        let client = Client::new(&server, &project.sk).speaking(era);
        let id = format!("e{n}");
        let response = client.rows("track_event", json!({ "event": "signup", "event_id": id, "anonymous_id": "v",
            "url": "https://shop.example/?utm_source=fb&utm_medium=cpc&utm_campaign=May", "properties": { "plan": "pro" } }));
        assert_eq!(
            response["rows"],
            json!([{ "event_id": id, "classified": { "source": "facebook", "medium": "paid", "campaign": "May",
                "source_confidence": "high", "source_rule_id": "paid_utm_facebook" } }])
        );
        assert_eq!(
            (&response["ok"], &response["classified"]),
            (&json!(true), &response["rows"][0]["classified"])
        );
    }
    let stored = server.get(&format!("/v1/query?{ALWAYS}"), &project.rk).json();
    assert_eq!(stored["rows"].as_array().unwrap().len(), 2);
    assert_eq!(stored["rows"][0]["properties"], "{\"plan\":\"pro\"}");
    let again =
        Client::new(&server, &project.sk).rows("track_event", json!({ "event": "signup", "event_id": "e0" }));
    assert_eq!(again["rows"][0]["duplicates"], 1);
    assert!(again["notes"].to_string().contains("nothing new"), "{again}");
}

#[test]
fn empty_texts_are_absent_and_properties_may_be_json_text() {
    let server = Server::start();
    let project = server.default_project();
    let client = Client::new(&server, &project.sk);
    client.rows(
        "track_event",
        json!({ "event": "signup", "event_id": "", "timestamp": "", "anonymous_id": "", "user_id": "",
            "session_id": "", "url": "", "path": "", "properties": "{\"plan\":\"pro\"}", "context": "" }),
    );
    let row = server.get(&format!("/v1/query?{ALWAYS}"), &project.rk).json()["rows"][0].clone();
    assert_eq!((&row["user_id"], &row["properties"]), (&json!(null), &json!("{\"plan\":\"pro\"}")));
    assert!(row["anonymous_id"].as_str().unwrap().starts_with("anon_"), "{row}");
}

#[test]
fn look_alikes_and_unknown_fields_are_pointed_out() {
    let server = Server::start();
    let project = server.default_project();
    let client = Client::new(&server, &project.sk);
    for _ in 0..3 {
        assert_eq!(client.rows("track_event", json!({ "event": "signup" }))["notes"], json!(null));
    }
    let odd = client.rows("track_event", json!({ "event": "Sign_Up", "plan": "pro" }))["notes"].to_string();
    assert!(odd.contains("looks like `signup`") && odd.contains("`plan`"), "{odd}");
    let (_, writer) = server.create_key(&project, &["--kind", "sk", "--scope", "ingest"]);
    let blind = Client::new(&server, &writer).rows("track_event", json!({ "event": "SIGNUP" }));
    assert_eq!(blind["notes"], json!(null), "who may not read learns no names");
}

#[test]
fn a_bad_event_is_answered_with_what_would_be_right() {
    let server = Server::start();
    let project = server.default_project();
    let client = Client::new(&server, &project.sk);
    for (arguments, words) in [
        (json!({}), "`event` is required"),
        (json!({ "event": "" }), "`event`"),
        (json!({ "event": 7 }), "`event` must be a string"),
        (json!({ "event": "a", "url": "shop.example" }), "`url`"),
        (json!({ "event": "a", "timestamp": "yesterday" }), "`timestamp`"),
        (json!({ "event": "a", "properties": "plan=pro" }), "`properties`"),
        (json!({ "event": "a", "context": { "user_agent": 7 } }), "`context.user_agent`"),
    ] {
        let lesson = client.lesson("track_event", arguments.clone());
        assert!(
            lesson.contains(words) && lesson.contains("A call that works: track_event {"),
            "{arguments}: {lesson}"
        );
    }
    let count = server.get(&format!("/v1/stats?{ALWAYS}"), &project.rk).json();
    assert_eq!(count["rows"], json!([{ "value": 0 }]));
}

#[test]
fn the_bucket_of_track_is_that_of_the_tool() {
    let server = Server::start_with(&["--rate-limit-track", "1/2"]);
    let project = server.default_project();
    for era in ERAS {
        let client = Client::new(&server, &project.sk).speaking(era);
        let refused = (0..10)
            .map(|_| client.call("track_event", json!({ "event": "a" })))
            .find(|response| response["isError"] != false)
            .expect("ten at once do not fit a burst of two");
        let data = match era {
            Era::Handshake => {
                assert_eq!(refused["error"]["code"], -32000);
                refused["error"]["data"].clone()
            }
            Era::Stateless => {
                let error = &refused["structuredContent"]["error"];
                json!({ "error": error["code"], "details": error["details"] })
            }
        };
        assert_eq!(data["error"], "tool_failed");
        assert_eq!(
            (&data["details"]["code"], &data["details"]["retry_after_s"]),
            (&json!("rate_limited"), &json!(1))
        );
    }
}
