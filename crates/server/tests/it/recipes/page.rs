//! Reads the blocks of a page: calls in `sh`, each followed by its response in `json`.

use std::mem;

use serde_json::Value;

use super::Problem;

/// The first block of every page with calls. It is not run: the test sets the same variables.
pub(super) const SETUP: &str = "```sh
export HOST=http://localhost:8787
export PK=pk_live_… SK=sk_live_… RK=rk_live_…
```
";

/// The same of the page about the management API.
pub(super) const SETUP_WITH_TOKEN: &str = "```sh
export HOST=http://localhost:8787
export TOKEN=mmt_…
```
";

/// A call and the response that the page shows.
#[derive(Debug)]
pub(super) struct Call {
    /// Where the block of the call begins; lines count from 1.
    pub(super) line: usize,
    pub(super) shell: String,
    /// Where the block of the response begins.
    pub(super) expected_line: usize,
    /// One value, or one for each line of an export.
    pub(super) expected: Vec<Value>,
}

impl Call {
    /// Whether it is made until a job is done.
    pub(super) fn waits(&self) -> bool {
        self.expected.iter().any(|value| value["status"] == "done")
    }
}

/// A fenced block.
struct Block {
    line: usize,
    kind: String,
    text: String,
}

/// The calls of a page.
pub(super) fn calls(page: &str) -> Result<Vec<Call>, Problem> {
    let mut blocks = blocks(page)?.into_iter();
    match blocks.next() {
        None => return Ok(Vec::new()),
        Some(Block { kind, text, .. })
            if [SETUP, SETUP_WITH_TOKEN].contains(&format!("```{kind}\n{text}```\n").as_str()) => {}
        Some(block) => {
            return Err(Problem::new(block.line, "the first block must define HOST, PK, SK and RK"));
        }
    }
    let mut calls = Vec::new();
    while let Some(Block { line, kind, text: shell }) = blocks.next() {
        let runs = |program: &str| shell.split_whitespace().any(|word| word == program);
        match kind.as_str() {
            "sh" if ["curl", "millimetric", "python3"].into_iter().any(runs) => {}
            "sh" => {
                return Err(Problem::new(line, "a block that runs neither curl, python3 nor millimetric"));
            }
            _ => return Err(Problem::new(line, "a response without a call")),
        }
        let response = blocks.next().filter(|block| block.kind == "json");
        let response = response.ok_or_else(|| Problem::new(line, "a call without a response"))?;
        let expected = values(&response)?;
        calls.push(Call { line, shell, expected_line: response.line, expected });
    }
    Ok(calls)
}

fn values(block: &Block) -> Result<Vec<Value>, Problem> {
    let values: Result<Vec<_>, _> = serde_json::Deserializer::from_str(&block.text).into_iter().collect();
    match values {
        Ok(values) if values.is_empty() => Err(Problem::new(block.line, "an empty response")),
        values => values.map_err(|error| Problem::new(block.line, error.to_string())),
    }
}

/// The fenced blocks, all of them of a known kind.
fn blocks(page: &str) -> Result<Vec<Block>, Problem> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line, text) in (1..).zip(page.lines()) {
        match (text.trim_start().strip_prefix("```"), &mut open) {
            (Some(_), _) if text.starts_with(' ') => return Err(Problem::new(line, "an indented block")),
            (Some(_), Some(_)) => blocks.extend(mem::take(&mut open)),
            (Some(kind @ ("sh" | "json")), None) => {
                open = Some(Block { line, kind: kind.to_owned(), text: String::new() });
            }
            (Some(kind), None) => {
                return Err(Problem::new(line, format!("a block of an unknown kind: `{kind}`")));
            }
            (None, Some(block)) => {
                block.text += text;
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    open.map_or(Ok(blocks), |block| Err(Problem::new(block.line, "a block without an end")))
}
