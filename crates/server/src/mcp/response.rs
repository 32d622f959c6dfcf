//! The response of a tool: rows as REST has them, with what an agent needs to read them right.
//!
//! Rows are taken from the same shapes that REST writes, cleaned of what strangers may have
//! hidden in them, and cut where a response grows too long to be read. Nothing is counted here.

use millimetric_core::query::Cursor;
use millimetric_core::time::{TimeRange, Timestamp};
use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::clean::{self, Cleaned};
use super::csv_rows;
use crate::ops::reports::warnings::{Unconfirmed, Warning};
use crate::wire::reports::WarningRow;
use crate::wire::responses::write_cursor;

/// The most bytes of a response, rows counted twice: as text and as structure.
pub(super) const MAX_RESPONSE: usize = 24 * 1024;
/// What is kept free for everything but rows.
const RESERVED: usize = 4 * 1024;
/// Longest summary or note, in characters.
const MAX_WORDS: usize = 2000;
/// Longest echo of an argument, in characters.
const MAX_ECHO: usize = 200;

/// Rows of one project or several, and what their response says beside them.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) rows: Vec<Map<String, Value>>,
    pub(super) truncated: bool,
    pub(super) next_cursor: Option<String>,
    /// Everything else, as REST has it: `metric`, `sessions`, `attribution`, …
    pub(super) facts: Map<String, Value>,
    /// About what the rows leave out, and about names that do not exist.
    pub(super) warnings: Vec<Warning>,
    /// What has to be looked up for more warnings.
    pub(super) unconfirmed: Option<Unconfirmed>,
}

/// A response before it is written.
#[derive(Debug, Default)]
pub(super) struct ToolResponse {
    pub(super) page: Page,
    pub(super) summary: String,
    pub(super) range: Option<(TimeRange, String)>,
    pub(super) applied: Vec<(String, String)>,
    pub(super) notes: Vec<String>,
    pub(super) url: Option<String>,
    /// The rows as CSV, not as JSON.
    pub(super) csv: bool,
}

impl Page {
    /// The shape that REST writes, taken apart.
    pub(super) fn of(shape: &impl Serialize) -> Self {
        let Ok(Value::Object(mut facts)) = serde_json::to_value(shape) else { return Self::default() };
        let rows = match facts.shift_remove("rows") {
            Some(Value::Array(rows)) => rows,
            _ => Vec::new(),
        };
        let object = |row| match row {
            Value::Object(row) => Some(row),
            _ => None,
        };
        Self {
            rows: rows.into_iter().filter_map(object).collect(),
            truncated: facts.shift_remove("truncated") == Some(Value::Bool(true)),
            next_cursor: match facts.shift_remove("next_cursor") {
                Some(Value::String(cursor)) => Some(cursor),
                _ => None,
            },
            facts,
            warnings: Vec::new(),
            unconfirmed: None,
        }
    }

    /// Keeps so many rows. Raw events can be continued behind the last one that is kept.
    pub(super) fn cut(&mut self, mut rows: usize) {
        if rows >= self.rows.len() {
            return;
        }
        if let Some(behind) = cursor_of(&self.rows[rows]) {
            // Events of one moment and id, of several projects, stay together: a cursor names all.
            let same = |row: &Map<String, Value>| cursor_of(row).as_ref() == Some(&behind);
            let before = self.rows[..rows].iter().rev().take_while(|row| same(row)).count();
            let after = self.rows[rows..].iter().take_while(|row| same(row)).count();
            rows = match rows - before {
                0 if before > 0 => rows + after,
                fewer => fewer,
            };
            if rows == self.rows.len() {
                return;
            }
            let last = rows.checked_sub(1).and_then(|last| cursor_of(&self.rows[last]));
            if let Some(last) = last {
                self.next_cursor = Some(write_cursor(&last));
            }
        }
        self.rows.truncate(rows);
        self.truncated = true;
    }
}

impl Page {
    /// Says where raw events go on: behind the last one.
    pub(super) fn continue_behind_last(&mut self) {
        self.next_cursor = self.rows.last().and_then(cursor_of).as_ref().map(write_cursor);
    }
}

/// The position of a raw event; other rows have none.
fn cursor_of(row: &Map<String, Value>) -> Option<Cursor> {
    let text = |name| row.get(name).and_then(Value::as_str);
    let timestamp = Timestamp::parse(text("timestamp")?).ok()?;
    Some(Cursor { timestamp, event_id: text("event_id")?.to_owned() })
}

impl ToolResponse {
    /// The result of a call: rows as text, rows with everything about them, and in words what
    /// there is to say.
    pub(super) fn into_result(mut self) -> CallToolResult {
        let mut done = Cleaned::default();
        let cut = self.cut_to_size(&mut done);
        self.say(done, cut);
        // Sentences name what strangers named, such as the columns of a group.
        let warnings = self.page.warnings.iter_mut().map(|warning| &mut warning.message);
        for words in std::iter::once(&mut self.summary).chain(warnings).chain(&mut self.notes) {
            *words = clean::text(words, MAX_WORDS);
        }
        let as_csv = self.csv.then(|| csv_rows::csv(&self.page.rows));
        let rows: Vec<Value> = self.page.rows.drain(..).map(Value::Object).collect();
        let text = as_csv.unwrap_or_else(|| Value::Array(rows.clone()).to_string());
        let mut content = vec![ContentBlock::text(text)];
        let warnings = self.page.warnings.iter().map(|warning| warning.message.as_str());
        let notes = self.notes.iter().map(String::as_str);
        let words: Vec<&str> = std::iter::once(self.summary.as_str()).chain(warnings).chain(notes).collect();
        let words = words.join("\n").trim().to_owned();
        if !words.is_empty() {
            content.push(ContentBlock::text(words));
        }
        let mut result = CallToolResult::success(content);
        result.structured_content = Some(Value::Object(self.structured(rows)));
        result
    }

    fn structured(self, rows: Vec<Value>) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("rows".to_owned(), Value::Array(rows));
        object.insert("summary".to_owned(), self.summary.into());
        if let Some((range, timezone)) = self.range {
            let ends = json!({ "from": range.from().to_string(), "to": range.to().to_string(), "timezone": timezone });
            object.insert("range".to_owned(), ends);
        }
        let echo = |(name, value): (String, String)| (name, Value::from(clean::text(&value, MAX_ECHO)));
        object.insert("applied".to_owned(), Value::Object(self.applied.into_iter().map(echo).collect()));
        if self.page.truncated {
            object.insert("truncated".to_owned(), true.into());
        }
        if let Some(cursor) = self.page.next_cursor {
            object.insert("next_cursor".to_owned(), cursor.into());
        }
        if !self.page.warnings.is_empty() {
            let rows: Vec<_> = self.page.warnings.into_iter().map(WarningRow::from).collect();
            object.insert("warnings".to_owned(), json!(rows));
        }
        if !self.notes.is_empty() {
            object.insert("notes".to_owned(), self.notes.into());
        }
        if let Some(url) = self.url {
            object.insert("url".to_owned(), url.into());
        }
        for (name, value) in self.page.facts {
            object.entry(name).or_insert(value);
        }
        object
    }

    /// Cleans the rows and leaves out those that do not fit; true when some did not.
    fn cut_to_size(&mut self, done: &mut Cleaned) -> bool {
        clean::row(&mut self.page.facts, done);
        // Warnings are written twice: as words and as structure.
        let warned: usize = self.page.warnings.iter().map(|warning| 2 * warning.message.len()).sum();
        let mut left = (MAX_RESPONSE - RESERVED).saturating_sub(written(&self.page.facts).0 + warned);
        let mut fit = 0;
        let mut cleaned = Vec::with_capacity(self.page.rows.len());
        for row in &self.page.rows {
            let mut row = row.clone();
            let mut here = Cleaned::default();
            clean::row(&mut row, &mut here);
            let (plain, escaped) = written(&row);
            let Some(rest) = left.checked_sub(plain + escaped + 2) else { break };
            left = rest;
            fit += 1;
            done.cut |= here.cut;
            done.stripped |= here.stripped;
            cleaned.push(row);
        }
        let cut = fit < self.page.rows.len();
        self.page.cut(fit);
        cleaned.truncate(self.page.rows.len());
        self.page.rows = cleaned;
        cut
    }

    fn say(&mut self, done: Cleaned, cut: bool) {
        let cursor = self.page.next_cursor.as_ref();
        if cut {
            let more = cursor.map(|cursor| format!("continue with cursor={cursor}, or ")).unwrap_or_default();
            self.notes.push(format!(
                "Only the first {} rows fit into a response; {more}narrow the query: a shorter range, a filter, fewer columns in group_by, a wider interval, a smaller limit.",
                self.page.rows.len()
            ));
        } else if self.page.truncated {
            self.notes.push(format!(
                "There are more rows than these {}; raise limit, or narrow the range or the filters.",
                self.page.rows.len()
            ));
        } else if let Some(cursor) = cursor {
            self.notes.push(format!("There are older events: call again with cursor={cursor}."));
        }
        if self.page.facts.get("approximate") == Some(&Value::Bool(true)) {
            self.notes.push("Uniques are estimated here (standard error at most 1 %).".to_owned());
        }
        if done.cut {
            self.notes.push("Long texts are cut, where they end with `…`.".to_owned());
        }
        if done.stripped {
            self.notes
                .push("Control characters and hidden characters were taken out of some texts.".to_owned());
        }
    }
}

/// Bytes of a row as JSON, and of that JSON inside a JSON text.
fn written(row: &Map<String, Value>) -> (usize, usize) {
    let text = serde_json::to_string(row).unwrap_or_default();
    let escapes = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    (text.len(), text.len() + escapes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(millis: i64, id: &str) -> Map<String, Value> {
        let timestamp = Timestamp::from_millis(millis).unwrap().to_string();
        let Value::Object(row) = json!({ "timestamp": timestamp, "event_id": id, "url": "u".repeat(300) })
        else {
            panic!("a row is an object");
        };
        row
    }

    fn response(rows: Vec<Map<String, Value>>) -> Value {
        let page = Page { rows, ..Page::default() };
        serde_json::to_value(ToolResponse { page, ..ToolResponse::default() }.into_result()).unwrap()
    }

    #[test]
    fn a_response_stays_below_its_bytes_and_can_be_continued() {
        let whole = response((0..10).map(|n| event(n, "a")).collect());
        assert_eq!(whole["structuredContent"]["truncated"], Value::Null);
        let cut = response((0..1000).map(|n| event(n, "a")).collect());
        assert!(cut.to_string().len() < MAX_RESPONSE, "{}", cut.to_string().len());
        let kept = cut["structuredContent"]["rows"].as_array().unwrap();
        assert_eq!(cut["structuredContent"]["truncated"], true);
        let last = kept.last().unwrap().as_object().unwrap();
        assert_eq!(cut["structuredContent"]["next_cursor"], write_cursor(&cursor_of(last).unwrap()));
        assert_eq!(cut["content"][0]["text"], Value::Array(kept.clone()).to_string());
        assert!(cut["content"][1]["text"].as_str().unwrap().contains("cursor="));
    }

    #[test]
    fn rows_of_one_place_are_not_torn_apart() {
        let mut page = Page { rows: vec![event(1, "a"), event(2, "b"), event(2, "b")], ..Page::default() };
        page.cut(2);
        assert_eq!(page.rows.len(), 1);
        assert_eq!(page.next_cursor, Some(write_cursor(&cursor_of(&event(1, "a")).unwrap())));
    }
}
