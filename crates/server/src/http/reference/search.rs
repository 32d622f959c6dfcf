//! The index of the search on the pages: one entry for each operation and each section of a page.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::markdown::Heading;
use super::operations::Section;
use super::pages::{GROUPS, Page};

/// The most characters of a section's text in the index.
const EXCERPT: usize = 140;

/// The index as JSON: a list of `[address, title, where it is, text, more words]`. What few readers look for comes
/// last.
pub(super) fn index(sections: &[Section]) -> Value {
    let mut entries = Vec::new();
    for section in sections {
        for operation in &section.operations {
            let fields =
                operation.body.iter().chain(&operation.responses).flat_map(|message| &message.fields);
            let names = operation.parameters.iter().chain(fields).map(|field| field.name.as_str());
            entries.push(json!([
                format!("/docs#{}", operation.id),
                format!("{} {}", operation.method, operation.path),
                section.title,
                operation.summary,
                words(names),
            ]));
        }
    }
    entries.push(json!([
        "/docs#error-codes",
        "Error codes",
        "API reference",
        "Every error and what to do",
        ""
    ]));
    entries.push(json!(["/docs#server-limits", "Limits", "API reference", "Rates and sizes", ""]));
    let mut groups: Vec<_> = GROUPS.iter().collect();
    groups.sort_by_key(|group| group.internal);
    for group in groups {
        entries.extend(group.pages.iter().flat_map(|page| of_page(page, group.internal)));
    }
    Value::Array(entries)
}

/// The sections of a page; of an internal page without the words in them.
fn of_page(page: &Page, internal: bool) -> Vec<Value> {
    let rendered = page.rendered();
    let address = format!("/docs/{}", page.name());
    let entry = |heading: &Heading| {
        let is_title = heading.level == 1;
        let text = excerpt(&heading.text);
        let shown = format!("{} {text}", heading.title).to_lowercase();
        let more = heading.words.iter().filter(|word| !internal && !shown.contains(*word));
        json!([
            if is_title { address.clone() } else { format!("{address}#{}", heading.id) },
            heading.title,
            if is_title { "" } else { rendered.title() },
            text,
            words(more.map(String::as_str)),
        ])
    };
    rendered.headings.iter().map(entry).collect()
}

/// Words, each once.
fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut seen = HashSet::new();
    words.filter(|word| seen.insert(*word)).collect::<Vec<_>>().join(" ")
}

fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        None => text.to_owned(),
        Some((end, _)) => {
            let end = text[..end].rfind(' ').unwrap_or(end);
            format!("{}…", &text[..end])
        }
    }
}
