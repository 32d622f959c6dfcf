//! Resources, prompts and completions.

use serde_json::{Value, json};

use super::client::{Client, account_key};
use crate::support::{Server, shop};

fn resource(client: &Client<'_>, uri: &str) -> (Value, Value) {
    let read = client.ask("resources/read", json!({ "uri": uri }));
    let contents = &read["contents"][0];
    assert_eq!(
        (&contents["uri"], &contents["mimeType"]),
        (&json!(uri), &json!("application/json")),
        "{read}"
    );
    (serde_json::from_str(contents["text"].as_str().unwrap()).unwrap(), read["cacheScope"].clone())
}

#[test]
fn resources_say_what_their_tools_say() {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    server.track(&project.sk, json!({ "event": "today" }));
    let client = Client::new(&server, &project.rk).speaking(super::client::Era::Stateless);
    let uris = client.names("resources/list", "resources");
    assert_eq!(uris, ["events://recent", "schema://events", "schema://rules"]);
    let (recent, scope) = resource(&client, "events://recent");
    assert_eq!((recent["rows"].as_array().unwrap().len(), scope), (7, json!("private")));
    assert_eq!(recent["rows"][0]["event_name"], "today");
    let (names, _) = resource(&client, "schema://events");
    assert_eq!((&names["rows"][0]["event_name"], &names["rows"][0]["count"]), (&json!("today"), &json!(1)));
    let (rules, scope) = resource(&client, "schema://rules");
    assert_eq!((&rules["rows"][0]["rule_id"], scope), (&json!("google_click_id"), json!("public")));
    assert_eq!(client.ask("resources/templates/list", json!({}))["resourceTemplates"], json!([]));

    let ak = account_key(&server, &[]);
    let account = Client::of_account(&server, &ak);
    assert_eq!(
        account.names("resources/list", "resources"),
        ["projects://all", "schema://events", "schema://rules"]
    );
    assert_eq!(resource(&account, "projects://all").0["rows"][0]["slug"], "default");
    for (client, uri) in
        [(&client, "projects://all"), (&account, "events://recent"), (&client, "file:///etc/passwd")]
    {
        assert_eq!(client.ask("resources/read", json!({ "uri": uri }))["error"]["code"], -32602, "{uri}");
    }
}

#[test]
fn prompts_ask_for_what_they_need() {
    let server = Server::start();
    let rk = server.default_project().rk;
    let client = Client::new(&server, &rk);
    let names = ["weekly_report", "paid_vs_organic", "explain_drop", "tagging_audit", "funnel_review"];
    assert_eq!(client.names("prompts/list", "prompts"), names);
    let text = |client: &Client<'_>, name: &str, arguments: Value| {
        let got = client.ask("prompts/get", json!({ "name": name, "arguments": arguments }));
        assert_eq!(got["messages"][0]["role"], "user", "{got}");
        got["messages"][0]["content"]["text"].as_str().unwrap().to_owned()
    };
    let drop = text(&client, "explain_drop", json!({ "metric": "signup", "date": "2026-05-16" }));
    assert!(drop.contains("why `signup` fell on 2026-05-16."), "{drop}");
    assert!(text(&client, "weekly_report", json!({})).contains("period=last_7_days."));
    assert!(text(&client, "weekly_report", json!({ "period": "30d" })).contains("period=30d."));
    for name in names {
        let filled = text(&client, name, json!({ "metric": "a", "date": "b", "steps": "c,d" }));
        assert!(!filled.contains(['{', '}']), "{name}: {filled}");
    }
    for (name, arguments, words) in [
        ("explain_drop", json!({ "metric": "signup" }), "`date` is required"),
        ("weekly_report", json!({ "period": "1y" }), "`period` must be one of"),
        ("weekly_report", json!({ "period": 7 }), "`period` must be a text"),
        ("portfolio_review", json!({}), "no prompt portfolio_review"),
    ] {
        let refused = client.ask("prompts/get", json!({ "name": name, "arguments": arguments }));
        assert_eq!(refused["error"]["code"], -32602);
        assert!(refused["error"]["message"].as_str().unwrap().contains(words), "{refused}");
    }
    let ak = account_key(&server, &[]);
    let account = Client::of_account(&server, &ak);
    assert_eq!(account.names("prompts/list", "prompts").last().map(String::as_str), Some("portfolio_review"));
    let one = text(&account, "weekly_report", json!({ "project": "default" }));
    assert!(one.contains("project_slug=default"), "{one}");
}

#[test]
fn arguments_of_prompts_are_completed() {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    let ak = account_key(&server, &[]);
    let project_client = Client::new(&server, &project.rk);
    let account = Client::of_account(&server, &ak);
    let complete = |client: &Client<'_>, prompt: &str, name: &str, typed: &str| {
        let params = json!({ "ref": { "type": "ref/prompt", "name": prompt }, "argument": { "name": name, "value": typed } });
        client.ask("completion/complete", params)["completion"]["values"].clone()
    };
    assert_eq!(complete(&project_client, "funnel_review", "steps", "pur"), json!(["purchase"]));
    assert_eq!(
        complete(&project_client, "funnel_review", "steps", "$pageview,PUR"),
        json!(["$pageview,purchase"])
    );
    assert_eq!(complete(&project_client, "explain_drop", "metric", "view"), json!(["$pageview"]));
    assert_eq!(complete(&project_client, "weekly_report", "period", "30"), json!(["30d", "last_30_days"]));
    assert_eq!(complete(&project_client, "explain_drop", "date", "2026"), json!([]));
    assert_eq!(complete(&account, "weekly_report", "project", "def"), json!(["default"]));
    assert_eq!(complete(&account, "funnel_review", "steps", ""), json!(["$pageview", "purchase"]));
}
