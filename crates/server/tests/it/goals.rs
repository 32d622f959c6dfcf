//! Goals: created by commands, listed by `GET /v1/goals`, and taken in place of `event` by every report.

use serde_json::{Value, json};

use crate::support::{ALWAYS, Instance, Project, Server, ask, command, server_with};

/// An event in May 2026.
fn event(visitor: &str, name: &str, at: &str, page: &str, properties: Value) -> Value {
    json!({ "event": name, "event_id": format!("{visitor}-{name}-{at}"), "anonymous_id": visitor,
        "timestamp": format!("2026-05-{at}:00Z"), "url": format!("https://shop.example{page}"),
        "properties": properties })
}

/// Anna comes by an ad, signs up and buys twice; Ben buys on another day; Cleo only looks.
fn visits() -> Vec<Value> {
    vec![
        event("anna", "$pageview", "04T10:00", "/?gclid=abc", json!({})),
        event("anna", "signup", "04T10:05", "/welcome", json!({ "plan": "pro" })),
        event("anna", "purchase", "04T10:10", "/cart", json!({ "amount": 80, "currency": "EUR" })),
        event("anna", "purchase", "05T10:10", "/cart", json!({ "amount": 9.5, "currency": "USD" })),
        event("ben", "$pageview", "05T11:00", "/pricing", json!({})),
        event("ben", "$pageview", "05T11:01", "/thanks/%C3%BC", json!({})),
        event("ben", "purchase", "05T11:02", "/thanks", json!({ "amount": 20 })),
        event("cleo", "$pageview", "05T12:00", "/", json!({})),
    ]
}

fn create(server: &Instance, project: &Project, slug: &str, parts: &[&str]) -> Value {
    let args = [&["goal", "create", slug, "--project", &project.slug], parts].concat();
    server.cli(&args)
}

/// The visits, and a goal of each kind.
fn shop() -> (Server, Project) {
    let (server, project) = server_with(&visits());
    create(&server, &project, "sale", &["--event", "purchase", "--value", "amount", "--currency", "eur"]);
    create(&server, &project, "signup", &["--event", "signup", "--name", "Signed up"]);
    create(&server, &project, "thanks", &["--page", "/thanks/*"]);
    let by_ad = r#"[["is","session_source",["google","bing"]]]"#;
    create(&server, &project, "ad-sale", &["--event", "purchase", "--filters", by_ad]);
    (server, project)
}

/// Standard error of a command that must fail.
fn failure(server: &Server, args: &[&str]) -> String {
    let output = command(&server.dir).args(args).output().unwrap();
    assert!(!output.status.success(), "{args:?} succeeded");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_goal_is_created_listed_changed_and_deleted() {
    let (server, project) = shop();
    let sale = json!({ "slug": "sale", "name": "sale", "event": "purchase",
        "value": { "property": "amount", "currency": "EUR" } });
    let signup = json!({ "slug": "signup", "name": "Signed up", "event": "signup" });
    let thanks = json!({ "slug": "thanks", "name": "thanks", "page": "/thanks/*" });
    let ad_sale = json!({ "slug": "ad-sale", "name": "ad-sale", "event": "purchase",
        "filters": [["is", "session_source", ["google", "bing"]]] });
    let all = json!([ad_sale, sale, signup, thanks]);
    assert_eq!(ask(&server, &project, "/v1/goals"), json!({ "goals": all }));
    assert_eq!(server.get("/v1/goals", &project.sk).json()["goals"], all);
    assert_eq!(server.cli(&["goal", "list", "--project", &project.slug]), all);

    let update = |slug: &str, parts: &[&str]| {
        server.cli(&[&["goal", "update", slug, "--project", &project.slug], parts].concat())
    };
    let changed = update("sale", &["--page", "/%c3%bc*", "--name", "Paid", "--no-currency"]);
    let expected =
        json!({ "slug": "sale", "name": "Paid", "page": "/ü*", "value": { "property": "amount" } });
    assert_eq!(changed, expected);
    assert_eq!(update("sale", &["--no-value"])["page"], "/ü*");
    assert_eq!(update("ad-sale", &["--filters", "[]"]).get("filters"), None);
    let deleted = server.cli(&["goal", "delete", "sale", "--project", &project.slug]);
    assert_eq!(deleted, json!({ "deleted": "sale" }));
    let slugs = ask(&server, &project, "/v1/goals");
    let slugs: Vec<_> = slugs["goals"].as_array().unwrap().iter().map(|goal| goal["slug"].clone()).collect();
    assert_eq!(slugs, ["ad-sale", "signup", "thanks"]);
    assert_eq!(server.get(&format!("/v1/stats?{ALWAYS}&goal=sale"), &project.rk).status, 400);
}

#[test]
fn a_command_says_what_is_wrong_with_a_goal() {
    let (server, project) = shop();
    let slug = project.slug.as_str();
    let of = ["--project", slug];
    for (args, sentence) in [
        (
            &["create", "sale", "--event", "a"][..],
            "the project has a goal `sale` already: choose another slug, or update that goal",
        ),
        (
            &["create", "Sale", "--event", "a"],
            "a goal's slug must have 1 to 63 lower-case letters, digits and dashes",
        ),
        (&["create", "new"], "pass --event or --page: what happens when the goal is reached"),
        (&["create", "new", "--event", "a", "--page", "/b"], "cannot be used with"),
        (
            &["create", "new", "--event", ""],
            "must be the name of an event, 1 to 128 characters long, like signup",
        ),
        (&["create", "new", "--page", "thanks"], "must begin with `/`, or with `*` for any beginning"),
        (&["create", "new", "--event", "a", "--currency", "EUR"], "--currency goes with --value"),
        (
            &["create", "new", "--event", "a", "--value", "b", "--currency", "XXX"],
            "expected a currency of ISO 4217, like EUR",
        ),
        (
            &["create", "new", "--event", "a", "--filters", r#"[["contain","path",["/"]]]"#],
            "filters[0][0] `contain` is not an operator: did you mean `contains`?",
        ),
        (
            &["update", "sales", "--name", "A"],
            "has no goal `sales`. Did you mean `sale`? See `millimetric goal list --project",
        ),
        (&["delete", "refund"], "has no goal `refund`. See `millimetric goal list --project"),
        (&["update", "signup", "--currency", "EUR"], "--currency goes with --value"),
    ] {
        let said = failure(&server, &[&["goal"], args, &of].concat());
        assert!(said.contains(sentence), "{args:?}: {said}");
    }
    let said = failure(&server, &["goal", "list", "--project", "nowhere"]);
    assert!(said.contains("there is no project `nowhere`; see `millimetric project list`"), "{said}");
    let listed = command(&server.dir).args(["goal", "list", "--project", slug]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let sale = listed.lines().find(|line| line.starts_with("sale\t")).unwrap();
    assert_eq!(sale, "sale\tevent purchase\tamount in EUR\t-\tsale");
    for number in 4..100 {
        create(&server, &project, &format!("goal-{number}"), &["--event", "a"]);
    }
    let said = failure(&server, &["goal", "create", "new", "--event", "a", "--project", slug]);
    assert!(said.contains("a project has at most 100 goals: delete one first"), "{said}");
}

#[test]
fn a_goal_is_taken_wherever_an_event_is() {
    let (server, project) = shop();
    for flushed in [false, true] {
        if flushed {
            server.flush();
        }
        for path in [
            "/v1/stats?group_by=session_source",
            "/v1/stats?metric=uniques&interval=day",
            "/v1/stats?metric=sum&property=other",
            "/v1/stats?metric=avg&property=other&group_by=path",
            "/v1/sources?attribution=session",
            "/v1/query?limit=2",
            "/v1/export?format=csv",
            "/v1/schema?kind=values&property=amount",
        ] {
            let by = |what: &str| server.get(&format!("{path}&{ALWAYS}&{what}"), &project.rk);
            let (event, goal) = (by("event=purchase"), by("goal=sale"));
            assert_eq!((event.status, goal.status), (200, 200), "{path}: {}", goal.text);
            assert_eq!(event.text, goal.text, "{path}");
        }
        let range = "from=2026-05-01&to=2026-05-31&interval=day";
        let retention = |what: &str| ask(&server, &project, &format!("/v1/retention?{range}&{what}"));
        assert_eq!(retention("goal=sale"), retention("event=purchase"));
        let thanks = retention("goal=thanks&return_event=purchase");
        assert_eq!(thanks["rows"][0]["visitors"], 1, "{thanks}");

        let stats = |goal: &str| {
            ask(&server, &project, &format!("/v1/stats?{ALWAYS}&goal={goal}"))["rows"][0]["value"].clone()
        };
        assert_eq!(
            ["sale", "ad-sale", "thanks", "signup"].map(stats),
            [json!(3), json!(1), json!(1), json!(1)]
        );
        let views = ask(&server, &project, &format!("/v1/query?{ALWAYS}&goal=thanks"));
        assert_eq!(views["rows"].as_array().unwrap().len(), 1);
        assert_eq!(views["rows"][0]["path"], "/thanks/ü");
        let export = server.get(&format!("/v1/export?{ALWAYS}&goal=ad-sale"), &project.rk);
        assert_eq!(export.text.lines().count(), 1, "{}", export.text);
        let filtered = ask(&server, &project, &format!("/v1/stats?{ALWAYS}&goal=sale&anonymous_id=ben"));
        assert_eq!(filtered["rows"][0]["value"], 1, "filters hold too");
    }
}

#[test]
fn conversions_and_their_rates_come_by_group_and_over_time() {
    let (server, project) = shop();
    for flushed in [false, true] {
        if flushed {
            server.flush();
        }
        let stats = |query: &str| ask(&server, &project, &format!("/v1/stats?{ALWAYS}&{query}"));
        assert_eq!(
            stats("metric=conversions&goal=sale"),
            json!({ "metric": "conversions", "rows": [{ "value": 3 }] })
        );
        let rate = |query: &str| stats(&format!("metric=conversion_rate&{query}"))["rows"].clone();
        assert_eq!(stats("metric=conversion_rate&goal=sale")["metric"], "conversion_rate");
        assert_eq!(rate("goal=sale"), json!([{ "value": 2.0 / 3.0 }]));
        assert_eq!(rate("goal=thanks"), json!([{ "value": 1.0 / 3.0 }]));
        assert_eq!(rate("goal=sale&anonymous_id=cleo"), json!([{ "value": 0.0 }]));
        assert_eq!(rate("goal=sale&anonymous_id=nobody"), json!([{ "value": 0.0 }]));
        assert_eq!(
            rate("goal=sale&interval=day"),
            json!([{ "bucket": "2026-05-04T00:00:00Z", "value": 1.0 },
                { "bucket": "2026-05-05T00:00:00Z", "value": 2.0 / 3.0 }])
        );
        assert_eq!(
            rate("goal=signup&interval=day"),
            json!([{ "bucket": "2026-05-04T00:00:00Z", "value": 1.0 },
                { "bucket": "2026-05-05T00:00:00Z", "value": 0.0 }]),
            "days on which nobody converts appear"
        );
        // Anna's second visit is direct.
        assert_eq!(
            rate("goal=sale&group_by=session_source"),
            json!([{ "session_source": "google", "value": 1.0 }, { "session_source": "direct", "value": 2.0 / 3.0 }])
        );
        assert_eq!(
            rate("goal=sale&group_by=path&limit=3"),
            json!([{ "path": "/cart", "value": 1.0 }, { "path": "/thanks", "value": 1.0 }, { "path": "/", "value": 0.0 }])
        );
        assert_eq!(stats("metric=conversion_rate&goal=sale&group_by=path&limit=3")["truncated"], true);
        assert_eq!(
            stats("metric=conversions&goal=sale&group_by=path")["rows"],
            json!([{ "path": "/cart", "value": 2 }, { "path": "/thanks", "value": 1 }])
        );
    }
}

#[test]
fn the_value_of_a_goal_is_its_money_in_each_currency() {
    let (server, project) = shop();
    let attribution =
        |query: &str| ask(&server, &project, &format!("/v1/attribution?{ALWAYS}&models=last&{query}"));
    let by_goal = attribution("goal=sale");
    assert_eq!((&by_goal["goal"], by_goal.get("event")), (&json!("sale"), None));
    assert_eq!(by_goal["conversions"], 3);
    assert_eq!(
        by_goal["currencies"],
        json!([{ "currency": "EUR", "conversions": 2, "value": 100.0 }, { "currency": "USD", "conversions": 1, "value": 9.5 }])
    );
    assert_eq!(by_goal.get("value"), None, "amounts in two currencies are not added up");
    let same = attribution("goal=sale&value=amount");
    assert_eq!(same, by_goal, "the property of the goal has its currency");
    let by_event = attribution("event=purchase&value=amount");
    assert_eq!((&by_event["event"], by_event.get("goal")), (&json!("purchase"), None));
    assert_eq!(
        by_event["currencies"][0],
        json!({ "currency": null, "conversions": 1, "value": 20.0 }),
        "an event alone has no currency of its own"
    );
    let other = attribution("goal=sale&value=other");
    assert_eq!(other["currencies"][0], json!({ "currency": null, "conversions": 1, "value": 0.0 }));
    let plain = attribution("goal=ad-sale");
    assert_eq!((plain.get("value"), plain.get("currencies")), (None, None), "a goal without a value");
    assert_eq!(plain["conversions"], 1);

    let paths = ask(&server, &project, &format!("/v1/attribution/paths?{ALWAYS}&goal=sale&anonymous_id=ben"));
    assert_eq!((&paths["goal"], paths.get("event")), (&json!("sale"), None));
    assert_eq!((&paths["rows"][0]["currency"], &paths["rows"][0]["value"]), (&json!("EUR"), &json!(20.0)));
}

#[test]
fn sums_of_money_are_split_by_currency() {
    let (server, project) = shop();
    let stats = |query: &str| ask(&server, &project, &format!("/v1/stats?{ALWAYS}&goal=sale&{query}"));
    let eur_and_usd = |eur: f64, usd: f64| json!([{ "currency": "EUR", "value": eur }, { "currency": "USD", "value": usd }]);
    assert_eq!(stats("metric=sum")["rows"], eur_and_usd(100.0, 9.5));
    assert_eq!(stats("metric=sum&property=amount")["rows"], eur_and_usd(100.0, 9.5));
    assert_eq!(stats("metric=avg")["rows"], eur_and_usd(50.0, 9.5));
    assert_eq!(
        stats("metric=sum&group_by=session_source")["rows"],
        json!([{ "session_source": "google", "currency": "EUR", "value": 80.0 },
            { "session_source": "direct", "currency": "EUR", "value": 20.0 },
            { "session_source": "direct", "currency": "USD", "value": 9.5 }])
    );
    assert_eq!(stats("metric=sum&property=other")["rows"], json!([{ "value": 0.0 }]), "not the goal's value");
    assert_eq!(stats("metric=count")["rows"], json!([{ "value": 3 }]), "no amounts");
    let four = "metric=sum&group_by=source,medium,country,os";
    let refused = server.get(&format!("/v1/stats?{ALWAYS}&goal=sale&{four}"), &project.rk);
    assert_eq!(refused.error(), (400, "invalid_params".to_owned()));
    let said = &refused.json()["details"]["fieldErrors"]["group_by"][0];
    assert_eq!(*said, "takes at most 3 columns here, since the value of a goal is split by currency");
}

#[test]
fn what_is_wrong_with_a_goal_is_said_by_name() {
    let (server, project) = shop();
    let none = server.project("None", &[]);
    let closest = "is not a goal: did you mean `signup`? GET /v1/goals lists all";
    let both = "goes without `event`: send one of the two";
    let needed = "is required for metric=conversions: the slug of a goal, such as signup";
    let rate_needs = "is required for metric=conversion_rate: the slug of a goal, such as signup";
    for (path, field, sentence) in [
        ("/v1/stats?goal=signups", "goal", closest),
        ("/v1/sources?goal=signups", "goal", closest),
        ("/v1/query?goal=signups", "goal", closest),
        ("/v1/export?goal=signups", "goal", closest),
        ("/v1/attribution?goal=signups", "goal", closest),
        ("/v1/attribution/paths?goal=signups", "goal", closest),
        ("/v1/schema?kind=values&property=os&goal=signups", "goal", closest),
        ("/v1/stats?goal=SIGNUP", "goal", closest),
        (
            "/v1/stats?goal=refund",
            "goal",
            "is not a goal: there are `ad-sale`, `sale`, `signup`, `thanks`; GET /v1/goals lists all",
        ),
        ("/v1/stats?goal=sale&event=purchase", "goal", both),
        ("/v1/attribution?goal=sale&event=purchase", "goal", both),
        ("/v1/stats?metric=conversions", "goal", needed),
        ("/v1/stats?metric=conversions&event=purchase", "goal", needed),
        ("/v1/stats?metric=conversion_rate", "goal", rate_needs),
        (
            "/v1/stats?metric=conversions&goal=sale&property=amount",
            "property",
            "goes with metric=sum, avg, min, max, median or p95",
        ),
        (
            "/v1/stats?metric=rate&goal=sale",
            "metric",
            "must be count, uniques, conversions, conversion_rate, sum, avg, min, max, median or p95",
        ),
        ("/v1/schema?goal=sale", "goal", "goes with kind=values"),
        (
            "/v1/attribution?lookback=1d",
            "event",
            "is required: the event that is a conversion, like purchase; or send a `goal`",
        ),
    ] {
        let response = server.get(&format!("{path}&{ALWAYS}"), &project.rk);
        assert_eq!((response.status, &response.json()["error"]), (400, &json!("invalid_params")), "{path}");
        assert_eq!(
            response.json()["details"],
            json!({ "fieldErrors": { (field): [sentence] }, "formErrors": [] }),
            "{path}"
        );
    }
    let response = server.get(&format!("/v1/stats?{ALWAYS}&goal=signup"), &none.rk).json();
    assert_eq!(
        response["details"]["fieldErrors"]["goal"],
        json!(["is not a goal: there are none yet; create one with `millimetric goal create`"])
    );
    for path in ["/v1/funnel?steps=a,b&goal=sale", "/v1/sessions?goal=sale", "/v1/stats?goal=sale&goal=sale"]
    {
        let response = server.get(&format!("{path}&{ALWAYS}"), &project.rk).json();
        let form = response["details"]["formErrors"][0].as_str().unwrap();
        assert!(form.contains("field `goal`"), "{path}: {form}");
    }
    assert_eq!(server.get("/v1/goals?slug=sale", &project.rk).error(), (400, "invalid_params".to_owned()));
    assert_eq!(server.get("/v1/goals", &project.pk).error(), (403, "insufficient_scope".to_owned()));
    assert_eq!(server.get("/v1/goals", "").status, 401);
}

#[test]
fn no_slug_of_a_stranger_breaks_or_lengthens_a_response() {
    let (server, project) = shop();
    for number in 4..100 {
        create(&server, &project, &format!("{number}-{}", "a".repeat(60)), &["--event", "a"]);
    }
    let long = "a".repeat(5000);
    for slug in [
        "",
        "%00",
        "%ff%fe",
        "%E2%80%AE",
        "'--",
        "a%20b",
        "../..",
        "%25",
        "goal%5B%5D",
        "*",
        "-",
        &long,
        &"%F0%9F%9A%80".repeat(500),
    ] {
        for route in ["stats", "attribution", "query", "export", "retention"] {
            let path = format!("/v1/{route}?from=2026-05-01&to=2026-05-31&goal={slug}");
            let response = server.get(&path, &project.rk);
            assert_eq!(response.error(), (400, "invalid_params".to_owned()), "{path}");
            assert!(response.text.len() < 1000, "{path}: {}", response.text);
            let said = response.json()["details"]["fieldErrors"]["goal"][0].as_str().unwrap().to_owned();
            assert!(
                said.starts_with("is not a goal: ") && said.ends_with("GET /v1/goals lists all"),
                "{said}"
            );
        }
    }
}

#[test]
fn goals_of_one_project_are_nothing_in_another_and_count_each_env_alone() {
    let (server, mine) = shop();
    let other = server.project("Other", &[]);
    create(&server, &other, "sale", &["--event", "other"]);
    create(&server, &other, "secret", &["--event", "hidden"]);
    server.track(&other.sk, json!({ "event": "other", "timestamp": "2026-05-04T10:00:00Z" }));
    let value = |key: &str, goal: &str| {
        let response = server.get(&format!("/v1/stats?{ALWAYS}&goal={goal}"), key);
        assert_eq!(response.status, 200, "{}", response.text);
        response.json()["rows"][0]["value"].clone()
    };
    assert_eq!((value(&mine.rk, "sale"), value(&other.rk, "sale")), (json!(3), json!(1)));
    for text in [
        server.get("/v1/goals", &mine.rk).text,
        server.get(&format!("/v1/stats?{ALWAYS}&goal=secret"), &mine.rk).text,
        server.get(&format!("/v1/stats?{ALWAYS}&goal=secrets"), &mine.rk).text,
        server.get("/v1/schema?kind=goals&limit=1000", &mine.rk).text,
    ] {
        assert!(!text.contains("secret") && !text.contains("hidden"), "{text}");
    }
    // Goals are the project's; events of each env are counted alone.
    let (_, test_reader) = server.create_key(&mine, &["--kind", "rk", "--env", "test"]);
    let (_, test_sender) = server.create_key(&mine, &["--kind", "sk", "--env", "test"]);
    assert_eq!(server.get("/v1/goals", &test_reader).json(), server.get("/v1/goals", &mine.rk).json());
    assert_eq!(value(&test_reader, "sale"), json!(0));
    server.track(&test_sender, event("dora", "purchase", "04T10:00", "/", json!({})));
    assert_eq!((value(&test_reader, "sale"), value(&mine.rk, "sale")), (json!(1), json!(3)));
}

#[test]
fn the_schema_tells_the_goals() {
    let (server, project) = shop();
    let listed = ask(&server, &project, "/v1/schema?kind=goals");
    assert_eq!(
        (&listed["kind"], &listed["rows"]),
        (&json!("goals"), &ask(&server, &project, "/v1/goals")["goals"])
    );
    let found = ask(&server, &project, "/v1/schema?kind=goals&search=SIGNED");
    assert_eq!(found["rows"], json!([{ "slug": "signup", "name": "Signed up", "event": "signup" }]));
    let cut = ask(&server, &project, "/v1/schema?kind=goals&limit=1");
    assert_eq!((cut["rows"].as_array().unwrap().len(), &cut["truncated"]), (1, &json!(true)));
}
