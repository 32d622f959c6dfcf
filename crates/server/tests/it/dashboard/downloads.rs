//! Tables as files: no cell begins a formula, whatever stands before its sign, and no text from outside
//! gets into the name of a file.

use serde_json::json;

use super::browser::Browser;
use crate::support::Server;

#[test]
fn no_cell_of_a_download_begins_a_formula() {
    let server = Server::start();
    let project = server.default_project();
    let blanks = [
        "",
        " ",
        "\t",
        "\r",
        "\n",
        "\r\n ",
        "\u{b}",
        "\u{c}",
        "\u{a0}",
        "\u{1680}",
        "\u{2003}",
        "\u{2028}",
        "\u{2029}",
        "\u{202f}",
        "\u{205f}",
        "\u{3000}",
        "\u{85}",
        "\u{feff}",
        "\u{200b}",
        "\u{200d}",
        "\u{202e}",
        "\u{ad}",
        "\u{2800}",
        "\u{3164}",
        "\u{e0020}",
        "\u{7f}",
        "\u{9b}",
        " \u{feff}\u{a0}\t",
    ];
    let signs = ["=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫"];
    let cells: Vec<String> =
        blanks.iter().flat_map(|blank| signs.iter().map(move |sign| format!("{blank}{sign}cmd|x"))).collect();
    let events: Vec<_> = cells
        .iter()
        .map(|cell| json!({ "event": "e", "anonymous_id": "v", "properties": { "p": cell } }))
        .collect();
    let sent = server.post("/v1/batch", &project.sk, &json!({ "events": events }));
    assert_eq!(sent.status, 202, "{}", sent.text);
    let owner = Browser::of_owner(&server);
    let file = owner.get("/projects/default/csv/property?event=e&property=p");
    assert_eq!(file.status, 200);
    let mut reader = csv::Reader::from_reader(file.text.as_bytes());
    let found: Vec<String> = reader.records().map(|row| row.unwrap()[0].to_owned()).collect();
    for cell in &cells {
        assert!(found.contains(&format!("'{cell}")), "{cell:?} stands without an apostrophe: {found:?}");
    }
    assert_eq!(found.len(), cells.len());
    // An export is for programs: it has what was sent, to the letter.
    let export = server.get(&format!("/v1/export?format=csv&{}", crate::support::ALWAYS), &project.sk).text;
    let mut reader = csv::Reader::from_reader(export.as_bytes());
    let at = reader.headers().unwrap().iter().position(|name| name == "properties").unwrap();
    let exported: Vec<serde_json::Value> =
        reader.records().map(|row| serde_json::from_str(&row.unwrap()[at]).unwrap()).collect();
    for cell in &cells {
        assert!(exported.contains(&json!({ "p": cell })), "{cell:?}");
    }
}

#[test]
fn names_of_downloads_are_made_of_our_own_letters() {
    let server = Server::start();
    let owner = Browser::of_owner(&server);
    for name in ["sources", "time"] {
        let file = owner.get(&format!("/projects/default/csv/{name}?source=%22%0d%0aX-Injected:%20y"));
        assert_eq!((file.status, file.header("x-injected")), (200, None));
        let disposition = file.header("content-disposition").unwrap();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let named = disposition.strip_prefix("attachment; filename=\"").unwrap().strip_suffix('"').unwrap();
        assert!(named.starts_with("default-") && named.chars().all(plain), "{disposition}");
    }
    assert_eq!(owner.get("/projects/default/csv/%22%0d%0aX:y").status, 404);
}
