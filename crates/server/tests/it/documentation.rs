//! Parts of the documentation that are made from the code.

use std::fmt::Write as _;
use std::fs;

use millimetric_core::attribution::{Conversion, Model, Touch, credits};
use millimetric_core::classify::rules;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/attribution.md");
const DAY: i64 = 24 * 60 * 60 * 1000;
const END: &str = "<!-- end -->";

/// The page with other text between the mark and the next end.
fn with(page: &str, mark: &str, text: &str) -> String {
    let start = page.find(mark).map(|at| at + mark.len()).unwrap();
    let end = start + page[start..].find(END).unwrap();
    format!("{}\n\n{text}\n{}", &page[..start], &page[end..])
}

/// The rules in their order.
fn rule_table() -> String {
    let mut table = "| rule | matches | source / medium | confidence |\n|---|---|---|---|\n".to_owned();
    for rule in rules() {
        let names = format!("{} / {}", rule.source(), rule.medium());
        let (id, confidence) = (rule.id(), rule.confidence().as_str());
        let _ = writeln!(table, "| `{id}` | {} | {names} | {confidence} |", rule.fires_when());
    }
    table
}

/// A purchase for 100 after an ad, a search, a newsletter, and a direct visit.
fn example() -> String {
    let visits = [("ad", 0, false), ("search", 7, false), ("newsletter", 13, false), ("direct", 14, true)];
    let touches = visits.map(|(_, day, direct)| Touch { at: day * DAY, direct });
    let purchase = Conversion { at: 14 * DAY, session: 3, value: 100.0 };
    let credits = credits(&touches, &[purchase], 30 * DAY);
    let names = visits.map(|(name, ..)| name).join(" | ");
    let mut table = format!("| model | {names} |\n|---|---:|---:|---:|---:|\n");
    for model in Model::ALL {
        let values: Vec<_> =
            credits.iter().map(|credit| format!("{:.2}", credit.value[model as usize])).collect();
        let _ = writeln!(table, "| `{}` | {} |", model.as_str(), values.join(" | "));
    }
    table
}

#[test]
fn the_page_about_attribution_has_the_rules_and_the_example_of_the_code() {
    let page = fs::read_to_string(PAGE).unwrap();
    let example = with(&page, "<!-- example: `cargo xtask gen` writes it -->", &example());
    let made = with(&example, "<!-- rules: `cargo xtask gen` writes it -->", &rule_table());
    if std::env::var_os("MILLIMETRIC_WRITE_SPEC").is_some() {
        fs::write(PAGE, &made).unwrap();
    }
    let kept = fs::read_to_string(PAGE).unwrap();
    assert!(kept == made, "docs/attribution.md is out of date: run `cargo xtask gen`");
}
