//! Messages and batches: what is read, what becomes of it, and what is wrong with the others.

use millimetric_core::ingest::validate::EventInput;
use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-05-16T19:00:00Z";

fn now() -> Timestamp {
    Timestamp::parse(NOW).unwrap()
}

/// The events of a batch that can be read, and the error for the others.
fn events(body: &Value) -> (Vec<Sent>, Result<(), ApiError>) {
    let mut messages = batch(&body.to_string(), now()).unwrap().value.unwrap();
    let events = std::mem::take(&mut messages.events);
    (events, messages.outcome(Vec::new()))
}

fn one(message: Value) -> Sent {
    let (mut events, outcome) = events(&json!({ "batch": [message] }));
    outcome.unwrap();
    events.remove(0)
}

/// The paths of what is wrong with a batch.
fn wrong(body: &str) -> Vec<String> {
    let read = batch(body, now()).and_then(|keyed| keyed.value).and_then(|read| read.outcome(Vec::new()));
    let error = read.unwrap_err();
    let fields = error.details["fieldErrors"].as_object().unwrap().keys().cloned();
    let form = error.details["formErrors"].as_array().unwrap().iter().map(|_| "form".to_owned());
    fields.chain(form).collect()
}

#[test]
fn ids_are_texts_or_integers_and_empty_ones_are_absent() {
    let sent = one(
        json!({ "type": "track", "event": "a", "messageId": 7, "anonymousId": -1, "userId": 18_446_744_073_709_551_615_u64 }),
    );
    assert_eq!(sent.input.event_id.as_deref(), Some("7"));
    assert_eq!(sent.input.anonymous_id.as_deref(), Some("-1"));
    assert_eq!(sent.input.user_id.as_deref(), Some("18446744073709551615"));
    let empty =
        one(json!({ "type": "track", "event": "a", "messageId": "", "anonymousId": "", "userId": null,
        "timestamp": "", "context": null, "properties": null, "integrations": { "All": false } }));
    assert_eq!(empty.input, EventInput { event: Some("a".into()), ..EventInput::default() });
}

#[test]
fn a_user_alone_is_always_the_same_visitor_unless_it_is_a_placeholder() {
    let visitor = |user: &str| {
        let sent = one(json!({ "type": "track", "event": "a", "userId": user }));
        sent.input.anonymous_id
    };
    // The first 16 bytes of SHA-256 of "user-1", computed independently.
    assert_eq!(visitor("user-1").as_deref(), Some("user_c6c289e49e9c05b2145860387b73bcb1"));
    assert_eq!(visitor("user-1"), visitor("user-1"));
    assert_ne!(visitor("user-1"), visitor("user-2"));
    assert_eq!(visitor("undefined"), None);
}

#[test]
fn the_time_is_the_timestamp_or_the_corrected_original() {
    let time = |message: Value, sent_at: Value| {
        let (events, outcome) = events(&json!({ "batch": [message], "sentAt": sent_at }));
        outcome.unwrap();
        events[0].input.timestamp.clone()
    };
    let message = |more: Value| {
        let mut message = json!({ "type": "track", "event": "a" });
        message.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        message
    };
    let original = "2026-05-16T10:00:00Z";
    for (more, sent_at, expected) in [
        (json!({}), Value::Null, None),
        (json!({}), json!("2026-05-16T10:05:00Z"), None),
        (json!({ "timestamp": original, "originalTimestamp": "x" }), json!("y"), Some(original)),
        (json!({ "originalTimestamp": original }), Value::Null, Some(original)),
        (
            json!({ "originalTimestamp": original }),
            json!("2026-05-16T10:05:00Z"),
            Some("2026-05-16T18:55:00.000Z"),
        ),
        (
            json!({ "originalTimestamp": original, "sentAt": "2026-05-16T10:01:00Z" }),
            json!("2026-05-16T10:05:00Z"),
            Some("2026-05-16T18:59:00.000Z"),
        ),
    ] {
        assert_eq!(time(message(more.clone()), sent_at).as_deref(), expected, "{more}");
    }
    assert_eq!(
        wrong(r#"{"batch":[{"type":"track","originalTimestamp":"x"}]}"#),
        ["batch.0.originalTimestamp"]
    );
    assert_eq!(
        wrong(r#"{"batch":[{"type":"track","originalTimestamp":"2026-05-16T10:00:00Z","sentAt":"x"}]}"#),
        ["batch.0.sentAt"]
    );
}

#[test]
fn a_page_gives_its_fields_and_keeps_the_rest() {
    let page = |properties: Value, context: Value| {
        one(json!({ "type": "page", "name": "Sale", "category": "Shop", "properties": properties,
                    "context": { "page": context } }))
        .input
    };
    let input = page(
        json!({ "title": "T", "url": "https://a.example/b?c=d#e", "path": "/own", "referrer": "", "search": "?c=d", "name": "x" }),
        json!({ "url": "https://other.example/", "referrer": "https://from.example/" }),
    );
    assert_eq!(input.event.as_deref(), Some("$pageview"));
    assert_eq!(input.url.as_deref(), Some("https://a.example/b?c=d#e"));
    assert_eq!((input.path.as_deref(), input.referrer.as_deref()), (Some("/own"), Some("")));
    assert_eq!(input.properties.as_deref(), Some(r#"{"name":"Sale","category":"Shop","title":"T"}"#));

    let input = page(
        json!({ "url": "file:///home/a", "path": 7, "referrer": "r".repeat(2049), "search": "?q=1" }),
        json!({ "url": "https://other.example/", "referrer": "https://from.example/" }),
    );
    assert_eq!(input.url.as_deref(), Some("https://other.example/"));
    assert_eq!((input.path, input.referrer.as_deref()), (None, Some("https://from.example/")));
    let kept: Value = serde_json::from_str(&input.properties.unwrap()).unwrap();
    assert_eq!(
        (&kept["url"], &kept["path"], &kept["search"]),
        (&json!("file:///home/a"), &json!(7), &json!("?q=1"))
    );

    let input = page(json!([1]), json!({ "url": "about:blank" }));
    assert_eq!((input.url, input.properties.as_deref()), (None, Some("[1]")));
}

#[test]
fn a_campaign_tags_urls_without_tags() {
    let url = |url: &str, campaign: Value| {
        let message = json!({ "type": "track", "event": "a", "context": { "page": { "url": url }, "campaign": campaign } });
        one(message).input.url.unwrap()
    };
    let campaign = || json!({ "source": "a b", "name": "Mai & Juni", "medium": "", "other": "x" });
    let tags = "utm_source=a+b&utm_campaign=Mai+%26+Juni";
    for (page, expected) in [
        ("https://a.example/", format!("https://a.example/?{tags}")),
        ("https://a.example/?b=c#d", format!("https://a.example/?b=c&{tags}#d")),
        ("https://a.example/?utm_medium=email", "https://a.example/?utm_medium=email".to_owned()),
        ("https://a.example/?UTM%5Fterm=x", "https://a.example/?UTM%5Fterm=x".to_owned()),
    ] {
        assert_eq!(url(page, campaign()), expected, "{page}");
    }
    assert_eq!(url("https://a.example/", json!({})), "https://a.example/");
    let long = format!("https://a.example/{}", "x".repeat(2000));
    assert_eq!(url(&long, campaign()), long, "with the tags it would be too long to be stored");
}

#[test]
fn one_wrong_message_costs_no_other() {
    let (events, outcome) = events(&json!({ "batch": [
        { "type": "track", "event": "a" }, 7, { "type": "track", "event": { "b": 1 } }, { "type": "page" }
    ] }));
    assert_eq!(events.len(), 2);
    let error = outcome.unwrap_err();
    let fields: Vec<_> = error.details["fieldErrors"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["batch.1", "batch.2.event"]);
    assert_eq!(error.details["stored"], 2);
    assert!(error.message().starts_with("2 of 4 messages are not valid"), "{}", error.message());
}

#[test]
fn what_is_wrong_is_named_at_its_path() {
    let long = "x".repeat(MAX_MESSAGE);
    let many = vec!["{}"; MAX_MESSAGES + 1].join(",");
    for (body, expected) in [
        ("", vec!["form"]),
        ("nope", vec!["form"]),
        ("[]", vec!["form"]),
        ("{} {}", vec!["form"]),
        (r#"{"batch":[{"type":"track"}]"#, vec!["form"]),
        (r#"{"batch":[{"type":"track"} {}]}"#, vec!["form"]),
        (r#"{"batch":[{"type":"track",}]}"#, vec!["form"]),
        ("{1:2}", vec!["form"]),
        ("{}", vec!["batch"]),
        (r#"{"batch":null}"#, vec!["batch"]),
        (r#"{"batch":{}}"#, vec!["batch"]),
        (r#"{"batch":"[{}]"}"#, vec!["batch"]),
        (r#"{"batch":[]}"#, vec!["batch"]),
        (&format!(r#"{{"batch":[{many}]}}"#), vec!["batch"]),
        (r#"{"batch":[{"type":"track"}],"sentAt":7.5}"#, vec!["sentAt"]),
        (r#"{"batch":[{"type":"track"}],"context":[]}"#, vec!["context"]),
        (r#"{"batch":[{"type":"track"}],"context":{"page":7}}"#, vec!["context.page"]),
        (r#"{"batch":["{}"]}"#, vec!["batch.0"]),
        (r#"{"batch":[[]]}"#, vec!["batch.0"]),
        (&format!(r#"{{"batch":[{{"type":"track","x":"{long}"}}]}}"#), vec!["batch.0"]),
        (r#"{"batch":[{}]}"#, vec!["batch.0.type"]),
        (r#"{"batch":[{"type":"Track"}]}"#, vec!["batch.0.type"]),
        (r#"{"batch":[{"type":"identify"}]}"#, vec!["batch.0.userId"]),
        (r#"{"batch":[{"type":"group","userId":"a"}]}"#, vec!["batch.0.groupId"]),
        (r#"{"batch":[{"type":"alias","userId":"a"}]}"#, vec!["batch.0.previousId"]),
        (r#"{"batch":[{"type":"alias","previousId":"a"}]}"#, vec!["batch.0.userId"]),
        (
            r#"{"batch":[{"type":"page","userId":1.5,"messageId":[],"timestamp":true}]}"#,
            vec!["batch.0.messageId", "batch.0.userId", "batch.0.timestamp"],
        ),
        (
            r#"{"batch":[{"type":"page","context":{"page":{"url":{}},"campaign":[],"userAgent":{},"ip":{}}}]}"#,
            vec!["batch.0.context.page.url", "batch.0.context.campaign", "batch.0.context.userAgent"],
        ),
    ] {
        assert_eq!(wrong(body), expected, "{}", &body[..body.len().min(120)]);
    }
}

#[test]
fn repeated_members_count_as_the_last() {
    let body =
        r#"{"batch":[{"type":"track","event":"a"}],"batch":[{"type":"track","event":"b","event":"c"}]}"#;
    let read = batch(body, now()).unwrap().value.unwrap();
    assert_eq!((read.events.len(), read.events[0].input.event.as_deref()), (1, Some("c")));
}

#[test]
fn the_context_of_a_batch_is_that_of_messages_without_one() {
    let (events, _) = events(&json!({
        "context": { "ip": "203.0.113.7", "userAgent": "Agent", "page": { "url": "https://a.example/" } },
        "batch": [{ "type": "track", "event": "a" }, { "type": "track", "event": "b", "context": { "ip": "203.0.113.8" } }],
    }));
    let of = |at: usize| (events[at].visitor_ip.unwrap().to_string(), events[at].input.url.clone().unwrap());
    assert_eq!(of(0), ("203.0.113.7".to_owned(), "https://a.example/".to_owned()));
    assert_eq!(of(1), ("203.0.113.8".to_owned(), "https://a.example/".to_owned()));
    assert_eq!(events[1].visitor_agent.as_deref(), Some("Agent"));
}

#[test]
fn the_key_of_a_body_is_known_even_if_the_rest_is_wrong() {
    for body in [r#"{"writeKey":"pk","event":{}}"#, r#"{"writeKey":"pk","event":"a"}"#] {
        assert_eq!(message(body, Kind::Track, now()).unwrap().write_key.as_deref(), Some("pk"), "{body}");
    }
    for body in [r#"{"writeKey":"pk","batch":[]}"#, r#"{"batch":7,"writeKey":"pk"}"#] {
        assert_eq!(batch(body, now()).unwrap().write_key.as_deref(), Some("pk"), "{body}");
    }
    assert_eq!(message(r#"{"writeKey":{}}"#, Kind::Track, now()).unwrap().write_key, None);
    assert!(message("[]", Kind::Track, now()).is_err());
}
