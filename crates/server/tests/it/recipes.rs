//! The calls on the pages of documentation. Each is run as a reader runs it, with `sh` and `curl`, in the order of
//! its page, against a server with a fresh project; then its response is compared with the one on the page.

mod page;
mod placeholders;
mod reader;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::support::{PATIENCE, cannot_run};
use page::{Call, calls};
use placeholders::difference;
use reader::Reader;

const DOCUMENTATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

/// What the page says and what is so, with the line of the page.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    line: usize,
    text: String,
}

impl Problem {
    fn new(line: usize, text: impl Into<String>) -> Self {
        Self { line, text: text.into() }
    }
}

/// The pages whose calls are run.
fn pages() -> Vec<PathBuf> {
    let docs = Path::new(DOCUMENTATION);
    let recipes = fs::read_dir(docs.join("recipes")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = recipes
        .chain(["first-event.md", "identity.md", "attribution.md"].map(|page| docs.join(page)))
        .collect();
    pages.sort();
    pages
}

/// Runs the calls of a page; returns how many there are, or the first problem. `run` runs shell code and returns
/// its standard output.
fn check(text: &str, mut run: impl FnMut(&str) -> Result<String, String>) -> Result<usize, Problem> {
    let calls = calls(text)?;
    for call in &calls {
        let (output, found) = response(call, &mut run)?;
        if let Some(text) = difference(&call.expected, &found) {
            return Err(Problem::new(call.expected_line, format!("{text}, in the response {output}")));
        }
    }
    Ok(calls.len())
}

/// Makes a call; returns its output, and the values in it. The status of an erasure is asked for until the erasure
/// is done.
fn response(
    call: &Call,
    run: &mut impl FnMut(&str) -> Result<String, String>,
) -> Result<(String, Vec<Value>), Problem> {
    let started = Instant::now();
    loop {
        let output = run(&call.shell).map_err(|error| Problem::new(call.line, error))?;
        let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&output).into_iter().collect();
        let values =
            values.map_err(|error| Problem::new(call.line, format!("{error} in the output: {output}")))?;
        let is_underway =
            values.iter().any(|value| value["status"] == "queued" || value["status"] == "running");
        if !call.waits() || !is_underway || started.elapsed() > PATIENCE {
            return Ok((output, values));
        }
    }
}

#[test]
fn every_call_on_the_pages_returns_what_the_page_says() {
    assert!(
        Command::new("curl").arg("--version").output().is_ok(),
        "curl is not installed: the pages call it"
    );
    let mut problems = Vec::new();
    for path in pages() {
        let name = path.strip_prefix(DOCUMENTATION).unwrap().display();
        let reader = Reader::start();
        match check(&fs::read_to_string(&path).unwrap(), |shell| reader.run(shell)) {
            Ok(calls) => assert!(calls > 0 || !path.ends_with("shop.md"), "the calls are found"),
            Err(Problem { line, text }) => problems.push(format!("docs/{name}:{line}: {text}")),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_call_to_the_management_api_returns_what_its_page_says() {
    if Command::new("python3").arg("--version").output().is_err() {
        return cannot_run("python3 is not installed: the page runs it");
    }
    let reader = Reader::with_token();
    let page = fs::read_to_string(Path::new(DOCUMENTATION).join("management.md")).unwrap();
    match check(&page, |shell| reader.run(shell)) {
        Ok(calls) => assert!(calls >= 8, "the calls are found: {calls}"),
        Err(Problem { line, text }) => panic!("docs/management.md:{line}: {text}"),
    }
}

#[test]
fn recipes_credit_sessions() {
    for path in pages().iter().filter(|path| path.parent().unwrap().ends_with("recipes")) {
        for Call { shell, line, .. } in calls(&fs::read_to_string(path).unwrap()).unwrap() {
            let by_event = shell.contains("group_by=source")
                || (shell.contains("/v1/sources") && !shell.contains("attribution=session"));
            assert!(!by_event, "{}:{line} credits single events", path.display());
        }
    }
}

#[test]
fn a_page_that_says_something_else_fails_at_its_line() {
    let page = |blocks: &str| format!("{}\n{blocks}", page::SETUP);
    let call = "```sh\ncurl $HOST\n```\n";
    let response = "```json\n{\"n\": 1, \"id\": \"evt_…\"}\n```\n";
    let first = page("").lines().count() + 1;
    let checked = |text: &str| check(text, |_| Ok(r#"{"n":1,"id":"evt_7"}"#.to_owned()));
    assert_eq!(checked(&page(&format!("{call}Text.\n{response}"))), Ok(1));
    assert_eq!(checked("Text without calls."), Ok(0));
    for (blocks, line, text) in [
        ("```yaml\na: 1\n```\n".to_owned(), 0, "a block of an unknown kind: `yaml`"),
        (call.to_owned(), 0, "a call without a response"),
        (format!("{call}{call}{response}"), 0, "a call without a response"),
        (response.to_owned(), 0, "a response without a call"),
        (format!("{call}{response}{response}"), 6, "a response without a call"),
        ("```sh\nls\n```\n".to_owned(), 0, "a block that runs neither curl, python3 nor millimetric"),
        (format!("{call}```json\n{{\n```\n"), 3, "EOF while parsing an object at line 2 column 0"),
        (format!("{call}```json\n```\n"), 3, "an empty response"),
        (format!("{call}```json\n{{}}\n"), 3, "a block without an end"),
        (format!("- a list\n  {call}"), 1, "an indented block"),
    ] {
        assert_eq!(checked(&page(&blocks)), Err(Problem::new(first + line, text)), "{blocks}");
    }
    assert_eq!(checked(call), Err(Problem::new(1, "the first block must define HOST, PK, SK and RK")));
    let other = page(&format!("{call}```json\n{{\"n\": 2, \"id\": \"evt_…\"}}\n```\n"));
    let problem = checked(&other).unwrap_err();
    assert_eq!(problem.line, first + 3);
    assert_eq!(problem.text, r#"n: the page has 2, not 1, in the response {"n":1,"id":"evt_7"}"#);
}

#[test]
fn the_status_of_an_erasure_is_asked_for_until_the_erasure_has_ended() {
    let text = format!("{}```sh\ncurl $HOST\n```\n```json\n{{\"status\": \"done\"}}\n```\n", page::SETUP);
    let checked = |statuses: [&str; 3]| {
        let mut left = statuses.into_iter();
        let checked = check(&text, |_| Ok(format!(r#"{{"status":"{}"}}"#, left.next().unwrap())));
        (checked.map_err(|problem| problem.text), left.len())
    };
    assert_eq!(checked(["queued", "running", "done"]), (Ok(1), 0));
    let failed = r#"status: the page has "done", not "failed", in the response {"status":"failed"}"#;
    assert_eq!(checked(["queued", "failed", "done"]), (Err(failed.to_owned()), 1));
}
