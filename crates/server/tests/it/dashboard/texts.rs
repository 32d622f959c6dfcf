//! Characters that nobody sees, in names and values of strangers and members: no page shows one
//! as it is, and what a field sends back stays exact.

use serde_json::json;

use super::browser::{Browser, EMAIL, PASSWORD, attribute};
use super::people::{account, invitation};
use crate::support::Server;

/// One of each kind: bidi controls, zero-width and filler characters, blank letters, selectors, tags.
const UNSEEN: &[char] = &[
    '\u{ad}',
    '\u{34f}',
    '\u{61c}',
    '\u{115f}',
    '\u{1160}',
    '\u{17b4}',
    '\u{180b}',
    '\u{180e}',
    '\u{180f}',
    '\u{200b}',
    '\u{200e}',
    '\u{2028}',
    '\u{202e}',
    '\u{2060}',
    '\u{2066}',
    '\u{206f}',
    '\u{2800}',
    '\u{3164}',
    '\u{fe00}',
    '\u{feff}',
    '\u{ffa0}',
    '\u{fff0}',
    '\u{fff9}',
    '\u{1bca0}',
    '\u{1d173}',
    '\u{e0001}',
    '\u{e0041}',
    '\u{e0100}',
    '\u{9b}',
];

/// A text with all of them in it, that ends with a word.
fn hostile(word: &str) -> String {
    let unseen: String = UNSEEN.iter().flat_map(|unseen| ['x', *unseen]).collect();
    format!("a{unseen}{word}")
}

/// A page without the values of its fields and the keys of its rows: those are sent back, and exact.
fn shown(page: &str) -> String {
    let mut rest = page;
    let mut shown = String::new();
    while let Some((before, after)) = [" value=\"", " data-id=\""]
        .iter()
        .filter_map(|begin| rest.split_once(begin))
        .min_by_key(|(before, _)| before.len())
    {
        shown += before;
        rest = after.split_once('"').unwrap().1;
    }
    shown + rest
}

#[track_caller]
fn assert_nothing_unseen(what: &str, page: &str) {
    let shown = shown(page);
    for unseen in UNSEEN {
        let place = shown.find(*unseen).unwrap_or_default();
        let around: String =
            shown[..place].chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
        assert!(!shown.contains(*unseen), "{what} shows {unseen:?} behind {around}");
    }
}

#[test]
fn no_page_shows_what_nobody_sees() {
    let server = Server::start();
    // A name has no control characters.
    let name: String = hostile("Shop").chars().filter(|c| !c.is_control()).collect();
    let project = server.project(&name, &["https://shop.example"]);
    server.create_key(&project, &["--kind", "sk", "--label", &name]);
    let (event, text) = (&hostile("event")[..], &hostile("text")[..]);
    server.track(
        &project.sk,
        json!({ "event": event, "event_id": text, "anonymous_id": text, "user_id": text, "session_id": text,
                "path": format!("/{text}"), "referrer": format!("https://evil.example/{text}"),
                "url": format!("https://shop.example/?utm_source={text}&utm_medium={text}&utm_campaign={text}"),
                "properties": { text: text, "title": text } }),
    );
    let owner = Browser::of_owner(&server);
    let guest = format!("b{}n@example.com", '\u{202e}');
    let link = invitation(&server, &owner, "viewer", &guest);
    let base = format!("/projects/{}", project.slug);
    let keys = owner.get(&format!("{base}/keys")).text;
    let key = attribute(&keys, &format!("href=\"{base}/keys/")).unwrap();
    let key = key.split('/').next().unwrap();
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let (event_query, text_query) = (encoded(event), encoded(text));
    let account = account(&owner);
    let mut paths = vec!["/".to_owned(), "/profile".to_owned(), link.clone()];
    paths.extend(["", "/usage", "/audit", "/keys", "/projects/new"].map(|page| format!("{account}{page}")));
    paths.extend(
        [
            "",
            "/live",
            "/funnels",
            "/retention",
            "/install",
            "/install/arrivals",
            "/keys",
            "/settings",
            "/share",
        ]
        .map(|page| format!("{base}{page}")),
    );
    paths.extend(
        ["sources", "pages", "entries", "exits", "campaigns", "events"].map(|t| format!("{base}/tables/{t}")),
    );
    paths.extend([
        format!("{base}?event={event_query}&property={text_query}"),
        format!("{base}?source={text_query}&medium={text_query}&campaign={text_query}&path=%2F{text_query}&country={text_query}"),
        format!("{base}?user_id={text_query}&anonymous_id={text_query}&session_id={text_query}"),
        format!("{base}/tables/property?event={event_query}&property={text_query}"),
        format!("{base}/funnels?step={event_query}&step={event_query}&group_by=path&window={text_query}"),
        format!("{base}/retention?begin={event_query}&back={text_query}"),
        format!("{base}/person?visitor={text_query}"),
        format!("{base}/person?user={text_query}"),
        format!("{base}/event?id={text_query}"),
        format!("{base}/keys/{key}/rotate"),
        format!("{base}/keys/{key}/revoke"),
    ]);
    for path in paths {
        let page = owner.get(&path);
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        assert!(page.text.contains("</") && page.text.len() > 200, "{path}");
        assert_nothing_unseen(&path, &page.text);
    }
    let asked = Browser::new(&server).get(&link);
    assert_nothing_unseen("the invitation as strangers see it", &asked.text);
    let refused = Browser::new(&server).sign_in(&hostile("@example.com"), PASSWORD);
    assert_eq!(refused.status, 422);
    assert_nothing_unseen("a refused sign-in", &refused.text);
    let zone = [("name", name.as_str()), ("timezone", &hostile("Mars")), ("retention", "")];
    let refused = owner.post(&format!("{base}/settings"), &zone);
    assert_eq!(refused.status, 422);
    assert_nothing_unseen("a refused setting", &refused.text);
}

#[test]
fn what_a_field_sends_is_exact() {
    let server = Server::start();
    let project = server.default_project();
    let event = hostile("<b>\"&'");
    server.track(&project.sk, json!({ "event": event }));
    let owner = Browser::of_owner(&server);
    let escaped = event.replace('&', "&#38;").replace('"', "&#34;").replace('\'', "&#39;");
    let escaped = escaped.replace('<', "&#60;").replace('>', "&#62;");
    for path in ["/projects/default/funnels", "/projects/default/retention"] {
        let page = owner.get(path).text;
        assert!(page.contains(&format!("<option value=\"{escaped}\"")), "{path}: {page}");
    }
    let typed = [("email", EMAIL), ("password", "wrong horse battery"), ("next", "/projects/default?a=%26b")];
    let again = Browser::new(&server).post("/sign-in", &typed).text;
    assert!(again.contains("name=\"next\" value=\"/projects/default?a=%26b\""), "{again}");
}

#[test]
fn texts_that_need_joiners_and_presentation_stay_readable() {
    let server = Server::start();
    let project = server.default_project();
    // Persian, Hindi, Sinhala, Malayalam; emoji that are joined or chosen by a selector.
    let texts = [
        "می\u{200c}خواهم",
        "क\u{94d}\u{200d}ष",
        "ශ\u{dca}\u{200d}රී",
        "അവന\u{d4d}\u{200d} അ",
        "👩\u{200d}👩\u{200d}👧",
        "❤\u{fe0f}\u{200d}🔥",
        "1\u{fe0f}\u{20e3} ©\u{fe0f}",
    ];
    for text in texts {
        server.track(&project.sk, json!({ "event": text }));
    }
    let page = Browser::of_owner(&server).get("/projects/default/tables/events").text;
    for text in texts {
        assert!(page.contains(&format!("<bdi>{text}</bdi>")), "{text}: {page}");
    }
}
