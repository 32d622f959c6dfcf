//! Steps of a funnel that are pages or goals, in each form that a step can be sent in.

use serde_json::{Value, json};

use super::act;
use crate::support::{ALWAYS, Project, Server, ask, server_with};

/// Anna sees prices, signs up and buys; Ben sees other prices and signs up in another country's plan; Cleo reads.
fn shop() -> (Server, Project) {
    let page = |path: &str| json!({ "url": format!("https://shop.example{path}") });
    let plan = |plan: &str| json!({ "url": "https://shop.example/signup", "properties": { "plan": plan } });
    let (server, project) = server_with(&[
        act("anna", "$pageview", "04T10:00", page("/pricing")),
        act("anna", "signup", "04T10:05", plan("pro")),
        act("anna", "$pageview", "04T10:06", page("/thanks/%C3%BC")),
        act("ben", "$pageview", "04T10:00", page("/pricing/teams")),
        act("ben", "signup", "04T10:05", plan("free")),
        act("ben", "page:x", "04T10:06", page("/")),
        act("cleo", "$pageview", "04T10:00", page("/blog")),
        act("cleo", "signup", "04T10:05", page("/blog")),
        act("cleo", "page:/pricing", "04T10:06", page("/blog")),
    ]);
    for goal in [
        ["signup", "--event", "signup", "--filters", "[]"],
        ["pro", "--event", "signup", "--filters", r#"[["is","properties.plan",["pro"]]]"#],
        ["thanks", "--page", "/thanks/*", "--filters", "[]"],
    ] {
        let [slug, kind, of, filters, list] = goal;
        server.cli(&["goal", "create", slug, "--project", &project.slug, kind, of, filters, list]);
    }
    (server, project)
}

fn posted(server: &Server, project: &Project, steps: &Value) -> crate::support::Response {
    let body = json!({ "from": "2026-05-01", "to": "2026-06-01", "steps": steps });
    server.post("/v1/funnel", &project.rk, &body)
}

#[test]
fn a_step_may_be_a_page_or_a_goal() {
    let (server, project) = shop();
    for (steps, expected) in [
        ("page:/pricing*,signup", [2, 2]),
        ("page:/pricing,signup", [1, 1]),
        ("page:*,page:/thanks/*", [3, 1]),
        ("page:/%C3%BC,signup", [0, 0]),
        ("$pageview,goal:signup", [3, 3]),
        ("page:/pricing*, goal:pro", [2, 1]),
        ("goal:signup,goal:thanks", [3, 1]),
        ("goal:signup,goal:signup", [3, 0]),
    ] {
        let list: Vec<&str> = steps.split(',').map(str::trim).collect();
        let encoded: String = url::form_urlencoded::byte_serialize(steps.as_bytes()).collect();
        let read = ask(&server, &project, &format!("/v1/funnel?{ALWAYS}&steps={encoded}"));
        let rows = read["rows"].as_array().unwrap();
        for (row, (step, uniques)) in rows.iter().zip(list.iter().zip(expected)) {
            assert_eq!((&row["event"], &row["uniques"]), (&json!(step), &json!(uniques)), "{steps}");
        }
        for sent in [json!(steps), json!(list), json!(json!(list).to_string())] {
            let posted = posted(&server, &project, &sent);
            assert_eq!(posted.json(), read, "{sent}");
        }
    }
    let normalised =
        ask(&server, &project, &format!("/v1/funnel?{ALWAYS}&steps=signup,page:/thanks/%25c3%25bc"));
    assert_eq!(
        (&normalised["rows"][1]["uniques"], &normalised["rows"][1]["event"]),
        (&json!(1), &json!("page:/thanks/%c3%bc"))
    );
}

#[test]
fn a_step_that_is_an_object_has_conditions_of_its_own() {
    let (server, project) = shop();
    let free = json!([["is", "properties.plan", ["free"]]]);
    for (steps, events, expected) in [
        (json!([{ "page": "/pricing*" }, { "goal": "signup" }]), ["page:/pricing*", "goal:signup"], [2, 2]),
        (
            json!([{ "page": "/pricing*", "filters": [["ends_with", "path", ["/teams"]]] }, "goal:signup"]),
            ["page:/pricing*", "goal:signup"],
            [1, 1],
        ),
        (
            json!(["page:/pricing*", { "goal": "signup", "filters": free }]),
            ["page:/pricing*", "goal:signup"],
            [2, 1],
        ),
        (
            json!(["page:/pricing*", { "goal": "pro", "filters": free }]),
            ["page:/pricing*", "goal:pro"],
            [2, 0],
        ),
        (json!(["signup", { "event": "page:x" }]), ["signup", "page:x"], [3, 1]),
        (json!([{ "event": "signup" }, { "event": "page:/pricing" }]), ["signup", "page:/pricing"], [3, 1]),
        (json!([{ "event": "goal:signup" }, "signup"]), ["goal:signup", "signup"], [0, 0]),
    ] {
        let posted = posted(&server, &project, &steps);
        assert_eq!(posted.status, 200, "{steps}: {}", posted.text);
        let rows = posted.json()["rows"].clone();
        assert_eq!([&rows[0]["uniques"], &rows[1]["uniques"]], expected, "{steps}");
        assert_eq!([&rows[0]["event"], &rows[1]["event"]], events, "{steps}");
    }
}

#[test]
fn a_wrong_step_is_named_by_its_position() {
    let (server, project) = shop();
    let lists = "is not a goal: there are `pro`, `signup`, `thanks`; GET /v1/goals lists all";
    let near = "is not a goal: did you mean `signup`? GET /v1/goals lists all";
    let only = "takes only one of event, page and goal";
    for (steps, at, said) in [
        (json!("$pageview,goal:signups"), "steps[1]", near),
        (json!("goal:refund,$pageview"), "steps[0]", lists),
        (json!(["a", "goal:"]), "steps[1]", lists),
        (json!([{ "goal": "signups" }, "a"]), "steps[0].goal", near),
        (json!([{ "goal": 5 }, "a"]), "steps[0].goal", "must be the slug of a goal, like \"signup\""),
        (json!("page:,a"), "steps[0]", "the path after `page:` must be 1 to 512 characters long"),
        (
            json!(["a", "page:pricing"]),
            "steps[1]",
            "the path after `page:` must begin with `/`, or with `*` for any beginning, like /thank-you or */thank-you",
        ),
        (json!(["a", { "page": "" }]), "steps[1].page", "must be 1 to 512 characters long"),
        (json!(["a", { "page": null }]), "steps[1].page", "must be a path, like \"/pricing*\""),
        (json!(["a", { "page": "/a", "event": "b" }]), "steps[1]", only),
        (json!(["a", { "goal": "signup", "event": null }]), "steps[1]", only),
    ] {
        let response = posted(&server, &project, &steps);
        assert_eq!(response.error(), (400, "invalid_params".to_owned()), "{steps}: {}", response.text);
        assert_eq!(response.json()["details"]["fieldErrors"], json!({ (at): [said] }), "{steps}");
    }
    for steps in [vec!["goal:signup"; 9], vec!["goal:none"; 1000], vec!["page:/"; 1], vec![]] {
        for sent in [json!(steps), json!(steps.join(","))] {
            let response = posted(&server, &project, &sent);
            assert_eq!(response.error(), (400, "invalid_params".to_owned()));
            let problem = response.json()["details"]["fieldErrors"]["steps"][0].clone();
            assert!(problem.as_str().unwrap().starts_with("must be two to eight"), "{problem}");
        }
    }
    let eight = posted(&server, &project, &json!(vec!["goal:signup"; 8])).json();
    assert_eq!(eight["rows"].as_array().unwrap().len(), 8);
}

#[test]
fn the_goals_of_another_project_are_no_steps() {
    let (server, project) = shop();
    let other = server.project("Other", &[]);
    let response = posted(&server, &other, &json!("goal:signup,a"));
    assert_eq!(response.error(), (400, "invalid_params".to_owned()), "{}", response.text);
    let none = "is not a goal: there are none yet; create one with `millimetric goal create`";
    assert_eq!(response.json()["details"]["fieldErrors"], json!({ "steps[0]": [none] }));
    assert_eq!(posted(&server, &project, &json!("goal:signup,a")).status, 200);
}
