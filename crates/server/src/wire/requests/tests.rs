//! What is read of bodies, right and wrong.

use proptest::prelude::*;

use super::*;

fn paths(error: ApiError) -> Vec<String> {
    error.details["fieldErrors"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_wrong_type_is_named_at_its_path() {
    let text = r#"{"events":[{"event":"a"},{"event":1,"url":[],"context":{"user_agent":7}},7,{"event":"b","context":3}]}"#;
    assert_eq!(
        paths(batch(text).unwrap_err()),
        ["events.1.event", "events.1.url", "events.1.context.user_agent", "events.2", "events.3.context"]
    );
    assert_eq!(paths(event(r#"{"event":{},"timestamp":5}"#).unwrap_err()), ["event", "timestamp"]);
    assert_eq!(paths(forget(r#"{"include_linked":"yes"}"#).unwrap_err()), ["include_linked"]);
    assert_eq!(paths(batch("{}").unwrap_err()), ["events"]);
    assert_eq!(paths(batch(r#"{"events":{}}"#).unwrap_err()), ["events"]);
    assert_eq!(paths(batch(r#"{"events":[]}"#).unwrap_err()), ["events"]);
}

#[test]
fn a_repeated_field_counts_with_its_last_value() {
    assert_eq!(event(r#"{"event":"a","event":"b","x":1}"#).unwrap().event.as_deref(), Some("b"));
}

#[test]
fn an_array_is_no_object() {
    // An array with a value for each field, in their order.
    let event_as_array = r#"["a","id",null,"v",null,null,null,null,null,null,null]"#;
    let error = event(event_as_array).unwrap_err();
    assert_eq!(error.details["formErrors"][0], "the body must be a JSON object");
    assert_eq!(paths(batch(&format!(r#"{{"events":[{event_as_array}]}}"#)).unwrap_err()), ["events.0"]);
    let error = batch(r#"[[{"event":"a"}]]"#).unwrap_err();
    assert_eq!(error.details["formErrors"][0], "the body must be a JSON object with `events`");
    let context = r#"{"event":"a","context":["203.0.113.7","agent"]}"#;
    assert_eq!(paths(event(context).unwrap_err()), ["context"]);
    assert!(forget(r#"["u","v",true]"#).is_err() && identify(r#"["v","u",null,null,null,null]"#).is_err());
}

#[test]
fn no_more_than_a_batch_is_kept() {
    let of = |count: usize| format!(r#"{{"events":[{}]}}"#, vec![r#"{"event":"a"}"#; count].join(","));
    assert_eq!(batch(&of(1000)).unwrap().len(), 1000);
    let error = batch(&of(1001)).unwrap_err();
    assert_eq!(error.details["fieldErrors"]["events"][0], "must hold 1 to 1000 events, not 1001");
}

#[test]
fn invalid_json_is_reported_with_its_position() {
    for text in ["", "{", "nope", "{\"event\":\"a\"", "[1,2", "{'event':1}"] {
        let error = event(text).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidPayload, "{text}");
        assert!(error.details["formErrors"][0].as_str().unwrap().contains("not valid JSON"), "{text}");
    }
    assert_eq!(event("[]").unwrap_err().details["formErrors"][0], "the body must be a JSON object");
}

#[test]
fn unknown_members_are_skipped_and_escaped_names_are_read() {
    let text = r#"{"x":{"event":1},"ev\u0065nt":"a","url":1,"":[[]],"url":null,"event_id":"e"}"#;
    let read = event(text).unwrap();
    assert_eq!((read.event.as_deref(), read.event_id.as_deref(), read.url), (Some("a"), Some("e"), None));
    for depth in [1, 100, 30_000] {
        let deep = format!(r#"{{"event":1,"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert_eq!(paths(event(&deep).unwrap_err()), ["event"]);
    }
}

#[test]
fn an_address_that_is_none_counts_as_absent_in_either_pass() {
    for (ip, read) in [
        (r#""193.99.144.80:5678""#, Some("193.99.144.80")),
        (r#"" [2a02::1] ""#, Some("2a02::1")),
        (r#""""#, None),
        (r#""x""#, None),
        ("null", None),
        ("true", None),
        ("-1", None),
        ("1e9", None),
        ("[[1],{}]", None),
        (r#"{"a":{"b":1}}"#, None),
    ] {
        for slow in ["", r#","x":1,"event":"a""#] {
            let text = format!(r#"{{"event":"a","context":{{"ip":{ip},"user_agent":"u"}}{slow}}}"#);
            let context = event(&text).unwrap().context.unwrap();
            assert_eq!(context.ip.map(|ip| ip.to_string()).as_deref(), read, "{text}");
            assert_eq!(context.user_agent.as_deref(), Some("u"), "{text}");
        }
    }
}

/// JSON that is nearly a body.
fn nearly_a_body() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        prop::sample::select([EVENT, IDENTIFY, FORGET, CONTEXT, &["events", "x", "\\u0065vent"]].concat()),
        Just("\\ud800"),
    ];
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("1e400".to_owned()),
        Just("\"\\ud83d\\u0000\"".to_owned()),
        Just("\"2026-05-16T19:00:00Z\"".to_owned()),
        "\"[a-z:/.0-9]{0,12}\"",
        "[-0-9a-z]{0,4}",
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        let members = prop::collection::vec((name.clone(), inner.clone()), 0..6).prop_map(|members| {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        });
        let list = prop::collection::vec(inner, 0..6).prop_map(|list| format!("[{}]", list.join(",")));
        prop_oneof![3 => members, 1 => list]
    })
}

proptest! {
    #[test]
    fn nothing_panics_and_errors_stay_small(text in prop_oneof![nearly_a_body(), "\\PC{0,60}"]) {
        let errors = [
            event(&text).err(),
            identify(&text).err(),
            forget(&text).err(),
            batch(&text).err(),
            batch(&format!("{{\"events\":[{text},{text}]}}")).err(),
        ];
        for error in errors.into_iter().flatten() {
            prop_assert_eq!(error.code, ErrorCode::InvalidPayload);
            let details = serde_json::to_string(&error.details).unwrap();
            prop_assert!(details.len() < 4000, "{}", details);
        }
    }

    #[test]
    fn both_passes_read_the_same(text in nearly_a_body()) {
        // A member that nobody knows, twice, changes nothing; a known one twice takes the slow way.
        let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else { return Ok(()) };
        let comma = if inner.is_empty() { "" } else { "," };
        let slow = format!("{{\"event\":null{comma}{inner}}}");
        let show = |read: ApiResult<EventIn>| {
            format!("{:?}", read.map_err(|error| error.details["fieldErrors"].clone()))
        };
        prop_assert_eq!(show(event(&text)), show(event(&slow)));
    }
}
