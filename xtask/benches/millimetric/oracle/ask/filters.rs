//! Random filters in both languages: conditions with every operator, joined by `and`, `or` and `not`.

use serde_json::{Value, json};

use super::super::events::{CAMPAIGNS, NAMES, PATHS};
use super::{PLAN, PRICE_IS_A_NUMBER, PRICE_NUMBER, quoted};
use crate::random::Random;

/// Columns that are read out of a URL, and what ClickHouse reads there.
pub(super) const DERIVED: [(&str, &str); 5] = [
    ("hostname", "nullIf(domainWithoutWWW(url), '')"),
    ("referrer_host", "nullIf(domainWithoutWWW(referrer), '')"),
    ("utm_source", "nullIf(extractURLParameter(url, 'utm_source'), '')"),
    ("utm_medium", "nullIf(extractURLParameter(url, 'utm_medium'), '')"),
    ("utm_campaign", "nullIf(extractURLParameter(url, 'utm_campaign'), '')"),
];
/// Parts of texts that some columns have.
const PARTS: [&str; 14] = [
    "page",
    "sign",
    "goog",
    "Goog",
    "shop",
    ".example",
    "/",
    "pri",
    "PRI",
    "é",
    "ค้น",
    "ring",
    "paid",
    "https://",
];
/// Regular expressions, without what the two libraries read in two ways.
const EXPRESSIONS: [&str; 8] = ["^/", "^$", "g.*e", "[0-9]+$", "(?i)PRO", "ü|é", "^(a|g|d)", "\\.example$"];

/// A filter as JSON, and as a condition that is never null.
pub(super) fn filter(random: &mut Random, depth: u64) -> (Value, String) {
    if depth == 0 || random.once_in(2) {
        return condition(random);
    }
    if random.once_in(3) {
        let (filter, sql) = filter(random, depth - 1);
        return (json!(["not", filter]), format!("not {sql}"));
    }
    let word = random.of(&["and", "or"]);
    // With three filters at depth 3 there are at most 24 conditions.
    let count = 1 + random.below(2);
    let (filters, sql): (Vec<Value>, Vec<String>) = (0..count).map(|_| filter(random, depth - 1)).unzip();
    (json!([word, filters]), format!("({})", sql.join(&format!(" {word} "))))
}

fn condition(random: &mut Random) -> (Value, String) {
    if random.once_in(8) {
        let (word, sign) = random.of(&[("greater", ">"), ("less", "<")]);
        let number = random.of(&[-3.0, 0.0, 1.0, 1.25, 99.5]);
        let sql = format!("({PRICE_IS_A_NUMBER} and {PRICE_NUMBER} {sign} {number})");
        return (json!([word, "properties.price", [number]]), sql);
    }
    let (column, value) = column(random);
    if random.once_in(6) {
        let (word, not) = random.of(&[("exists", ""), ("missing", "not ")]);
        return (json!([word, column]), format!("({not}ifNull({value} != '', 0))"));
    }
    let word =
        random.of(&["is", "is_not", "contains", "contains_not", "starts_with", "ends_with", "matches"]);
    let values = values(random, word);
    // ClickHouse has no regular expressions without regard to case, but for a flag.
    let any_case = word != "matches" && random.once_in(3);
    let (compared, case) = if any_case { (format!("lowerUTF8({value})"), true) } else { (value, false) };
    // Hosts are in lower case, and so are the texts that they are compared with.
    let is_lower = case || word != "matches" && ["hostname", "referrer_host"].contains(&column);
    let tests: Vec<String> = values
        .iter()
        .map(|text| {
            let text = quoted(&if is_lower { text.to_lowercase() } else { (*text).to_owned() });
            match word {
                "is" | "is_not" => format!("{compared} = {text}"),
                "contains" | "contains_not" => format!("position({compared}, {text}) > 0"),
                "starts_with" => format!("startsWith({compared}, {text})"),
                "ends_with" => format!("endsWith({compared}, {text})"),
                _ => format!("match({compared}, {text})"),
            }
        })
        .collect();
    let not = if word.ends_with("not") { "not " } else { "" };
    let sql = format!("({not}ifNull({}, 0))", tests.join(" or "));
    let json = if case {
        json!([word, column, values, { "case_sensitive": false }])
    } else {
        json!([word, column, values])
    };
    (json, sql)
}

/// A column and its value, which is a text or null.
fn column(random: &mut Random) -> (&'static str, String) {
    let text = |name: &'static str| (name, format!("toString({name})"));
    match random.below(4) {
        0 => {
            let (name, value) = random.of(&DERIVED);
            (name, value.to_owned())
        }
        1 => ("properties.plan", PLAN.to_owned()),
        _ => text(random.of(&[
            "event_name",
            "source",
            "medium",
            "campaign",
            "country",
            "path",
            "user_id",
            "url",
            "referrer",
            "browser",
        ])),
    }
}

fn values(random: &mut Random, word: &str) -> Vec<&'static str> {
    let count = 1 + random.below(3);
    let whole =
        [&NAMES[..], &PATHS, &CAMPAIGNS, &["", "google", "Google", "US", "DE", "pro", "7", "shop.example"]];
    match word {
        "matches" => random.several(&EXPRESSIONS, count),
        "is" | "is_not" => random.several(&whole.concat(), count),
        _ => random.several(&PARTS, count),
    }
}
