//! Characters in which a text can hide: whatever strangers sent, and whatever an agent asks for,
//! no response of the endpoints holds one.

use serde_json::{Value, json};

use super::client::{Client, ERAS, account_key};
use crate::support::Server;

/// `Default_Ignorable_Code_Point` of Unicode 17.0 (DerivedCoreProperties.txt) without the joiners,
/// line and paragraph separators, interlinear marks, and letters that look like a blank.
const HIDING: &[(u32, u32)] = &[
    (0x00ad, 0x00ad),
    (0x034f, 0x034f),
    (0x061c, 0x061c),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200b),
    (0x200e, 0x200f),
    (0x2028, 0x202e),
    (0x2060, 0x206f),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffb),
    (0x1bca0, 0x1bca3),
    (0x1d159, 0x1d159),
    (0x1d173, 0x1d17a),
    (0xe0000, 0xe0fff),
];

fn hidden_characters() -> impl Iterator<Item = char> {
    HIDING.iter().flat_map(|&(first, last)| first..=last).filter_map(char::from_u32)
}

/// A text in which another one is hidden, in as many ways as fit.
fn hostile(word: &str) -> String {
    let firsts = HIDING.iter().filter_map(|&(first, _)| char::from_u32(first));
    let unseen: String = firsts.chain(['\u{200d}', '\u{200d}', '\u{200c}', '\u{9b}', '\u{7}']).collect();
    format!("{word}{unseen}")
}

#[track_caller]
fn assert_clean(what: &str, value: &Value) {
    match value {
        Value::String(text) => {
            let bad = text.chars().find(|c| {
                (c.is_control() && *c != '\n')
                    || HIDING.iter().any(|&(a, b)| (a..=b).contains(&u32::from(*c)))
            });
            assert_eq!(bad, None, "{what}: {text:?}");
            assert!(!text.contains("\u{200d}\u{200d}") && !text.contains("e\u{200d}"), "{what}: {text:?}");
        }
        Value::Array(values) => values.iter().for_each(|value| assert_clean(what, value)),
        Value::Object(members) => {
            for (name, value) in members {
                assert_clean(what, &json!(name));
                assert_clean(what, value);
            }
        }
        _ => {}
    }
}

#[test]
fn no_answer_holds_what_can_hide() {
    let server = Server::start();
    let plain = |text: String| -> String { text.chars().filter(|c| !c.is_control()).collect() };
    let project = server.project(&plain(hostile("Shop")), &[]);
    let (event, text) = (hostile("event"), hostile("note"));
    server.track(
        &project.sk,
        json!({ "event": event, "event_id": text, "anonymous_id": text, "user_id": text, "session_id": text,
                "path": format!("/{text}"), "referrer": format!("https://evil.example/{text}"),
                "url": format!("https://shop.example/?utm_source={text}&utm_medium={text}&utm_campaign={text}"),
                "properties": { &text: { &text: [&text] }, "title": text } }),
    );
    let ak = account_key(&server, &[]);
    let always = |mut arguments: Value| {
        arguments["from"] = "2000-01-01".into();
        arguments["to"] = "2100-01-01".into();
        arguments
    };
    let property = format!("properties.{text}");
    let calls = [
        ("query_events", always(json!({}))),
        ("query_events", always(json!({ "event": text }))),
        ("query_events", always(json!({ "cursor": text }))),
        ("get_stats", always(json!({ "group_by": ["event_name", "source", "path", &property] }))),
        ("get_stats", always(json!({ "group_by": text }))),
        ("get_stats", always(json!({ "metric": "sum", "property": text }))),
        ("get_stats", always(json!({ "timezone": text, "interval": "day" }))),
        ("get_stats", json!({ "period": text })),
        ("get_stats", json!({ &text: 1 })),
        ("top_sources", always(json!({}))),
        ("top_sources", always(json!({ "source": text }))),
        ("top_pages", always(json!({}))),
        ("funnel", always(json!({ "steps": [&event, &event], "group_by": "path", "order": "any" }))),
        ("funnel", always(json!({ "steps": [&text, "other"] }))),
        ("describe_schema", always(json!({ "kind": "events" }))),
        ("describe_schema", always(json!({ "kind": "properties" }))),
        ("describe_schema", always(json!({ "kind": "values", "property": text }))),
        ("describe_schema", always(json!({ "kind": text }))),
        ("explain_attribution", json!({ "event_id": text })),
        ("explain_attribution", json!({ "event_id": hostile("nothing") })),
        (
            "explain_attribution",
            json!({ "url": format!("https://a.example/?utm_source={text}"), "referrer": text }),
        ),
        ("list_projects", json!({})),
        ("list_projects", json!({ "search": text })),
        ("compare_projects", always(json!({}))),
        ("get_stats", always(json!({ "project_slug": text }))),
        ("track_event", json!({ "event": event, "properties": { &text: text }, &text: text })),
        ("track_event", json!({ "event": event, "timestamp": text, "url": text, "properties": text })),
        (text.as_str(), json!({})),
    ];
    let others = [
        ("resources/read", json!({ "uri": "events://recent" })),
        ("resources/read", json!({ "uri": "schema://events" })),
        ("resources/read", json!({ "uri": "projects://all" })),
        ("resources/read", json!({ "uri": text })),
        ("prompts/get", json!({ "name": "explain_drop", "arguments": { "metric": text, "date": text } })),
        ("prompts/get", json!({ "name": "weekly_report", "arguments": { "period": text } })),
        ("prompts/get", json!({ "name": text })),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "explain_drop" },
            "argument": { "name": "metric", "value": "" } }),
        ),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "funnel_review" },
            "argument": { "name": "steps", "value": format!("{text},") } }),
        ),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": text },
            "argument": { "name": text, "value": text } }),
        ),
        ("resources/list", json!({})),
        (text.as_str(), json!({})),
    ];
    for era in ERAS {
        for client in
            [Client::new(&server, &project.sk).speaking(era), Client::of_account(&server, &ak).speaking(era)]
        {
            for (tool, arguments) in &calls {
                let what = format!("{} {tool} {arguments}", client.path);
                assert_clean(
                    &what,
                    &client.send_raw("tools/call", json!({ "name": tool, "arguments": arguments })),
                );
            }
            for (method, params) in &others {
                assert_clean(
                    &format!("{} {method} {params}", client.path),
                    &client.send_raw(method, params.clone()),
                );
            }
        }
    }
    // The events were really there, and are readable.
    let rows = Client::new(&server, &project.rk).rows("query_events", always(json!({})));
    assert!(rows.to_string().contains("event") && rows["notes"].to_string().contains("hidden"), "{rows}");
}

#[test]
fn every_character_that_can_hide_is_taken_out_and_what_people_need_stays() {
    let server = Server::start();
    let project = server.default_project();
    let unseen: Vec<char> =
        hidden_characters().filter(|c| !matches!(u32::from(*c), 0xe0100..=0xe0fff)).collect();
    let kept = [
        "می\u{200c}خواهم",
        "क\u{94d}\u{200d}ष",
        "👩\u{200d}👩\u{200d}👧",
        "❤\u{fe0f}\u{200d}🔥",
        "Größe 漢字 عربى",
    ];
    let mut events: Vec<Value> = unseen
        .chunks(100)
        .map(|some| {
            let text: String = some.iter().flat_map(|c| ['x', *c]).collect();
            json!({ "event": "hidden", "properties": { "note": text } })
        })
        .collect();
    events.extend(kept.iter().map(|text| json!({ "event": "kept", "properties": { "note": text } })));
    let sent = server.post("/v1/batch", &project.sk, &json!({ "events": events }));
    assert_eq!(sent.status, 202, "{}", sent.text);
    let client = Client::new(&server, &project.rk);
    let notes = |event: &str| -> Vec<String> {
        let asked = json!({ "event": event, "from": "2000-01-01", "to": "2100-01-01" });
        let rows = client.rows("query_events", asked);
        let rows = rows["rows"].as_array().unwrap().clone();
        rows.iter()
            .map(|row| {
                let properties: Value = serde_json::from_str(row["properties"].as_str().unwrap()).unwrap();
                properties["note"].as_str().unwrap().to_owned()
            })
            .collect()
    };
    let hidden = notes("hidden");
    assert_eq!(hidden.iter().map(String::len).sum::<usize>(), unseen.len(), "{hidden:?}");
    assert!(hidden.iter().all(|note| note.chars().all(|c| c == 'x')), "{hidden:?}");
    let seen = notes("kept");
    for text in kept {
        assert!(seen.iter().any(|note| note == text), "{text}: {seen:?}");
    }
}
