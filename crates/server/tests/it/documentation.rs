//! Parts of the documentation that are made from the code.

use std::fmt::Write as _;
use std::fs;

use millimetric::error::ErrorCode;
use millimetric_core::attribution::{Conversion, Model, Touch, credits};
use millimetric_core::classify::rules;

use crate::examination::questions_and_calls;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
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

/// The error codes in the order of their table.
fn error_table() -> String {
    let mut table = "| code | status | meaning | what to do |\n|---|---:|---|---|\n".to_owned();
    for code in ErrorCode::ALL {
        let (name, status, sentence) = code.row();
        let _ = writeln!(table, "| `{name}` | {} | {sentence} | {} |", status.as_u16(), code.fix());
    }
    table
}

/// The questions of the examination with their calls.
fn question_table() -> String {
    let mut table = "| question | calls |\n|---|---|\n".to_owned();
    for (question, calls) in questions_and_calls() {
        let calls: Vec<_> = calls.iter().map(|(tool, arguments)| format!("`{tool} {arguments}`")).collect();
        let _ = writeln!(table, "| {question} | {} |", calls.join(", "));
    }
    table
}

/// Compares a page with what the code makes of it, or writes it.
fn compare(file: &str, make: impl Fn(&str) -> String) {
    let path = format!("{DOCS}/{file}");
    let page = fs::read_to_string(&path).unwrap();
    let made = make(&page);
    if std::env::var_os("MILLIMETRIC_WRITE_SPEC").is_some() {
        fs::write(&path, &made).unwrap();
    } else {
        assert!(page == made, "docs/{file} is out of date: run `cargo xtask gen`");
    }
}

#[test]
fn the_page_about_the_api_has_the_error_codes_of_the_code() {
    compare("api.md", |page| with(page, "<!-- errors: `cargo xtask gen` writes it -->", &error_table()));
}

#[test]
fn the_page_about_attribution_has_the_rules_and_the_example_of_the_code() {
    compare("attribution.md", |page| {
        let example = with(page, "<!-- example: `cargo xtask gen` writes it -->", &example());
        with(&example, "<!-- rules: `cargo xtask gen` writes it -->", &rule_table())
    });
}

#[test]
fn the_page_about_agents_has_the_questions_of_the_examination() {
    compare("mcp.md", |page| {
        with(page, "<!-- questions: `cargo xtask gen` writes it -->", &question_table())
    });
}
