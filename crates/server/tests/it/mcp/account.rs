//! `/mcp/account`: the projects of an account, alone and side by side.

use serde_json::{Value, json};

use super::client::{Client, Era, account_key, ids, in_may, may};
use crate::support::{Instance, Project, Server, pageview, shop};

/// Two projects beside the default one: a shop, and a blog with one page view.
fn two(server: &Server) -> (Project, Project) {
    let (one, other) = (server.project("Shop", &[]), server.project("Blog", &[]));
    shop(server, &one);
    server.track(&other.sk, pageview("b1", "https://blog.example/?utm_source=news&utm_medium=email"));
    (one, other)
}

fn id_of(client: &Client<'_>, slug: &str) -> String {
    let listed = client.rows("list_projects", json!({}));
    let row = listed["rows"].as_array().unwrap().iter().find(|row| row["slug"] == slug).unwrap().clone();
    row["id"].as_str().unwrap().to_owned()
}

#[test]
fn projects_are_listed_and_compared() {
    let server = Server::start();
    two(&server);
    let ak = account_key(&server, &[]);
    let client = Client::of_account(&server, &ak);
    let listed = client.rows("list_projects", json!({}));
    let slugs: Vec<_> = listed["rows"].as_array().unwrap().iter().map(|row| row["slug"].clone()).collect();
    assert_eq!(slugs, ["default", "shop", "blog"]);
    assert_eq!(listed["rows"][1]["last_event_at"], "2026-05-16T10:30:00.000Z");
    assert_eq!(
        (&listed["rows"][0]["last_event_at"], &listed["rows"][0]["events_7d"]),
        (&Value::Null, &json!(0))
    );
    assert_eq!(client.rows("list_projects", json!({ "search": "SHO" }))["rows"].as_array().unwrap().len(), 1);
    let compared = client.rows("compare_projects", in_may(json!({ "metric": "uniques" })));
    let shares: Vec<_> = compared["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| json!([row["rank"], row["slug"], row["value"], row["share_pct"]]))
        .collect();
    assert_eq!(
        shares,
        [json!([1, "shop", 3, 75.0]), json!([2, "blog", 1, 25.0]), json!([3, "default", 0, 0.0])]
    );
    let ids = [id_of(&client, "blog"), id_of(&client, "default")];
    let some = client.rows("compare_projects", in_may(json!({ "project_ids": ids, "event": "purchase" })));
    assert_eq!(some["rows"].as_array().unwrap().len(), 2);
    let text = json!(ids).to_string();
    let same = client.rows("compare_projects", in_may(json!({ "project_ids": text, "event": "purchase" })));
    assert_eq!(same["rows"], some["rows"], "the list as JSON text");
}

/// The members of the rows of `compare_projects` that a test is about.
fn compared(client: &Client<'_>, arguments: Value, members: &[&str]) -> Vec<Value> {
    let rows = client.rows("compare_projects", in_may(arguments))["rows"].clone();
    let shown = |row: &Value| members.iter().map(|name| row[*name].clone()).collect();
    rows.as_array().unwrap().iter().map(shown).collect()
}

#[test]
fn projects_are_compared_by_every_metric_of_get_stats() {
    let server = Server::start();
    two(&server);
    let ak = account_key(&server, &[]);
    let client = Client::of_account(&server, &ak);
    for (project, event) in [("shop", "purchase"), ("blog", "$pageview")] {
        server.cli(&["goal", "create", "main", "--project", project, "--event", event]);
    }
    let amount = |metric: &str| json!({ "metric": metric, "property": "amount" });
    let of_goal = |metric: &str| json!({ "metric": metric, "goal": "main" });
    for (arguments, expected) in [
        (json!({}), json!([["shop", 6, 85.71], ["blog", 1, 14.29], ["default", 0, 0.0]])),
        (amount("sum"), json!([["shop", 25.5, 100.0], ["blog", 0.0, 0.0], ["default", 0.0, 0.0]])),
        (amount("avg"), json!([["shop", 12.75, null], ["blog", null, null], ["default", null, null]])),
        (amount("median"), json!([["shop", 12.75, null], ["blog", null, null], ["default", null, null]])),
        (amount("min"), json!([["shop", 5.5, null], ["blog", null, null], ["default", null, null]])),
        (amount("max"), json!([["shop", 20.0, null], ["blog", null, null], ["default", null, null]])),
        (of_goal("conversions"), json!([["shop", 2, 66.67], ["blog", 1, 33.33]])),
        (of_goal("conversion_rate"), json!([["blog", 1.0, null], ["shop", 2.0 / 3.0, null]])),
        (
            json!({ "metric": "uniques", "filters": { "country": "DE" } }),
            json!([["blog", 0, 0.0], ["default", 0, 0.0], ["shop", 0, 0.0],]),
        ),
        (
            json!({ "filters": { "source": "facebook", "path": "/sale" } }),
            json!([["shop", 1, 100.0], ["blog", 0, 0.0], ["default", 0, 0.0],]),
        ),
    ] {
        let members = ["slug", "value", "share_pct"];
        assert_eq!(json!(compared(&client, arguments.clone(), &members)), expected, "{arguments}");
        let slugs_and_values = compared(&client, arguments.clone(), &["slug", "value"]);
        for row in slugs_and_values {
            let mut arguments = in_may(arguments.clone());
            arguments["project_slug"] = row[0].clone();
            assert_eq!(
                client.rows("get_stats", arguments.clone())["rows"][0]["value"],
                row[1],
                "{arguments}"
            );
        }
    }
    let p95 = &compared(&client, amount("p95"), &["value"])[0][0];
    assert!((p95.as_f64().unwrap() - 19.275).abs() < 1e-9, "{p95}");
    let averages = client.rows("compare_projects", in_may(amount("avg")));
    assert_eq!((&averages["rows"][0].get("share_pct"), &averages["metric"]), (&None, &json!("avg")));
    assert_eq!(averages["rows"][0].get("currency"), None);
    assert!(
        averages["summary"].as_str().unwrap().starts_with("3 projects; shop leads with 12.75 in"),
        "{averages}"
    );
    let lesson = client.lesson("compare_projects", json!({ "metric": "median" }));
    assert!(lesson.contains("`property` is required: the numeric property to work on"), "{lesson}");
}

#[test]
fn amounts_of_projects_are_ranked_in_each_currency() {
    let server = Server::start();
    let (shop, blog) = (server.project("Shop", &[]), server.project("Blog", &[]));
    let sell = |project: &Project, id: &str, properties: Value| {
        server.track(
            &project.sk,
            json!({ "event": "sale", "event_id": id, "properties": properties,
            "anonymous_id": "anna", "timestamp": "2026-05-16T10:00:00Z" }),
        );
    };
    sell(&shop, "a", json!({ "amount": 20, "currency": "EUR" }));
    sell(&shop, "b", json!({ "amount": 10, "currency": "USD" }));
    sell(&shop, "c", json!({ "amount": "7", "currency": "USD" }));
    sell(&blog, "d", json!({ "amount": 30, "currency": "usd" }));
    let ak = account_key(&server, &[]);
    let client = Client::of_account(&server, &ak);
    let expected = json!([
        [1, "shop", "EUR", 20.0, 100.0],
        [1, "blog", "USD", 30.0, 75.0],
        [2, "shop", "USD", 10.0, 25.0],
        [1, "default", null, 0.0, 0.0],
    ]);
    let sum = json!({ "metric": "sum", "property": "amount" });
    let members = ["rank", "slug", "currency", "value", "share_pct"];
    assert_eq!(json!(compared(&client, sum.clone(), &members)), expected);
    let whole = client.rows("compare_projects", in_may(sum.clone()));
    let message =
        "shop: 1 value of `amount` is no JSON number (a text such as \"12\") and left out: send numbers.";
    assert_eq!(whole["warnings"], json!([{ "code": "not_numeric", "message": message }]));
    let said = "3 projects; shop leads with 20.0 EUR; blog leads with 30.0 USD; default leads with 0.0 without a currency in";
    assert!(whole["summary"].as_str().unwrap().starts_with(said), "{whole}");

    server.cli(&[
        "goal",
        "create",
        "sale",
        "--project",
        "shop",
        "--event",
        "sale",
        "--value",
        "amount",
        "--currency",
        "CHF",
    ]);
    sell(&shop, "e", json!({ "amount": 5 }));
    let of_goal = compared(&client, json!({ "metric": "sum", "goal": "sale" }), &members);
    let expected = json!([
        [1, "shop", "CHF", 5.0, 100.0],
        [1, "shop", "EUR", 20.0, 100.0],
        [1, "shop", "USD", 10.0, 100.0],
    ]);
    assert_eq!(json!(of_goal), expected, "the value of the goal, in its currency");
}

#[test]
fn shares_of_negative_amounts_are_left_out() {
    let server = Server::start();
    let (shop, blog) = (server.project("Shop", &[]), server.project("Blog", &[]));
    for (project, amount) in [(&shop, 30), (&blog, -10)] {
        let sale = json!({ "event": "sale", "properties": { "amount": amount }, "timestamp": "2026-05-16T10:00:00Z" });
        server.track(&project.sk, sale);
    }
    let ak = account_key(&server, &[]);
    let client = Client::of_account(&server, &ak);
    let sum =
        compared(&client, json!({ "metric": "sum", "property": "amount" }), &["slug", "value", "share_pct"]);
    assert_eq!(json!(sum), json!([["shop", 30.0, null], ["default", 0.0, null], ["blog", -10.0, null]]));
}

#[test]
fn a_comparison_warns_of_names_that_no_project_has() {
    let server = Server::start();
    two(&server);
    let ak = account_key(&server, &[]);
    let client = Client::of_account(&server, &ak);
    let of_event = |event: &str| client.rows("compare_projects", in_may(json!({ "event": event })));
    assert_eq!(of_event("purchase").get("warnings"), None, "one project has it");
    let warnings = of_event("purchse")["warnings"].clone();
    assert_eq!(warnings[0]["code"], "unknown_event", "{warnings}");
    assert!(warnings[0]["message"].as_str().unwrap().contains("did you mean `purchase`?"), "{warnings}");
}

#[test]
fn one_project_is_answered_as_by_its_own_key() {
    let server = Server::start();
    let (shop, _) = two(&server);
    let ak = account_key(&server, &[]);
    let client = Client::of_account(&server, &ak);
    let own = Client::new(&server, &shop.rk);
    let id = id_of(&client, "shop");
    for (tool, arguments) in [
        ("query_events", json!({})),
        ("get_stats", json!({ "group_by": "source,medium" })),
        ("top_sources", json!({})),
        ("top_pages", json!({})),
        ("funnel", json!({ "steps": ["$pageview", "purchase"] })),
        ("describe_schema", json!({ "kind": "properties" })),
    ] {
        let expected = own.rows(tool, in_may(arguments.clone()))["rows"].clone();
        for chosen in
            [json!({ "project_slug": "shop" }), json!({ "project_id": id }), json!({ "project_ids": [id] })]
        {
            let mut arguments = in_may(arguments.clone());
            arguments.as_object_mut().unwrap().extend(chosen.as_object().unwrap().clone());
            assert_eq!(client.rows(tool, arguments)["rows"], expected, "{tool} {chosen}");
        }
    }
}

#[test]
fn several_projects_are_merged_in_the_order_of_one() {
    let server = Server::start();
    two(&server);
    let ak = account_key(&server, &[]);
    let client = Client::of_account(&server, &ak);
    let (shop, blog) = (id_of(&client, "shop"), id_of(&client, "blog"));
    let stats = client.rows("get_stats", may());
    let default = id_of(&client, "default");
    assert_eq!(
        stats["rows"],
        json!([{ "project_id": shop, "value": 6 }, { "project_id": blog, "value": 1 }, { "project_id": default, "value": 0 }])
    );
    let pages =
        client.rows("get_stats", in_may(json!({ "group_by": "path", "event": "$pageview", "limit": 2 })));
    assert_eq!(
        pages["rows"],
        json!([
            { "project_id": shop, "path": "/", "value": 2 }, { "project_id": shop, "path": "/sale", "value": 2 },
        ])
    );
    assert_eq!(pages["truncated"], true);
    let seen = ids(&client.pages(in_may(json!({ "limit": 2 }))));
    assert_eq!(seen, ["b1", "e6", "e5", "e4", "e3", "e2", "e1"], "b1 is of the evening");
    let explained = client.rows("explain_attribution", json!({ "event_id": "b1" }));
    assert_eq!(
        (&explained["attribution"]["source"], &explained["project_id"]),
        (&json!("news"), &json!(blog))
    );
    let rules = client.rows("describe_schema", json!({ "kind": "rules" }));
    assert_eq!(rules["rows"][0].get("project_id"), None, "rules are of no project");
}

#[test]
fn many_projects_are_answered_for_oldest_first() {
    let server = Server::start();
    let ak = account_key(&server, &[]);
    let names: Vec<String> = (1..=6).map(|number| format!("Shop {number}")).collect();
    for name in &names {
        server.track(&server.project(name, &[]).sk, json!({ "event": "opened" }));
    }
    let client = Client::of_account(&server, &ak);
    let listed = client.rows("list_projects", json!({ "search": "shop" }));
    let listed: Vec<_> = listed["rows"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
    assert_eq!(listed, names);
    let ids: Vec<_> = (1..=6).map(|number| id_of(&client, &format!("shop-{number}"))).collect();
    let counted = client.rows("get_stats", json!({ "project_ids": ids }));
    let counted: Vec<_> =
        counted["rows"].as_array().unwrap().iter().map(|row| row["project_id"].clone()).collect();
    assert_eq!(counted, ids, "equal figures stand in the order of their projects");
}

#[test]
fn there_is_no_way_to_send() {
    let server = Server::start();
    let ak = account_key(&server, &[]);
    let client = Client::of_account(&server, &ak);
    assert!(!client.names("tools/list", "tools").contains(&"track_event".to_owned()));
    assert_eq!(client.call("track_event", json!({ "event": "a" }))["error"]["code"], -32602);
}

#[test]
fn a_project_of_somebody_else_is_answered_like_one_that_does_not_exist() {
    let server = Server::start();
    two(&server);
    let stranger = strangers_project(&server);
    let ak = account_key(&server, &[]);
    let nobody = "prj_0190f3c0a1b27c4d8e9fa0b1c2d3e4f5";
    for era in super::client::ERAS {
        let client = Client::of_account(&server, &ak).speaking(era);
        for (there, not_there, code) in [
            (json!({ "project_id": stranger.0 }), json!({ "project_id": nobody }), "unknown_project_id"),
            (
                json!({ "project_ids": [stranger.0] }),
                json!({ "project_ids": [nobody] }),
                "unknown_project_id",
            ),
            (
                json!({ "project_slug": stranger.1 }),
                json!({ "project_slug": "nowhere" }),
                "unknown_project_slug",
            ),
        ] {
            let [one, other] =
                [&there, &not_there].map(|chosen| client.call("get_stats", chosen.clone()).to_string());
            let name = |value: &Value| {
                let only = value.as_object().unwrap().values().next().unwrap();
                only.as_str().or(only[0].as_str()).unwrap().to_owned()
            };
            assert_eq!(one.replace(&name(&there), "X"), other.replace(&name(&not_there), "X"));
            assert!(one.contains(code), "{one}");
            assert_eq!(one.contains("-32004"), era == Era::Handshake, "{one}");
        }
    }
    let client = Client::of_account(&server, &ak);
    let both = json!({ "project_id": nobody, "project_slug": "shop" });
    assert!(
        client.lesson("get_stats", both).contains("at most one of project_id, project_slug, project_ids")
    );
    let listed = client.rows("list_projects", json!({})).to_string();
    assert!(!listed.contains(&stranger.1), "{listed}");
}

#[test]
fn an_account_without_projects_is_told_so() {
    let server = Server::start();
    let ak = account_key(&server, &[]);
    server.cli(&["project", "delete", "default", "--yes"]);
    let client = Client::of_account(&server, &ak);
    crate::support::eventually("the project is gone", || {
        (client.call("get_stats", json!({}))["error"]["code"] == -32005).then_some(())
    });
    let stateless = Client::of_account(&server, &ak).speaking(Era::Stateless);
    let refused = stateless.call("get_stats", json!({}));
    assert_eq!(refused["structuredContent"]["error"]["code"], "no_projects_visible");
}

#[test]
fn a_test_key_sees_the_test_side_of_every_project() {
    let server = Server::start();
    let (shop, _) = two(&server);
    let (_, sender) = server.create_key(&shop, &["--kind", "sk", "--env", "test"]);
    server.track(&sender, pageview("t1", "https://shop.example/"));
    let ak = account_key(&server, &["--env", "test"]);
    let client = Client::of_account(&server, &ak);
    let events = client.rows("query_events", may());
    assert_eq!(events["rows"].as_array().unwrap().len(), 1);
    assert_eq!(events["rows"][0]["event_id"], "t1");
}

/// A project of another account, with an event: its id and slug.
pub(super) fn strangers_project(server: &Instance) -> (String, String) {
    use millimetric_control::{Actor, Control, ControlUrl, NewProject, Plan};
    use millimetric_core::ids::{AccountId, ProjectId};
    use millimetric_core::time::Timestamp;
    let slug = "strangers-shop";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let id = runtime.block_on(async {
        let control = Control::open(&ControlUrl::in_folder(&server.dir)).await.unwrap();
        let now = Timestamp::parse("2026-05-01T00:00:00Z").unwrap();
        let by = Actor::CommandLine;
        let account = AccountId::new(uuid::Uuid::now_v7());
        control.create_account(account, "Stranger".parse().unwrap(), &by, now).await.unwrap();
        let new = NewProject {
            id: ProjectId::new(uuid::Uuid::now_v7()),
            account_id: account,
            slug: slug.parse().unwrap(),
            name: "Stranger's shop".parse().unwrap(),
            allowed_origins: Vec::new(),
            plan: Plan::SelfHosted,
            retention_days: None,
            timezone: chrono_tz::Tz::UTC,
        };
        let id = control.create_project(new, &by, now).await.unwrap().id;
        control.close().await;
        id
    });
    (id.to_string(), slug.to_owned())
}
