//! `/llms.txt`, the index of the documentation for language models (<https://llmstxt.org>), and
//! `/llms-full.txt`, all of it in one text.

use std::fmt::Write as _;

use super::Reference;
use super::pages::{GROUPS, Group, Page};

/// The index of a server that clients reach at `base`.
pub(super) fn index(base: &str) -> String {
    let mut text = include_str!("llms.txt").replace("{base}", base);
    // By convention, what a reader with little room leaves out is called optional and comes last.
    let (own, others): (Vec<&Group>, Vec<_>) = GROUPS.iter().partition(|group| !group.internal);
    for group in own {
        let _ = write!(text, "\n## {}\n\n", group.title);
        text.extend(group.pages.iter().map(|page| line(base, page)));
    }
    let _ = write!(text, "\n## Optional\n\n- [Everything in one text]({base}/llms-full.txt)\n");
    text.extend(others.into_iter().flat_map(|group| group.pages).map(|page| line(base, page)));
    text
}

fn line(base: &str, page: &Page) -> String {
    let rendered = page.rendered();
    let summary = rendered.summary();
    let colon = if summary.is_empty() { "" } else { ": " };
    format!("- [{}]({base}/docs/{}){colon}{summary}\n", rendered.title(), page.file)
}

/// All pages and the reference, each with its address.
pub(super) fn full(reference: &Reference) -> anyhow::Result<String> {
    let base = &reference.base;
    let mut text = index(base);
    let mut add = |file: &str, page: &str| {
        let _ = write!(text, "\n\n---\n\nSource: {base}/docs/{file}\n\n{}\n", page.trim());
    };
    let mut groups: Vec<_> = GROUPS.iter().collect();
    groups.sort_by_key(|group| group.internal);
    let mut pages = groups.into_iter().flat_map(|group| group.pages);
    pages.next().into_iter().for_each(|first| add(first.file, &first.markdown()));
    add("reference.md", &reference.markdown()?);
    pages.for_each(|page| add(page.file, &page.markdown()));
    Ok(text)
}
