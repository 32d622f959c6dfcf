//! The index of the search on the pages: one entry for each operation and each section of a page.

use serde_json::{Value, json};

use super::operations::Section;
use super::pages::GROUPS;

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
    for page in groups.into_iter().flat_map(|group| group.pages) {
        let rendered = page.rendered();
        for heading in &rendered.headings {
            let is_title = heading.level == 1;
            let address = format!("/docs/{}", page.name());
            entries.push(json!([
                if is_title { address } else { format!("{address}#{}", heading.id) },
                heading.title,
                if is_title { "" } else { rendered.title() },
                excerpt(&heading.text),
                words(heading.words.iter().map(String::as_str)),
            ]));
        }
    }
    Value::Array(entries)
}

/// Short words, each once.
fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut seen = std::collections::HashSet::new();
    let short = words.filter(|word| word.len() <= 60 && !word.contains('\n') && seen.insert(*word));
    short.collect::<Vec<_>>().join(" ")
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
