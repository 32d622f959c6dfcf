//! Funnels, retention, and the page of one person: the API's numbers, under any state of the
//! address.

use serde_json::json;

use super::browser::Browser;
use super::overview::shop;
use crate::support::Server;

const DAYS: &str = "first=2026-05-14&last=2026-05-16";
const RANGE: &str = "from=2026-05-14&to=2026-05-17";

#[test]
fn a_funnel_is_built_by_picking_events_and_tells_the_numbers_of_the_api() {
    let server = Server::start();
    let project = shop(&server);
    let owner = Browser::of_owner(&server);
    let empty = owner.get(&format!("/projects/default/funnels?{DAYS}")).text;
    assert!(empty.contains("<option value=\"purchase\">purchase</option>"), "{empty}");
    assert!(empty.contains("Select two to eight events"));
    for (more, api) in [
        ("", ""),
        ("&source=facebook&medium=social", "&source=facebook&medium=social"),
        ("&order=any&window=1h", "&order=any&window=1h"),
    ] {
        let page = owner
            .get(&format!("/projects/default/funnels?{DAYS}&step=%24pageview&step=purchase&step={more}"));
        let response =
            server.get(&format!("/v1/funnel?{RANGE}&steps=$pageview,purchase{api}"), &project.rk).json();
        let steps = response["rows"].as_array().unwrap();
        let words =
            format!("{} of {} visitors completed the funnel", steps[1]["uniques"], steps[0]["uniques"]);
        assert!(page.text.contains(&words), "{more}: {words}\n{}", page.text);
    }
    let file = owner
        .get(&format!("/projects/default/funnels/csv?{DAYS}&step=%24pageview&step=purchase&group_by=source"));
    let lines: Vec<&str> = file.text.lines().collect();
    assert_eq!(lines[0], "step,event,visitors,median_seconds_from_previous,source");
    assert!(
        lines.contains(&"2,purchase,1,600,facebook") || lines.contains(&"2,purchase,2,600,facebook"),
        "{lines:?}"
    );
}

#[test]
fn a_funnel_of_one_step_or_nine_is_none() {
    let server = Server::start();
    shop(&server);
    let owner = Browser::of_owner(&server);
    let page = |steps: usize| {
        owner.get(&format!("/projects/default/funnels?{}", "step=purchase&".repeat(steps))).text
    };
    assert!(page(1).contains("Select at least one more event"));
    assert_eq!(page(9).matches("selected>purchase").count(), 8);
    assert_eq!(owner.get("/projects/default/funnels/csv?step=purchase").status, 404);
}

#[test]
fn the_retention_grid_tells_the_numbers_of_the_api() {
    let server = Server::start();
    let project = shop(&server);
    let owner = Browser::of_owner(&server);
    for (more, api) in
        [("", ""), ("&begin=%24pageview&back=purchase", "&event=$pageview&return_event=purchase")]
    {
        let response = server.get(&format!("/v1/retention?{RANGE}&interval=day{api}"), &project.rk).json();
        let mut expected = vec!["cohort,visitors,period,returned\r\n".to_owned()];
        for cohort in response["rows"].as_array().unwrap() {
            for (period, returned) in cohort["returned"].as_array().unwrap().iter().enumerate() {
                let day = &cohort["cohort"].as_str().unwrap()[..10];
                expected.push(format!("{day},{},{period},{returned}\r\n", cohort["visitors"]));
            }
        }
        let file = owner.get(&format!("/projects/default/retention/csv?{DAYS}{more}"));
        assert_eq!(file.text, expected.concat(), "{more}");
        let page = owner.get(&format!("/projects/default/retention?{DAYS}{more}"));
        assert!(page.text.contains("Retention by day"), "{}", page.text);
    }
    assert!(owner.get("/projects/default/retention?first=2000-01-01&last=2026-05-16").status == 200);
}

#[test]
fn a_person_has_a_page_with_their_events_in_order() {
    let server = Server::start();
    let project = server.default_project();
    let events: Vec<_> = (0..130)
        .map(|n| json!({ "event": format!("step {n:03}"), "anonymous_id": "anna / ü", "user_id": "u&1",
                         "timestamp": format!("2026-05-16T10:{:02}:{:02}Z", n / 60, n % 60), "properties": { "n": n } }))
        .collect();
    assert_eq!(server.post("/v1/batch", &project.sk, &json!({ "events": events })).status, 202);
    let owner = Browser::of_owner(&server);
    for link in ["visitor=anna+%2F+%C3%BC", "user=u%261"] {
        let page = owner.get(&format!("/projects/default/person?{link}")).text;
        assert!(page.contains("130, on 1 day"), "{page}");
        let places: Vec<usize> =
            ["step 129", "step 030"].iter().map(|name| page.find(name).unwrap()).collect();
        assert!(places.is_sorted() && !page.contains("step 029"), "the newest hundred, newest first");
        assert!(page.contains("{&#34;n&#34;:129}"), "with their properties");
        let older =
            page.split("<a class=\"button quiet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
        let older = owner.get(&older.replace("&#38;", "&")).text;
        assert!(older.contains("step 029") && older.contains("step 000") && !older.contains("step 030"));
    }
    assert_eq!(owner.get("/projects/default/person?visitor=nobody").status, 404);
    assert_eq!(owner.get("/projects/default/person").status, 404);
}
