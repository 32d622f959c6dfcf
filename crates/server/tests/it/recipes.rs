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

use crate::support::PATIENCE;
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
    let mut pages: Vec<_> =
        recipes.chain(["identity.md", "attribution.md"].map(|page| docs.join(page))).collect();
    pages.sort();
    pages
}

/// Runs the calls of a page; returns how many there are, or the first problem. `run` runs shell code and returns
/// its standard output.
fn check(text: &str, mut run: impl FnMut(&str) -> Result<String, String>) -> Result<usize, Problem> {
    let calls = calls(text)?;
    for call in &calls {
        let started = Instant::now();
        // The status of a job is asked for until the job is done.
        while let Err(problem) = check_call(call, &mut run) {
            if !call.waits() || started.elapsed() > PATIENCE {
                return Err(problem);
            }
        }
    }
    Ok(calls.len())
}

fn check_call(call: &Call, run: &mut impl FnMut(&str) -> Result<String, String>) -> Result<(), Problem> {
    let output = run(&call.shell).map_err(|error| Problem::new(call.line, error))?;
    let found: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&output).into_iter().collect();
    let found = found.map_err(|error| Problem::new(call.line, format!("{error} in the output: {output}")))?;
    let different = |text| Problem::new(call.expected_line, format!("{text}, in the response {output}"));
    difference(&call.expected, &found).map_or(Ok(()), |text| Err(different(text)))
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
        ("```sh\nls\n```\n".to_owned(), 0, "a block that runs neither curl nor millimetric"),
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
