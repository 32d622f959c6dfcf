//! Markdown as HTML: pages of `docs/`, and descriptions of the OpenAPI document.
//!
//! HTML in the text is shown as text, never passed on; comments are left out. Tables and code scroll by
//! themselves, so that a page is never wider than its screen.

use std::collections::{HashMap, HashSet};

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// A page as HTML.
#[derive(Debug, Default)]
pub(super) struct Rendered {
    pub(super) html: String,
    /// The headings in their order; the first is the title.
    pub(super) headings: Vec<Heading>,
}

/// A heading and the text below it.
#[derive(Debug, Default)]
pub(super) struct Heading {
    /// 1 for the title.
    pub(super) level: u8,
    /// Its anchor.
    pub(super) id: String,
    pub(super) title: String,
    /// The first paragraph below it, as plain text.
    pub(super) text: String,
    /// The words below it, each once, by which people search. Of blocks of code there are none.
    pub(super) words: Vec<String>,
}

impl Rendered {
    /// The text of the first heading.
    pub(super) fn title(&self) -> &str {
        self.headings.first().map_or("", |heading| &heading.title)
    }

    /// The first sentence.
    pub(super) fn summary(&self) -> &str {
        let mut texts = self.headings.iter().map(|heading| heading.text.as_str());
        let text = texts.find(|text| !text.is_empty()).unwrap_or_default();
        text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches(['.', ':'])
    }
}

/// Renders a page. `link` returns where a link leads, and `None` for one that is left out.
pub(super) fn render(text: &str, link: impl Fn(&str) -> Option<String>) -> Rendered {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).collect::<Vec<_>>();
    let headings = headings(&events);
    let mut ids = headings.iter().map(|heading| heading.id.clone());
    let mut open_links = Vec::new();
    let mut made = Vec::with_capacity(events.len());
    for event in events {
        made.extend(safe(event, &link, &mut ids, &mut open_links));
    }
    let mut out = String::with_capacity(text.len() * 2);
    html::push_html(&mut out, made.into_iter());
    Rendered { html: out.replace("<th></th>", "<td></td>"), headings }
}

/// What is written for an event.
fn safe<'a>(
    event: Event<'a>,
    link: &impl Fn(&str) -> Option<String>,
    ids: &mut impl Iterator<Item = String>,
    open_links: &mut Vec<bool>,
) -> Vec<Event<'a>> {
    let own = |html: &'static str| Event::Html(CowStr::Borrowed(html));
    match event {
        Event::Html(text) | Event::InlineHtml(text) if text.trim_start().starts_with("<!--") => Vec::new(),
        Event::Html(text) | Event::InlineHtml(text) => vec![Event::Text(text)],
        Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => Vec::new(),
        Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
            let id = ids.next().map(CowStr::from);
            vec![Event::Start(Tag::Heading { level, id, classes, attrs })]
        }
        // An alignment would be an inline style, which no page may have.
        Event::Start(Tag::Table(columns)) => {
            let columns = vec![pulldown_cmark::Alignment::None; columns.len()];
            let scroll = own(r#"<div class="scroll" tabindex="0" role="group" aria-label="Table">"#);
            vec![scroll, Event::Start(Tag::Table(columns))]
        }
        Event::End(TagEnd::Table) => vec![Event::End(TagEnd::Table), own("</div>\n")],
        Event::Start(
            Tag::Link { link_type, dest_url, title, id } | Tag::Image { link_type, dest_url, title, id },
        ) => {
            let target = link(&dest_url).map(CowStr::from);
            open_links.push(target.is_some());
            let tag = |dest_url| Event::Start(Tag::Link { link_type, dest_url, title, id });
            target.map(tag).into_iter().collect()
        }
        Event::End(TagEnd::Link | TagEnd::Image) => {
            open_links.pop().filter(|open| *open).map(|_| Event::End(TagEnd::Link)).into_iter().collect()
        }
        other => vec![other],
    }
}

/// The headings, with anchors as on GitHub, which links between the pages use.
fn headings(events: &[Event<'_>]) -> Vec<Heading> {
    let mut found: Vec<Heading> = Vec::new();
    let mut anchors: HashMap<String, usize> = HashMap::new();
    let mut words: HashSet<String> = HashSet::new();
    let (mut in_heading, mut in_first, mut in_block) = (false, false, false);
    for event in events {
        if let Event::Start(Tag::Heading { level, .. }) = event {
            found.push(Heading { level: *level as u8, ..Heading::default() });
            words.clear();
            in_heading = true;
        }
        let Some(heading) = found.last_mut() else { continue };
        match event {
            Event::End(TagEnd::Heading(_)) => {
                in_heading = false;
                let id = anchor(&heading.title);
                let count = anchors.entry(id.clone()).and_modify(|count| *count += 1).or_insert(0);
                heading.id = if *count == 0 { id } else { format!("{id}-{count}") };
            }
            Event::Start(Tag::Paragraph) => in_first = heading.text.is_empty(),
            Event::End(TagEnd::Paragraph) => in_first = false,
            Event::Start(Tag::CodeBlock(_)) => in_block = true,
            Event::End(TagEnd::CodeBlock) => in_block = false,
            Event::Text(text) | Event::Code(text) if in_heading => heading.title.push_str(text),
            Event::Text(text) | Event::Code(text) if !in_block => {
                if in_first {
                    heading.text.push_str(text);
                }
                heading.words.extend(searched(text).filter(|word| words.insert(word.clone())));
            }
            Event::SoftBreak if in_first => heading.text.push(' '),
            _ => {}
        }
    }
    found
}

/// The words of a text in lower case: names with their dots, dashes and slashes, and nothing very short.
fn searched(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| c.is_whitespace() || "`,;:()[]{}\"'…".contains(c));
    let words = words.map(|word| word.trim_matches(['.', '!', '?', '*', '=']).to_lowercase());
    words.filter(|word| (3..=60).contains(&word.chars().count()))
}

/// The anchor of a heading.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// A description: paragraphs, lists and code. Links lead within this server, or into the web.
pub(super) fn prose(text: &str) -> String {
    render(text, |target| is_plain_target(target).then(|| target.to_owned())).html
}

/// A description that is one paragraph, without its tags.
pub(super) fn inline(text: &str) -> String {
    let html = prose(text);
    let only = html.trim_end().strip_prefix("<p>").and_then(|rest| rest.strip_suffix("</p>"));
    only.filter(|inner| !inner.contains("<p>")).map_or_else(|| html.clone(), str::to_owned)
}

/// Whether a link stays on this server or leads to a page of the web.
pub(super) fn is_plain_target(target: &str) -> bool {
    let local = target.starts_with('#') || (target.starts_with('/') && !target.starts_with("//"));
    local || ["https://", "http://", "mailto:"].iter().any(|scheme| target.starts_with(scheme))
}

/// A text as a cell of a Markdown table.
pub(super) fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_html_of_a_text_gets_into_a_page() {
        for (text, html) in [
            ("a <b>c</b> `<i>`", "<p>a &lt;b&gt;c&lt;/b&gt; <code>&lt;i&gt;</code></p>\n"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("<!-- rules: `x` -->\n\ntext", "<p>text</p>\n"),
            (
                "[x](javascript:alert(1)) [y](//evil.example) [z](/docs)",
                "<p>x y <a href=\"/docs\">z</a></p>\n",
            ),
            (
                "![a picture](https://a.example/x.png)",
                "<p><a href=\"https://a.example/x.png\">a picture</a></p>\n",
            ),
            ("```sh\necho '<a>'\n```", "<pre><code class=\"language-sh\">echo '&lt;a&gt;'\n</code></pre>\n"),
        ] {
            assert_eq!(prose(text), html, "{text}");
        }
        assert_eq!(inline("one *a*"), "one <em>a</em>");
        assert_eq!(inline("one\n\ntwo"), "<p>one</p>\n<p>two</p>\n");
        assert_eq!(inline(""), "");
    }

    #[test]
    fn tables_have_no_styles_and_no_empty_headings() {
        let html = prose("| | n |\n|---|---:|\n| a | 1 |");
        assert!(!html.contains("style=") && html.contains("<td></td><th>n</th>"), "{html}");
        assert!(html.starts_with("<div class=\"scroll\"") && html.ends_with("</div>\n"), "{html}");
    }

    #[test]
    fn headings_have_the_anchors_that_links_use() {
        let text = "# Title\nFirst `code` sentence. Second.\n\nOther.\n\n## Funnels, retention, pages\n\n## Goals\n### Goals\n#### `GET /v1/x` & more";
        let page = render(text, |_| None);
        let ids: Vec<_> = page.headings.iter().map(|heading| heading.id.as_str()).collect();
        assert_eq!(ids, ["title", "funnels-retention-pages", "goals", "goals-1", "get-v1x--more"]);
        assert_eq!((page.title(), page.summary()), ("Title", "First code sentence"));
        assert_eq!(page.headings[0].words, ["first", "code", "sentence", "second", "other"]);
        assert!(page.html.contains("<h2 id=\"funnels-retention-pages\">"), "{}", page.html);
    }
}
