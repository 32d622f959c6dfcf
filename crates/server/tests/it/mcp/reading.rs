//! The read tools: rows as REST has them, ranges as they were understood, errors that teach,
//! empty responses that say why.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::client::{Client, ids, in_may, may};
use crate::support::{Server, pageview, shop};

/// The rows of a REST response, to the byte.
fn rows_of(text: &str) -> String {
    #[derive(Deserialize)]
    struct Rows<'a> {
        #[serde(borrow)]
        rows: &'a RawValue,
    }
    serde_json::from_str::<Rows<'_>>(text).unwrap().rows.get().to_owned()
}

#[test]
fn rows_are_those_of_rest_to_the_byte() {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    let client = Client::new(&server, &project.rk);
    let range = "from=2026-05-01&to=2026-06-01";
    for (tool, arguments, path) in [
        ("query_events", json!({}), "query?"),
        ("query_events", json!({ "event": "purchase", "limit": 1 }), "query?event=purchase&limit=1"),
        (
            "query_events",
            json!({ "source": "facebook", "medium": "paid" }),
            "query?source=facebook&medium=paid",
        ),
        ("get_stats", json!({}), "stats?"),
        (
            "get_stats",
            json!({ "metric": "uniques", "group_by": ["source", "medium"] }),
            "stats?metric=uniques&group_by=source,medium",
        ),
        (
            "get_stats",
            json!({ "group_by": "properties.plan,event_name" }),
            "stats?group_by=properties.plan,event_name",
        ),
        ("get_stats", json!({ "metric": "avg", "property": "amount" }), "stats?metric=avg&property=amount"),
        (
            "get_stats",
            json!({ "metric": "sum", "property": "amount", "interval": "day" }),
            "stats?metric=sum&property=amount&interval=day",
        ),
        (
            "get_stats",
            json!({ "interval": "day", "timezone": "Europe/Berlin" }),
            "stats?interval=day&timezone=Europe/Berlin",
        ),
        ("top_sources", json!({}), "sources?attribution=session"),
        ("top_sources", json!({ "attribution": "event" }), "sources?"),
        (
            "top_sources",
            json!({ "breakdown": "source", "event": "$pageview", "limit": 2 }),
            "sources?attribution=session&breakdown=source&event=$pageview&limit=2",
        ),
        (
            "top_sources",
            json!({ "filters": { "session_source": "facebook" } }),
            "sources?attribution=session&session_source=facebook",
        ),
        (
            "top_sources",
            json!({ "timezone": "Europe/Berlin" }),
            "sources?attribution=session&timezone=Europe/Berlin",
        ),
        ("attribution", json!({ "event": "purchase" }), "attribution?event=purchase"),
        (
            "attribution",
            json!({ "event": "purchase", "paths": true, "lookback": "7d" }),
            "attribution/paths?event=purchase&lookback=7d",
        ),
        ("funnel", json!({ "steps": ["$pageview", "purchase"] }), "funnel?steps=$pageview,purchase"),
        (
            "funnel",
            json!({ "steps": "$pageview,purchase", "order": "any", "window": "1h", "group_by": "source" }),
            "funnel?steps=$pageview,purchase&order=any&window=1h&group_by=source",
        ),
        (
            "funnel",
            json!({ "steps": ["$pageview", "purchase"], "group_by": "path", "group_at": "attempt" }),
            "funnel?steps=$pageview,purchase&group_by=path&group_at=attempt",
        ),
        ("top_pages", json!({}), "pages?"),
        ("top_pages", json!({ "by": "entry", "limit": 1 }), "pages?sort=entries&limit=1"),
        ("top_pages", json!({ "by": "exit", "source": "google" }), "pages?sort=exits&source=google"),
        ("sessions", json!({ "group_by": "session_source" }), "sessions?group_by=session_source"),
        ("retention", json!({ "interval": "week" }), "retention?interval=week"),
        ("journeys", json!({ "start": "page:/*", "steps": 2 }), "journeys?start=page:/*&steps=2"),
        (
            "explain_change",
            json!({ "columns": ["session_source", "path"], "compare": "year" }),
            "changes?columns=session_source,path&compare=year",
        ),
        ("data_quality", json!({ "limit": 3 }), "quality?limit=3"),
        ("describe_schema", json!({}), "schema?"),
        (
            "describe_schema",
            json!({ "kind": "properties", "event": "purchase" }),
            "schema?kind=properties&event=purchase",
        ),
        (
            "describe_schema",
            json!({ "kind": "values", "property": "plan" }),
            "schema?kind=values&property=plan",
        ),
        (
            "describe_schema",
            json!({ "kind": "columns", "search": "SOURCE" }),
            "schema?kind=columns&search=SOURCE",
        ),
        ("describe_schema", json!({ "kind": "rules" }), "schema?kind=rules"),
    ] {
        let result = client.call(tool, in_may(arguments.clone()));
        let rest = server.get(&format!("/v1/{path}&{range}"), &project.rk);
        assert_eq!(rest.status, 200, "{path}: {}", rest.text);
        assert_eq!(
            result["content"][0]["text"].as_str(),
            Some(rows_of(&rest.text).as_str()),
            "{tool} {arguments}"
        );
        let structure = &result["structuredContent"];
        assert_eq!(structure["rows"].to_string(), rows_of(&rest.text), "{tool} {arguments}");
        let timezone = arguments["timezone"].as_str().unwrap_or("UTC");
        let (from, to) = match timezone {
            "Europe/Berlin" => ("2026-04-30T22:00:00.000Z", "2026-05-31T22:00:00.000Z"),
            _ => ("2026-05-01T00:00:00.000Z", "2026-06-01T00:00:00.000Z"),
        };
        assert_eq!(structure["range"], json!({ "from": from, "to": to, "timezone": timezone }));
        let url = structure["url"].as_str().unwrap();
        let twin = server.get(url.strip_prefix(&server.url).unwrap(), &project.rk);
        assert_eq!(rows_of(&twin.text), rows_of(&rest.text), "{url}");
        assert!(!structure["summary"].as_str().unwrap().is_empty());
    }
    for (arguments, path) in [
        (json!({ "event_id": "e1" }), "event_id=e1"),
        (
            json!({ "url": "https://shop.example/?fbclid=1", "referrer": "https://l.facebook.com/" }),
            "url=https://shop.example/?fbclid%3D1&referrer=https://l.facebook.com/",
        ),
    ] {
        let result = client.call("explain_attribution", arguments);
        let rest = server.get(&format!("/v1/explain?{path}&rules=near"), &project.rk);
        assert_eq!(result["content"][0]["text"].as_str(), Some(rows_of(&rest.text).as_str()));
        assert_eq!(result["structuredContent"]["advice"], rest.json()["advice"]);
    }
}

#[test]
fn values_are_read_as_language_models_write_them() {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    let client = Client::new(&server, &project.rk);
    for (tool, arguments, plain) in [
        (
            "funnel",
            json!({ "steps": r#"["$pageview", "purchase"]"# }),
            json!({ "steps": ["$pageview", "purchase"] }),
        ),
        (
            "get_stats",
            json!({ "group_by": r#"["source","medium"]"#, "limit": 2.0 }),
            json!({ "group_by": "source,medium", "limit": 2 }),
        ),
        ("get_stats", json!({ "group_by": "", "event": "", "timezone": "", "metric": "" }), json!({})),
        ("get_stats", json!({ "group_by": [""], "interval": " ", "property": "", "limit": "" }), json!({})),
        ("top_sources", json!({ "limit": "2.0", "country": "", "breakdown": "" }), json!({ "limit": 2 })),
        ("query_events", json!({ "cursor": "", "user_id": "", "period": "" }), json!({})),
        ("describe_schema", json!({ "kind": "", "property": "", "search": "" }), json!({})),
    ] {
        let read = client.rows(tool, in_may(arguments.clone()));
        let expected = client.rows(tool, in_may(plain));
        assert_eq!(read["rows"], expected["rows"], "{tool} {arguments}");
        assert_ne!(read["rows"], json!([]), "{tool} {arguments}");
    }
    let lesson = client.lesson("funnel", json!({ "steps": "" }));
    assert!(lesson.contains("`steps` is required"), "{lesson}");
}

#[test]
fn the_paid_and_the_social_part_of_facebook_are_told_apart() {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    let split = Client::new(&server, &project.rk)
        .rows("top_sources", in_may(json!({ "filters": { "session_source": "facebook" } })));
    assert_eq!(
        split["rows"],
        json!([
            { "source": "facebook", "medium": "social", "events": 2, "uniques": 1, "paid_share": 0.0 },
            { "source": "facebook", "medium": "paid", "events": 1, "uniques": 1, "paid_share": 1.0 },
        ])
    );
    assert_eq!(split["applied"], json!({ "session_source": "facebook", "attribution": "session" }));
}

#[test]
fn events_are_read_page_by_page() {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    let client = Client::new(&server, &project.rk);
    let pages = client.pages(in_may(json!({ "limit": 4 })));
    assert_eq!(ids(&pages), ["e6", "e5", "e4", "e3", "e2", "e1"]);
}

#[test]
fn a_long_answer_is_cut_says_so_and_goes_on_where_it_was_cut() {
    let server = Server::start();
    let project = server.default_project();
    let event = |n: usize| {
        json!({ "event": "$pageview", "event_id": format!("e{n:03}"), "timestamp": "2026-05-16T19:00:00Z",
                "anonymous_id": "v", "url": format!("https://shop.example/{n}/{}", "x".repeat(300)) })
    };
    let batch: Vec<Value> = (0..100).map(event).collect();
    assert_eq!(server.post("/v1/batch", &project.sk, &json!({ "events": batch })).status, 202);
    let client = Client::new(&server, &project.rk);
    let pages = client.pages(may());
    for page in &pages {
        assert!(page.text.len() < 24 * 1024, "{} bytes", page.text.len());
    }
    let (_, cut) = pages.split_last().unwrap();
    for page in cut {
        let result = &page.json()["result"];
        assert_eq!(result["structuredContent"]["truncated"], true);
        assert!(result["content"][1]["text"].as_str().unwrap().contains("cursor="), "{result}");
    }
    let all: Vec<String> = (0..100).rev().map(|n| format!("e{n:03}")).collect();
    assert_eq!(ids(&pages), all);
    let paths = client.rows("get_stats", in_may(json!({ "group_by": "path", "limit": 1000 })));
    assert_eq!(paths["truncated"], true);
    assert!(paths["notes"][0].as_str().unwrap().contains("narrow"), "{}", paths["notes"]);
}

#[test]
fn ranges_have_names_and_are_echoed() {
    let server = Server::start();
    let project = server.default_project();
    server.track(&project.sk, json!({ "event": "now" }));
    let client = Client::new(&server, &project.rk);
    for period in ["today", "24h", "7d", "30d", "90d", "12mo"] {
        let response = client.rows("get_stats", json!({ "period": period }));
        assert_eq!(response["rows"], json!([{ "value": 1 }]), "{period}");
        assert!(response["range"]["from"].is_string());
    }
    let week = client.rows("get_stats", json!({}))["range"].clone();
    assert_eq!(week, client.rows("get_stats", json!({ "period": "7d" }))["range"], "the default is a week");
    assert_eq!(client.rows("get_stats", json!({ "period": "yesterday" }))["rows"], json!([{ "value": 0 }]));
    let berlin = client.rows("get_stats", json!({ "period": "today", "timezone": "Europe/Berlin" }));
    assert_eq!(berlin["range"]["timezone"], "Europe/Berlin");
}

#[test]
fn bad_arguments_are_answered_so_that_the_next_call_is_right() {
    let server = Server::start();
    let project = server.default_project();
    let client = Client::new(&server, &project.rk);
    for (tool, arguments, words) in [
        ("get_stats", json!({ "metric": "visitors" }), &["`metric`", "uniques"][..]),
        ("get_stats", json!({ "metric": "unique" }), &["closest: `uniques`"]),
        ("get_stats", json!({ "metric": "sum" }), &["`property`", "is required"]),
        ("get_stats", json!({ "groupby": "source" }), &["`groupby`", "did you mean `group_by`"]),
        ("get_stats", json!({ "group_by": ["sorce"] }), &["`sorce`", "Did you mean `source`", "properties."]),
        ("get_stats", json!({ "group_by": { "a": 1 } }), &["`group_by`", "list of texts"]),
        (
            "get_stats",
            json!({ "group_by": ["source", "medium", "os", "browser", "path"] }),
            &["`group_by`", "at most 4"],
        ),
        ("get_stats", json!({ "limit": 0 }), &["`limit`", "1 to 1000"]),
        ("get_stats", json!({ "limit": "many" }), &["`limit`", "1 to 1000"]),
        ("get_stats", json!({ "period": "1y" }), &["`period`", "12mo"]),
        (
            "get_stats",
            json!({ "period": "7d", "from": "2026-05-01", "to": "2026-05-02" }),
            &["`period`", "either"],
        ),
        ("get_stats", json!({ "from": "2026-05-01" }), &["`to`", "is required"]),
        ("get_stats", json!({ "from": "last week", "to": "2026-05-02" }), &["`from`", "2026-05-16"]),
        ("get_stats", json!({ "from": "2026-05-02", "to": "2026-05-01" }), &["`from`", "before"]),
        ("get_stats", json!({ "timezone": "Mars" }), &["`timezone`", "Europe/Berlin"]),
        ("get_stats", json!({ "project_id": "prj_1" }), &["`project_id`", "not an argument"]),
        ("query_events", json!({ "cursor": "!!" }), &["`cursor`", "next_cursor"]),
        ("top_sources", json!({ "limit": 201 }), &["`limit`", "1 to 200"]),
        ("top_pages", json!({ "by": "exits" }), &["`by`", "closest: `exit`"]),
        ("funnel", json!({}), &["`steps`", "is required"]),
        ("funnel", json!({ "steps": ["one"] }), &["`steps`", "two to eight"]),
        ("funnel", json!({ "steps": ["a", "b"], "window": "1y" }), &["`window`", "30m"]),
        ("describe_schema", json!({ "kind": "event" }), &["`kind`", "closest: `events`"]),
        ("describe_schema", json!({ "kind": "values" }), &["`property`", "is required"]),
        ("explain_attribution", json!({}), &["event_id", "dry run"]),
        ("explain_attribution", json!({ "event_id": "evt_none" }), &["`evt_none`", "query_events"]),
    ] {
        let lesson = client.lesson(tool, arguments.clone());
        for word in words.iter().chain(&["A call that works:"]) {
            assert!(lesson.contains(word), "{tool} {arguments}: {word:?} in {lesson}");
        }
        let example = lesson.rsplit_once(&format!("A call that works: {tool} ")).unwrap().1;
        let example: Value = serde_json::from_str(example).unwrap();
        assert_eq!(client.call(tool, example)["isError"], false, "the example of {tool}");
    }
    let unknown = client.ask("tools/call", json!({ "name": "get_stat", "arguments": {} }));
    assert_eq!(unknown["error"]["code"], -32602);
    assert!(unknown["error"]["message"].as_str().unwrap().contains("Did you mean get_stats?"), "{unknown}");
}

#[test]
fn a_list_may_hold_names_with_commas() {
    let server = Server::start();
    let project = server.default_project();
    for event in ["a,b", "c"] {
        server.track(&project.sk, json!({ "event": event, "anonymous_id": "v1" }));
    }
    let client = Client::new(&server, &project.rk);
    let funnel = client.rows("funnel", json!({ "steps": ["a,b", "c"], "order": "any" }));
    assert_eq!(funnel["rows"][1]["uniques"], 1, "{funnel}");
    let url = funnel["url"].as_str().unwrap().strip_prefix(&server.url).unwrap();
    assert_eq!(server.get(url, &project.rk).json()["rows"], funnel["rows"], "{url}");
    let grouped = client.rows("get_stats", json!({ "group_by": ["properties.a,b"] }));
    assert!(grouped.get("url").is_none(), "no query string can say this: {grouped}");
    let funnel = client.rows("funnel", json!({ "steps": "c, d" }));
    assert!(funnel["url"].as_str().unwrap().contains("steps=c"), "{funnel}");
}

#[test]
fn empty_answers_say_why() {
    let server = Server::start();
    let project = server.default_project();
    let client = Client::new(&server, &project.rk);
    let note = |tool: &str, arguments: Value| client.rows(tool, arguments)["warnings"].to_string();
    assert!(note("top_sources", json!({})).contains("No event was ever stored"));
    shop(&server, &project);
    for (tool, arguments, words) in [
        ("get_stats", in_may(json!({ "event": "purchse" })), "did you mean `purchase`?"),
        (
            "get_stats",
            json!({ "event": "purchase", "from": "2026-05-01", "to": "2026-05-02" }),
            "The range is outside the data: events are from 2026-05-15 to 2026-05-16 (UTC).",
        ),
        ("get_stats", in_may(json!({ "event": "zebra" })), "There are `$pageview`"),
        ("query_events", in_may(json!({ "source": "facebok" })), "did you mean `facebook`?"),
        (
            "top_sources",
            in_may(json!({ "filters": { "session_source": "facebok" } })),
            "No event in this range has session_source=`facebok`: did you mean `facebook`?",
        ),
        (
            "get_stats",
            in_may(json!({ "filters": { "session_medium": "orgnic" } })),
            "No event in this range has session_medium=`orgnic`: did you mean `organic`?",
        ),
        (
            "query_events",
            in_may(json!({ "filters": { "session_campaign": "Mayy" } })),
            "No event in this range has session_campaign=`Mayy`: did you mean `May`?",
        ),
        ("top_sources", in_may(json!({ "country": "DE", "event": "purchase" })), "country=`DE`"),
        ("top_pages", json!({ "from": "2026-06-01", "to": "2026-06-02" }), "The range is outside the data"),
        ("funnel", in_may(json!({ "steps": ["$pageviews", "purchase"] })), "did you mean `$pageview`?"),
        (
            "describe_schema",
            in_may(json!({ "event": "purchases", "kind": "properties" })),
            "did you mean `purchase`?",
        ),
    ] {
        let note = note(tool, arguments.clone());
        assert!(note.contains(words), "{tool} {arguments}: {words:?} in {note}");
    }
    let full = client.rows("get_stats", may());
    assert_eq!((&full["notes"], &full["warnings"]), (&Value::Null, &Value::Null), "nothing to explain");
}

#[test]
fn a_range_that_is_no_longer_kept_is_told() {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    server.cli(&["project", "update", "default", "--retention-days", "30"]);
    let client = Client::new(&server, &project.rk);
    crate::support::eventually("the retention counts", || {
        let response = client.rows("get_stats", may());
        response["notes"].to_string().contains("no longer kept").then_some(())
    });
}

#[test]
fn strangers_texts_are_cleaned_and_cut() {
    let server = Server::start();
    let project = server.default_project();
    let hidden = "a\u{202e}b\u{200b}c";
    let mut event = pageview("e1", &format!("https://shop.example/?utm_source={}", "s".repeat(90)));
    event["properties"] = json!({ "note": format!("{hidden}{}", "n".repeat(300)) });
    event["path"] = format!("/{hidden}\n{}", "p".repeat(600)).into();
    server.track(&project.sk, event);
    let response = Client::new(&server, &project.rk).rows("query_events", may());
    let row = &response["rows"][0];
    let path = row["path"].as_str().unwrap();
    assert!(path.starts_with("/abc") && path.ends_with('…') && path.chars().count() == 500, "{path}");
    let properties: Value = serde_json::from_str(row["properties"].as_str().unwrap()).unwrap();
    let note = properties["note"].as_str().unwrap();
    assert!(note.starts_with("abcn") && note.chars().count() == 200, "{note}");
    let notes = response["notes"].to_string();
    assert!(notes.contains("cut") && notes.contains("taken out"), "{notes}");
}

#[test]
fn an_attribution_is_explained_by_the_rules_that_ran() {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    let client = Client::new(&server, &project.rk);
    let stored = client.rows("explain_attribution", json!({ "event_id": "e5" }));
    assert_eq!(stored["attribution"]["source_rule_id"], "ref_facebook");
    assert_eq!((&stored["event"]["event_id"], &stored["event"]["agrees"]), (&json!("e5"), &json!(true)));
    let rows = stored["rows"].as_array().unwrap();
    assert_eq!((&rows[0]["rule_id"], &rows[0]["fired"]), (&json!("ref_facebook"), &json!(true)));
    assert!(rows.len() < 6 && rows[1..].iter().all(|row| row["fired"] == false), "{rows:?}");
    let all = client.rows("explain_attribution", json!({ "event_id": "e5", "rules": "all" }));
    let rows = all["rows"].as_array().unwrap();
    assert_eq!(
        rows[0],
        json!({ "rule_id": "google_click_id", "fired": false, "reason": "needs `gclid` in the url" })
    );
    assert_eq!(rows.last().unwrap()["rule_id"], "ref_facebook");
    assert_eq!(rows.iter().filter(|row| row["fired"] == true).count(), 1);
    let dry = client.rows("explain_attribution", json!({ "url": "https://a.example/?utm_medium=cpc" }));
    assert_eq!(
        (&dry["attribution"]["source"], &dry["attribution"]["medium"]),
        (&json!("unknown"), &json!("paid"))
    );
    assert!(dry["advice"][0].as_str().unwrap().contains("utm_source"), "{}", dry["advice"]);
}

#[test]
fn sources_and_conversions_are_credited_to_sessions() {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    let client = Client::new(&server, &project.rk);
    let sources = |arguments: Value| client.rows("top_sources", in_may(arguments))["rows"].clone();
    let source = |row: &Value| json!([row["source"], row["medium"], row["events"]]);
    let listed: Vec<Value> = sources(json!({})).as_array().unwrap().iter().map(source).collect();
    assert_eq!(
        listed,
        [
            json!(["facebook", "social", 2]),
            json!(["google", "organic", 2]),
            json!(["direct", "direct", 1]),
            json!(["facebook", "paid", 1]),
        ],
        "page views within the site belong to their session"
    );
    let by_event = sources(json!({ "attribution": "event" }));
    assert!(by_event.as_array().unwrap().iter().any(|row| row["source"] == "internal"), "{by_event}");
    let response =
        client.rows("attribution", in_may(json!({ "event": "purchase", "models": ["first", "last"] })));
    assert_eq!(response["conversions"], 2, "{response}");
    let credit: Vec<Value> = response["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| json!([row["session_source"], row["conversions"]]))
        .collect();
    assert_eq!(
        credit,
        [
            json!(["facebook", { "first": 1.0, "last": 0.0 }]),
            json!(["facebook", { "first": 1.0, "last": 1.0 }]),
            json!(["direct", { "first": 0.0, "last": 1.0 }]),
        ]
    );
    let paths = client.rows("attribution", in_may(json!({ "event": "purchase", "paths": "true" })));
    let listed: Vec<&Value> = paths["rows"].as_array().unwrap().iter().map(|row| &row["path"]).collect();
    assert_eq!(listed, [&json!(["facebook / paid", "direct / direct"]), &json!(["facebook / social"])]);
}
