//! The examination of the MCP tools: questions of a site's owner, asked with the calls that the descriptions of
//! the tools lead to. Every figure is compared with a naive recount of the exported events.
//!
//! It runs with all other tests; `cargo xtask agents` prints what each question took.

#![allow(clippy::print_stdout, reason = "it prints its table")]

mod faults;
mod questions;
mod recount;

use chrono::NaiveTime;
use serde_json::{Value, json};

use self::questions::{Question, Site};
use self::recount::{DAY, Stored};
use crate::mcp::client::Client;
use crate::support::{ALWAYS, Instance, Server};

/// Events of the demo's shop.
const DEMO_EVENTS: &str = "12000";
const DEMO_DAYS: &str = "60";
/// The figures before the second edition of the tools.
const BEFORE: &str = "2026-11-28: 23 of 30 right; median of 2.1 calls and 870 tokens";
/// Characters of a token, as language models count roughly.
const CHARS_OF_A_TOKEN: usize = 4;

/// Each question with the tools that are called and their arguments.
pub(crate) fn questions_and_calls()
-> impl Iterator<Item = (&'static str, &'static [(&'static str, &'static str)])> {
    questions::all().map(|question| (question.text, question.calls))
}

/// A site with its key and everything that it has stored.
struct Examined {
    key: String,
    stored: Stored,
}

/// What a question took.
struct Taken {
    calls: usize,
    tokens: usize,
    outcome: Result<(), String>,
}

#[test]
fn every_question_of_an_owner_is_answered() {
    let server = Server::start();
    let sites = [demo_site(&server), faulty_site(&server)];
    let mut taken = Vec::new();
    for question in questions::all() {
        let site = &sites[usize::from(question.site == Site::Faults)];
        taken.push((question.text, ask(&server, site, question)));
    }
    report(&taken);
    let wrong: Vec<_> =
        taken.iter().filter_map(|(text, taken)| Some((text, taken.outcome.as_ref().err()?))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn demo_site(server: &Instance) -> Examined {
    server.cli(&["demo", "--events", DEMO_EVENTS, "--days", DEMO_DAYS]);
    let key = server.cli(&["key", "mint", "--project", "demo", "--kind", "rk"])["key"].clone();
    examined(server, key.as_str().unwrap().to_owned())
}

fn faulty_site(server: &Instance) -> Examined {
    let project = server.default_project();
    for batch in faults::events(today()).chunks(1000) {
        let response = server.post("/v1/batch", &project.sk, &json!({ "events": batch }));
        assert_eq!(response.status, 202, "{}", response.text);
    }
    examined(server, project.rk)
}

fn examined(server: &Instance, key: String) -> Examined {
    let export = server.get(&format!("/v1/export?{ALWAYS}"), &key);
    Examined { stored: Stored::of(&export.text, today()), key }
}

/// Midnight of today, in milliseconds.
fn today() -> i64 {
    chrono::Utc::now().date_naive().and_time(NaiveTime::MIN).and_utc().timestamp_millis()
}

fn ask(server: &Instance, site: &Examined, question: &Question) -> Taken {
    let client = Client::new(server, &site.key);
    let mut found: Vec<Value> = Vec::new();
    let mut characters = 0;
    for (tool, arguments) in question.calls {
        let arguments = filled(arguments, &site.stored, found.last());
        let arguments: Value = serde_json::from_str(&arguments).unwrap();
        let mut result = client.call(tool, arguments.clone());
        let texts = result["content"].as_array().into_iter().flatten();
        let texts: usize =
            texts.filter_map(|content| content["text"].as_str()).map(|text| text.chars().count()).sum();
        characters += tool.len() + arguments.to_string().chars().count() + texts;
        if result["isError"] != false {
            let outcome = Err(format!("{tool} {arguments}: {result}"));
            return Taken { calls: found.len() + 1, tokens: characters / CHARS_OF_A_TOKEN, outcome };
        }
        found.push(result["structuredContent"].take());
    }
    let outcome = (question.check)(&site.stored, &found);
    Taken { calls: found.len(), tokens: characters / CHARS_OF_A_TOKEN, outcome }
}

/// The arguments with dates, and with what the previous result holds at a path like `{rows/0/event_id}`.
fn filled(arguments: &str, stored: &Stored, previous: Option<&Value>) -> String {
    let date = |back: i64| {
        let at = chrono::DateTime::from_timestamp_millis(stored.today - back * DAY).unwrap();
        at.date_naive().to_string()
    };
    let mut text = arguments.replace("{today}", &date(0));
    for days in [2, 3, 9, 10, 14] {
        text = text.replace(&format!("{{{days} days ago}}"), &date(days));
    }
    if let Some(begin) = text.find("{rows/") {
        let end = begin + text[begin..].find('}').unwrap();
        let value = previous.and_then(|found| found.pointer(&format!("/{}", &text[begin + 1..end])));
        text.replace_range(begin..=end, value.and_then(Value::as_str).unwrap_or_default());
    }
    text
}

fn report(taken: &[(&str, Taken)]) {
    let right = taken.iter().filter(|(_, taken)| taken.outcome.is_ok()).count();
    println!("| question | calls | tokens | right |\n|---|---|---|---|");
    for (text, Taken { calls, tokens, outcome }) in taken {
        println!("| {text} | {calls} | {tokens} | {} |", if outcome.is_ok() { "yes" } else { "no" });
    }
    let median = |figure: fn(&Taken) -> usize| {
        let mut figures: Vec<usize> = taken.iter().map(|(_, taken)| figure(taken)).collect();
        figures.sort_unstable();
        figures[figures.len() / 2]
    };
    let (calls, tokens) = (median(|taken| taken.calls), median(|taken| taken.tokens));
    println!("{right} of {} right; median of {calls} calls and {tokens} tokens", taken.len());
    println!("{BEFORE}");
}
