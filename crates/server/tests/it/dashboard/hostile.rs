//! Texts of strangers on the pages: whatever they hold, they are text.

use serde_json::json;

use super::browser::Browser;
use crate::support::Server;

const SCRIPT: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
const TURNED: &str = "a\u{202e}gpj.exe\u{2066}\u{200b}";

#[test]
fn markup_and_marks_of_direction_are_shown_as_text() {
    let server = Server::start();
    let project = server.default_project();
    let long = "x".repeat(8000);
    for (id, text) in [("1", SCRIPT), ("2", TURNED)] {
        server.track(
            &project.sk,
            json!({ "event": text, "event_id": format!("{id}{text}"), "anonymous_id": text, "user_id": text,
                    "session_id": text, "path": format!("/{text}"), "referrer": format!("https://evil.example/{text}"),
                    "url": format!("https://shop.example/?utm_source={text}&utm_medium={text}&utm_campaign={text}"),
                    "properties": { text: text, "title": text } }),
        );
    }
    server.track(
        &project.sk,
        json!({ "event": "long", "path": format!("/{}", &long[..2000]), "properties": { "title": long } }),
    );
    let owner = Browser::of_owner(&server);
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let (script, turned) = (encoded(SCRIPT), encoded(TURNED));
    let mut paths = vec![
        "/projects/default".to_owned(),
        "/projects/default/live".to_owned(),
        "/projects/default/funnels".to_owned(),
        "/projects/default/retention".to_owned(),
        "/projects/default/tables/pages".to_owned(),
        "/projects/default?event=long&property=title".to_owned(),
    ];
    for text in [&script, &turned] {
        paths.extend([
            format!("/projects/default?event={text}&property={text}"),
            format!(
                "/projects/default?source={text}&path=%2F{text}&campaign={text}&country={text}&user_id={text}"
            ),
            format!("/projects/default/tables/property?event={text}&property={text}"),
            format!("/projects/default/person?visitor={text}"),
            format!("/projects/default/person?user={text}"),
            format!("/projects/default/funnels?step={text}&step={text}&group_by=path&window={text}"),
            format!("/projects/default/retention?begin={text}&back={text}"),
            format!("/projects/default/event?id={}", encoded(&format!("1{SCRIPT}"))),
        ]);
    }
    for path in paths {
        let page = owner.get(&path);
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        assert!(!page.text.contains("<script>alert") && !page.text.contains("<img src=x"), "{path}");
        // What a field sends, or a link leads to, is exact; what is read is not.
        let read: String =
            page.text.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
        for bad in ['\u{202e}', '\u{2066}', '\u{200b}'] {
            assert!(!read.contains(bad), "{path} shows {bad:?}");
        }
        let longest = page.text.split(|c: char| c != 'x').map(str::len).max();
        assert!(longest < Some(9000), "{path}");
    }
}

#[test]
fn a_long_text_is_cut_and_the_whole_is_at_hand() {
    let server = Server::start();
    let project = server.default_project();
    let (path, title) = (format!("/{}", "p".repeat(2000)), "t".repeat(8000));
    server.track(
        &project.sk,
        json!({ "event": "$pageview", "anonymous_id": "anna", "path": path, "properties": { "title": title } }),
    );
    let owner = Browser::of_owner(&server);
    let page = owner.get("/projects/default").text;
    let cut = format!(">{}…</bdi>", &path[..90]);
    assert!(page.contains(&cut) && page.contains(&format!("<bdi title=\"{path}\"")), "{page}");
    let person = owner.get("/projects/default/person?visitor=anna").text;
    assert!(person.contains(&title), "the properties are whole");
}

#[test]
fn the_stream_is_as_harmless_as_the_pages() {
    let server = Server::start();
    let project = server.default_project();
    let text = format!("{SCRIPT}\n\ndata: x\r\nevent: y{TURNED}");
    server.track(&project.sk, json!({ "event": text, "properties": { "title": text } }));
    let page = Browser::of_owner(&server).get("/projects/default/live").text;
    assert!(!page.contains("<img src=x") && page.contains("␊␊data: x␍␊event: y"), "{page}");
}
