//! The overview: its numbers are those of the API, whatever it is narrowed to; its tables are
//! pages and files too.

use serde_json::{Value, json};

use super::browser::Browser;
use crate::support::{CHROME, Instance, Project, Server};

/// The days of the shop's events, as the page and as the API name them.
const DAYS: &str = "first=2026-05-14&last=2026-05-16";
const RANGE: &str = "from=2026-05-14&to=2026-05-17";

/// Three visitors from three sources on two days.
pub(super) fn shop(server: &Instance) -> Project {
    let project = server.default_project();
    let event = |id: &str,
                 time: &str,
                 visitor: &str,
                 name: &str,
                 path: &str,
                 referrer: &str,
                 properties: Value| {
        json!({ "event": name, "event_id": id, "timestamp": format!("2026-05-{time}:00Z"), "anonymous_id": visitor,
                "url": format!("https://shop.example{path}"), "referrer": referrer, "properties": properties,
                "context": { "user_agent": CHROME } })
    };
    let ad = "/sale?utm_source=facebook&utm_medium=cpc&utm_campaign=May";
    let events = json!({ "events": [
        event("e1", "15T08:00", "anna", "$pageview", ad, "", json!({})),
        event("e2", "15T08:10", "anna", "purchase", "/cart", "https://shop.example/sale", json!({ "plan": "pro" })),
        event("e3", "16T09:00", "ben", "$pageview", "/", "https://www.google.com/", json!({})),
        event("e4", "16T09:10", "ben", "$pageview", "/sale", "https://shop.example/", json!({})),
        event("e5", "16T10:00", "cleo", "$pageview", "/", "https://www.facebook.com/", json!({})),
        event("e6", "16T10:10", "cleo", "purchase", "/cart", "https://shop.example/", json!({ "plan": "free" })),
        event("e7", "16T11:00", "cleo", "purchase", "/cart", "https://shop.example/", json!({ "plan": "pro" })),
    ] });
    let response = server.post("/v1/batch", &project.sk, &events);
    assert_eq!(response.status, 202, "{}", response.text);
    project
}

/// The figures of the page, in their order.
fn figures(page: &str) -> Vec<String> {
    let tiles = page.split("<ul class=\"tiles\">").nth(1).unwrap().split("</ul>").next().unwrap();
    let values = tiles.split("<strong>").skip(1);
    values.map(|rest| rest.split("</strong>").next().unwrap().to_owned()).collect()
}

#[test]
fn the_figures_are_those_of_the_api_under_any_filter() {
    let server = Server::start();
    let project = shop(&server);
    let owner = Browser::of_owner(&server);
    let ask = |path: String| -> Value {
        let response = server.get(&path, &project.rk);
        assert_eq!(response.status, 200, "{}", response.text);
        response.json()["rows"][0].clone()
    };
    for filter in
        ["", "&source=facebook", "&medium=paid", "&path=/sale", "&country=", "&browser=chrome&os=windows"]
    {
        let page = owner.get(&format!("/projects/default?{DAYS}{filter}"));
        assert_eq!(page.status, 200, "{}", page.text);
        let visitors = ask(format!("/v1/stats?{RANGE}{filter}&metric=uniques"))["value"].to_string();
        let events = ask(format!("/v1/stats?{RANGE}{filter}"))["value"].to_string();
        let sessions = ask(format!("/v1/sessions?{RANGE}{filter}"));
        let bounces = format!("{:.1}%", sessions["bounce_rate"].as_f64().unwrap() * 100.0);
        let expected = [visitors, events, sessions["sessions"].to_string(), bounces];
        assert_eq!(figures(&page.text), expected, "{filter}");
    }
}

/// The rows of a file, without its head.
fn rows(text: &str) -> Vec<Vec<String>> {
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// The rows of a response as the texts of these columns.
fn texts(response: &Value, columns: &[&str]) -> Vec<Vec<String>> {
    let text =
        |value: &Value| value.as_str().map_or_else(|| value.to_string().replace("null", ""), str::to_owned);
    let rows = response["rows"].as_array().unwrap().iter();
    rows.map(|row| columns.iter().map(|column| text(&row[*column])).collect()).collect()
}

#[test]
fn each_table_is_a_file_with_the_numbers_of_the_api() {
    let server = Server::start();
    let project = shop(&server);
    let owner = Browser::of_owner(&server);
    let file = |name: &str| {
        let file = owner.get(&format!("/projects/default/csv/{name}?{DAYS}"));
        assert_eq!(
            (file.status, file.header("content-type")),
            (200, Some("text/csv; charset=utf-8; header=present"))
        );
        rows(&file.text)
    };
    let ask = |path: &str| {
        server
            .get(&format!("/v1/{path}{}{RANGE}", if path.contains('?') { '&' } else { '?' }), &project.rk)
            .json()
    };
    let pages = ["path", "views", "uniques", "entries", "exits", "bounces"];
    assert_eq!(file("pages"), texts(&ask("pages"), &pages));
    assert_eq!(file("events"), texts(&ask("events"), &["event_name", "count", "uniques"]));
    for (name, column) in [
        ("campaigns", "session_campaign"),
        ("countries", "country"),
        ("devices", "device_type"),
        ("browsers", "browser"),
        ("systems", "os"),
    ] {
        let response = ask(&format!("stats?metric=uniques&group_by={column}"));
        assert_eq!(file(name), texts(&response, &[column, "value"]), "{name}");
    }
    let without_confidence: Vec<Vec<String>> =
        file("sources").into_iter().map(|row| row[..4].to_vec()).collect();
    assert_eq!(
        without_confidence,
        texts(&ask("sources?attribution=session"), &["source", "medium", "uniques", "events"])
    );
    assert!(
        file("sources").contains(&["facebook", "paid", "1", "2", "2", "0", "0"].map(str::to_owned).to_vec())
    );
    assert_eq!(owner.get(&format!("/projects/default/csv/nothing?{DAYS}")).status, 404);
}

#[test]
fn a_file_holds_no_formula() {
    let server = Server::start();
    let project = server.default_project();
    server.track(&project.sk, json!({ "event": "=HYPERLINK(\"https://evil.example\")" }));
    let file = Browser::of_owner(&server).get("/projects/default/csv/events");
    assert!(file.text.contains("\r\n\"'=HYPERLINK(\"\"https://evil.example\"\")\",1,1\r\n"), "{}", file.text);
    assert!(
        file.header("content-disposition").unwrap().starts_with("attachment; filename=\"default-events-")
    );
}

#[test]
fn a_row_narrows_the_page_and_a_chip_widens_it_again() {
    let server = Server::start();
    shop(&server);
    let owner = Browser::of_owner(&server);
    let page = owner.get(&format!("/projects/default?{DAYS}")).text;
    let link = "/projects/default?first=2026-05-14&#38;last=2026-05-16&#38;session_source=facebook&#38;session_medium=paid";
    assert!(page.contains(&format!("<a href=\"{link}\">")), "{page}");
    let page = owner.get(&link.replace("&#38;", "&")).text;
    assert_eq!(figures(&page), ["1", "2", "1", "0.0%"]);
    assert!(page.contains("<a href=\"/projects/default?first=2026-05-14&#38;last=2026-05-16&#38;session_source=facebook\"><span class=\"soft\">Session medium</span>"), "{page}");
}

#[test]
fn an_event_opens_its_properties() {
    let server = Server::start();
    shop(&server);
    let owner = Browser::of_owner(&server);
    let page = owner.get(&format!("/projects/default?{DAYS}&event=purchase")).text;
    assert!(
        page.contains("Properties of <bdi>purchase</bdi>") && page.contains("&#38;property=plan"),
        "{page}"
    );
    let file = owner.get(&format!("/projects/default/csv/property?{DAYS}&event=purchase&property=plan"));
    assert_eq!(file.text, "properties.plan,events,visitors\r\npro,2,2\r\nfree,1,1\r\n");
    assert_eq!(owner.get(&format!("/projects/default/csv/property?{DAYS}")).status, 404);
}

#[test]
fn test_events_are_shown_apart() {
    let server = Server::start();
    let project = shop(&server);
    let (_, test) = server.create_key(&project, &["--kind", "sk", "--env", "test"]);
    server.track(&test, json!({ "event": "rehearsal", "timestamp": "2026-05-16T12:00:00Z" }));
    let owner = Browser::of_owner(&server);
    let events = |env: &str| owner.get(&format!("/projects/default/csv/events?{DAYS}&env={env}")).text;
    assert_eq!(events("test"), "event_name,events,visitors\r\nrehearsal,1,1\r\n");
    assert!(!events("live").contains("rehearsal"));
}

#[test]
fn a_table_has_a_page_with_all_of_its_rows() {
    let server = Server::start();
    let project = server.default_project();
    let events: Vec<Value> = (0..12).map(|n| json!({ "event": format!("event {n}") })).collect();
    assert_eq!(server.post("/v1/batch", &project.sk, &json!({ "events": events })).status, 202);
    let owner = Browser::of_owner(&server);
    let shown = |path: &str| owner.get(path).text.matches("<bdi>event ").count();
    assert_eq!(shown("/projects/default?env=live"), 10);
    assert_eq!(shown("/projects/default/tables/events"), 12);
}

#[test]
fn an_empty_project_says_what_to_do() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    assert!(owner.get("/projects/default").text.contains("No events yet"));
    shop(&server);
    let page = owner.get("/projects/default?first=2020-01-01&last=2020-01-02").text;
    assert!(page.contains("No events in this range"), "{page}");
}

#[test]
fn the_chart_follows_the_days_of_the_project_s_time_zone() {
    let server = Server::start();
    let project = shop(&server);
    let owner = Browser::of_owner(&server);
    let zone = [("name", "Default"), ("timezone", "America/New_York"), ("retention", "")];
    assert_eq!(owner.post("/projects/default/settings", &zone).status, 303);
    let file = owner.get(&format!("/projects/default/csv/time?{DAYS}&figure=events&compare=off")).text;
    assert_eq!(
        file,
        "time,events,before\r\n2026-05-14T04:00:00Z,0,\r\n2026-05-15T04:00:00Z,2,\r\n2026-05-16T04:00:00Z,5,\r\n"
    );
    let range = "from=2026-05-14T04:00:00Z&to=2026-05-17T04:00:00Z&timezone=America/New_York";
    let response = server.get(&format!("/v1/stats?{range}&interval=day"), &project.rk).json();
    assert_eq!(
        texts(&response, &["bucket", "value"]),
        [["2026-05-15T04:00:00Z", "2"], ["2026-05-16T04:00:00Z", "5"]]
    );
}

#[test]
fn the_page_and_the_file_hold_the_same_rows_in_the_same_order() {
    let server = Server::start();
    shop(&server);
    let owner = Browser::of_owner(&server);
    let page = owner.get(&format!("/projects/default?{DAYS}")).text;
    for name in ["pages", "entries", "exits", "sources", "events"] {
        let panel = page.split(&format!("id=\"{name}\"")).nth(1).unwrap().split("</section>").next().unwrap();
        let drawn = panel.split("<th scope=\"row\">").skip(1);
        let shown: Vec<&str> =
            drawn.map(|row| row.split("<bdi>").nth(1).unwrap().split('<').next().unwrap()).collect();
        let file = rows(&owner.get(&format!("/projects/default/csv/{name}?{DAYS}")).text);
        // The page has our own word for direct visits.
        let ours = |label| if name == "sources" && label == "direct" { "Direct" } else { label };
        let labels: Vec<&str> = file.iter().map(|row| ours(row[0].as_str())).collect();
        assert!(!shown.is_empty() && shown == labels, "{name}: {shown:?} and {labels:?}");
    }
}
