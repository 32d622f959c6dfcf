//! What docs/scaling.md says of the code: settings of ClickHouse with their values, metrics, log lines. And the
//! examples in `deploy/` use variables that exist.

use std::collections::{BTreeMap, BTreeSet};

use millimetric_events_clickhouse::schema;

use super::{Page, pages};

const DOCUMENT: &str = "docs/scaling.md";
/// The settings of requests.
const CLIENT: &str = "crates/events-clickhouse/src/client/";
/// The file there whose pairs are parts of a form, and no settings.
const FORM: &str = "crates/events-clickhouse/src/client/table.rs";

fn text_of<'a>(pages: &'a [Page], path: &str) -> &'a str {
    let page = pages.iter().find(|page| page.path == path);
    page.map_or_else(|| panic!("there is no {path}"), |page| page.text.as_str())
}

/// The cells of the rows below a heading, up to the next one.
fn rows(document: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, rest) = document.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let section = rest.split("\n#").next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with("| `"));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let rows: Vec<_> = lines.map(cells).collect();
    assert!(!rows.is_empty(), "no rows below {heading}");
    rows
}

/// What stands between backticks, if all of the cell does.
fn code(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`')
}

/// The settings of requests, and those values that are constant.
fn settings_of_requests(pages: &[Page]) -> BTreeMap<String, Option<String>> {
    let mut settings = BTreeMap::new();
    for page in pages.iter().filter(|page| page.path.starts_with(CLIENT) && page.path != FORM) {
        let compact = page.text.replace(".with_setting(", "(");
        for piece in compact.split("(\"").skip(1) {
            let Some((name, rest)) = piece.split_once("\", ") else { continue };
            let is_name =
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if is_name {
                let value =
                    rest.strip_prefix('"').and_then(|rest| rest.split_once("\")")).map(|(value, _)| value);
                let value = value.map(str::to_owned);
                // Of a setting with several values, none is the value.
                let known = settings.entry(name.to_owned()).or_insert_with(|| value.clone());
                if *known != value {
                    *known = None;
                }
            }
        }
    }
    settings
}

/// The settings of the tables.
fn settings_of_tables() -> BTreeMap<String, Option<String>> {
    let statements = [schema::statements(None), schema::statements(Some("main"))].concat();
    let lists =
        statements.iter().filter_map(|statement| statement.split_once("SETTINGS ")).map(|(_, list)| list);
    let settings = lists.flat_map(|list| list.split(',')).filter_map(|setting| setting.split_once('='));
    settings
        .map(|(name, value)| (name.trim().to_owned(), Some(value.trim().trim_matches('\'').to_owned())))
        .collect()
}

#[test]
fn every_setting_that_the_store_sets_is_documented_with_its_value() {
    let pages = pages();
    let document = text_of(&pages, DOCUMENT);
    for (heading, expected) in
        [("### Of each request", settings_of_requests(&pages)), ("### Of the tables", settings_of_tables())]
    {
        let documented: BTreeMap<String, Option<String>> = rows(document, heading)
            .into_iter()
            .map(|row| {
                let value = code(&row[1]).map(|value| value.trim_matches('\'').to_owned());
                (code(&row[0]).unwrap_or(&row[0]).to_owned(), value)
            })
            .collect();
        assert_eq!(documented, expected, "{DOCUMENT}, {heading}, on the left");
    }
}

#[test]
fn every_metric_and_log_line_of_the_page_exists() {
    let pages = pages();
    let document = text_of(&pages, DOCUMENT);
    let sources: String = pages
        .iter()
        .filter(|page| page.is_rust() && page.path.starts_with("crates/") && page.path.contains("/src/"))
        .map(|page| page.text.as_str())
        .collect();
    for row in rows(document, "### Metrics") {
        let name = code(&row[0]).unwrap_or(&row[0]);
        let name = name.split('{').next().unwrap_or_default().trim_end_matches("_total");
        let name = name.strip_prefix("store_").unwrap_or(name);
        assert!(sources.contains(&format!("\"{name}\"")), "no metric {name}");
    }
    for row in rows(document, "### Log lines") {
        let line = code(&row[0]).unwrap_or(&row[0]);
        assert!(sources.contains(line), "no log line {line}");
    }
}

#[test]
fn the_examples_use_variables_that_exist() {
    let pages = pages();
    let known = text_of(&pages, "docs/self-hosting.md");
    let examples = pages.iter().filter(|page| page.path.starts_with("deploy/"));
    let words = examples.flat_map(|page| page.text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')));
    let used: BTreeSet<&str> = words.filter(|word| word.starts_with("MILLIMETRIC_")).collect();
    assert!(used.len() > 5, "{used:?}");
    let unknown: Vec<_> = used.iter().filter(|name| !known.contains(&format!("`{name}`"))).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
