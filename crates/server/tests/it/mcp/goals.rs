//! Goals and rules of projects in tools: an agent learns which there are, and asks by them, in one project and
//! in several.

use serde_json::{Value, json};

use super::client::{Client, account_key, in_may};
use crate::support::{ALWAYS, Instance, Project, Server, ask, eventually, shop};

fn create(server: &Instance, project: &Project, slug: &str, event: &str) {
    server.cli(&["goal", "create", slug, "--project", &project.slug, "--event", event]);
}

#[test]
fn an_agent_learns_the_goals_and_asks_by_them() {
    let server = Server::start();
    let project = server.default_project();
    shop(&server, &project);
    create(&server, &project, "sale", "purchase");
    let client = Client::new(&server, &project.rk);
    let listed = client.rows("describe_schema", json!({ "kind": "goals" }));
    assert_eq!(listed["rows"], ask(&server, &project, "/v1/goals")["goals"]);
    let routes = [
        ("get_stats", "/v1/stats", json!({ "metric": "conversion_rate", "group_by": ["medium"] })),
        ("get_stats", "/v1/stats", json!({ "metric": "conversions" })),
        ("top_sources", "/v1/sources", json!({ "attribution": "event" })),
        ("query_events", "/v1/query", json!({})),
        ("attribution", "/v1/attribution", json!({})),
    ];
    for (tool, route, arguments) in routes {
        let mut arguments = in_may(arguments);
        arguments["goal"] = json!("sale");
        let pairs = arguments.as_object().unwrap().iter().map(|(name, value)| match value {
            Value::Array(texts) => (name, texts[0].as_str().unwrap().to_owned()),
            value => (name, value.as_str().unwrap().to_owned()),
        });
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let rest = ask(&server, &project, &format!("{route}?{query}"));
        let rows = client.rows(tool, arguments)["rows"].clone();
        assert!(!rows.as_array().unwrap().is_empty(), "{tool}");
        assert_eq!(rows, rest["rows"], "{tool}");
    }
}

#[test]
fn an_unknown_goal_is_a_lesson() {
    let server = Server::start();
    let project = server.default_project();
    let client = Client::new(&server, &project.rk);
    let none = client.rows("describe_schema", json!({ "kind": "goals" }));
    assert_eq!(none["notes"], json!(["No goal fits. Goals are created with `millimetric goal create`."]));
    create(&server, &project, "signup", "signup");
    let lesson = client.lesson("get_stats", json!({ "metric": "conversions", "goal": "sign-ups" }));
    assert!(
        lesson.starts_with(
            "`goal` is not a goal: did you mean `signup`? GET /v1/goals lists all. describe_schema with kind=goals \
             lists the goals. A call that works: get_stats"
        ),
        "{lesson}"
    );
    let lesson = client.lesson("attribution", json!({}));
    assert!(lesson.contains("or send a `goal`"), "{lesson}");
    let lesson = client.lesson("get_stats", json!({ "goal": "signup", "event": "signup" }));
    assert!(lesson.contains("`goal` goes without `event`: send one of the two"), "{lesson}");
}

#[test]
fn of_several_projects_those_with_the_goal_count() {
    let server = Server::start();
    let (one, other) = (server.project("Shop", &[]), server.project("Blog", &[]));
    shop(&server, &one);
    server.track(&other.sk, json!({ "event": "read", "timestamp": "2026-05-16T10:00:00Z" }));
    create(&server, &one, "main", "purchase");
    create(&server, &other, "main", "read");
    create(&server, &one, "sale", "purchase");
    let ak = account_key(&server, &[]);
    let client = Client::of_account(&server, &ak);
    let purchases =
        ask(&server, &one, &format!("/v1/stats?{ALWAYS}&event=purchase"))["rows"][0]["value"].clone();

    let main = client.rows("get_stats", in_may(json!({ "goal": "main", "metric": "conversions" })));
    let mut values: Vec<_> =
        main["rows"].as_array().unwrap().iter().map(|row| row["value"].clone()).collect();
    values.sort_by_key(ToString::to_string);
    let mut expected = vec![json!(1), purchases.clone()];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(values, expected, "each project has a goal of its own under the name");
    assert!(main["notes"].to_string().contains("1 of 3 projects have no such goal"), "{main}");

    let compared = client.rows("compare_projects", in_may(json!({ "goal": "main" })));
    let slugs: Vec<_> = compared["rows"].as_array().unwrap().iter().map(|row| row["slug"].clone()).collect();
    assert_eq!((slugs.len(), &slugs[0]), (2, &json!("shop")), "{compared}");
    let sale = client.rows("compare_projects", in_may(json!({ "goal": "sale" })));
    assert_eq!((&sale["rows"][0]["value"], sale["rows"].as_array().unwrap().len()), (&purchases, 1));

    let lesson = client.lesson("get_stats", json!({ "goal": "mian", "metric": "conversions" }));
    assert!(lesson.contains("`goal` is not a goal: did you mean `main`?"), "{lesson}");
    let goals = client.rows("describe_schema", json!({ "kind": "goals" }));
    assert_eq!(goals["rows"].as_array().unwrap().len(), 3, "{goals}");
    assert!(goals["rows"][0]["project_id"].is_string());
}

#[test]
fn of_several_projects_those_with_the_goals_of_a_funnel_count() {
    let server = Server::start();
    let (one, other) = (server.project("Shop", &[]), server.project("Blog", &[]));
    shop(&server, &one);
    server.track(&other.sk, json!({ "event": "read", "timestamp": "2026-05-16T10:00:00Z" }));
    create(&server, &one, "main", "purchase");
    create(&server, &one, "sale", "purchase");
    create(&server, &other, "main", "read");
    create(&server, &other, "reading", "read");
    let ak = account_key(&server, &[]);
    let client = Client::of_account(&server, &ak);
    let funnel = |steps: Value| client.rows("funnel", in_may(json!({ "steps": steps })));
    for steps in [
        json!(["$pageview", "goal:sale"]),
        json!(["$pageview", { "goal": "sale" }]),
        json!(["goal:main", "goal:sale"]),
        json!("$pageview,goal:sale"),
        json!(r#"["$pageview","goal:sale"]"#),
    ] {
        let rows = funnel(steps.clone());
        let own = client.rows("funnel", in_may(json!({ "steps": steps, "project_slug": "shop" })));
        assert_eq!((&rows["rows"], rows["rows"].as_array().unwrap().len()), (&own["rows"], 2), "{steps}");
        assert!(
            rows["notes"]
                .to_string()
                .contains("2 of 3 projects have no such goal and count nowhere: the rows are of `shop`."),
            "{rows}"
        );
    }
    let both = funnel(json!(["goal:main", "goal:main"]));
    assert_eq!(both["rows"].as_array().unwrap().len(), 4, "{both}");

    for (steps, said) in [
        (json!(["$pageview", "goal:sael"]), "`steps[1]` is not a goal: did you mean `sale`?"),
        (json!([{ "goal": "mian" }, "$pageview"]), "`steps[0].goal` is not a goal: did you mean `main`?"),
        (
            json!(["goal:sale", "goal:reading"]),
            "No project has all of the goals `sale`, `reading`; describe_schema",
        ),
    ] {
        let lesson = client.lesson("funnel", in_may(json!({ "steps": steps })));
        assert!(lesson.contains(said), "{steps}: {lesson}");
        assert!(lesson.contains("describe_schema with kind=goals lists"), "{lesson}");
        assert!(lesson.chars().count() <= 480, "more than 120 tokens: {lesson}");
    }
    let journeys = client.lesson("journeys", json!({ "start": "goal:main", "steps": 3 }));
    assert!(journeys.contains("a goal cannot be a start"), "{journeys}");
}

#[test]
fn of_several_projects_with_other_rules_one_has_to_be_named() {
    let server = Server::start();
    let (one, other) = (server.project("Shop", &[]), server.project("Blog", &[]));
    let ak = account_key(&server, &[]);
    let client = Client::of_account(&server, &ak);
    let visit = |more: Value| {
        let mut visit = json!({ "url": "https://shop.example/?ref=acme" });
        visit.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        visit
    };
    let alike = client.rows("explain_attribution", visit(json!({})));
    assert_eq!(alike["rows"][0]["rule_id"], "direct");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.json");
    let rules = json!({ "rules": [{ "slug": "partner", "source": "acme", "medium": "partner",
        "when": [{ "field": "query.ref", "op": "is", "value": "acme" }] }] });
    std::fs::write(&file, rules.to_string()).unwrap();
    server.cli(&["project", "rules", "set", file.to_str().unwrap(), "--project", &one.slug]);
    eventually("the rules are known", || {
        let lesson = client.call("explain_attribution", visit(json!({})));
        lesson.to_string().contains("name one project: some of them have rules of their own").then_some(())
    });
    for (project, rule) in [(&one, "project:partner"), (&other, "direct")] {
        let explained = client.rows("explain_attribution", visit(json!({ "project_slug": project.slug })));
        assert_eq!(explained["rows"][0]["rule_id"], rule);
        let of_key = Client::new(&server, &project.rk);
        let listed = of_key.rows("describe_schema", json!({ "kind": "rules" }));
        assert_eq!(listed["rows"][0]["rule_id"] == "project:partner", rule == "project:partner");
    }
}
