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
