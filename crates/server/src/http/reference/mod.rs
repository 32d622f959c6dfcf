//! The documentation at `/docs`: the API reference, drawn from the OpenAPI document, and the pages of `docs/`; each
//! as HTML and as Markdown, with an index for the search on the pages, and as one text for language models.
//!
//! Shows nothing that the document, the pages, the error codes and the limits do not say; escapes everything.

mod code;
mod examples;
mod fields;
mod frame;
mod limits;
mod llms;
mod markdown;
mod operations;
mod pages;
pub mod routes;
mod samples;
mod search;
mod spec;

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;

use self::frame::Frame;
use self::limits::{Limit, limits};
use self::operations::{Section, sections};
use self::pages::Page;
use self::spec::{Spec, list, members, text};
use super::openapi;
use crate::config::Settings;
use crate::document::Document;
use crate::state::documents::{Docs, Lazy};

const HTML: &str = "text/html; charset=utf-8";
const MARKDOWN: &str = "text/markdown; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// What the reference shows.
#[derive(Debug)]
struct Reference {
    base: String,
    /// In Markdown.
    introduction: String,
    /// Names of keys, and what each is, in Markdown.
    schemes: Vec<(String, String)>,
    sections: Vec<Section>,
    codes: Vec<Code>,
    limits: Vec<Limit>,
}

/// An error code.
#[derive(Debug)]
struct Code {
    name: String,
    status: u64,
    /// In Markdown, as the next one.
    message: String,
    fix: String,
}

impl Code {
    fn meaning(&self) -> String {
        markdown::inline(&self.message)
    }

    fn remedy(&self) -> String {
        markdown::inline(&self.fix)
    }
}

impl Limit {
    fn what_html(&self) -> String {
        markdown::inline(self.what)
    }

    fn beyond_html(&self) -> String {
        markdown::inline(self.beyond)
    }
}

impl Reference {
    /// The reference of a server that clients reach at `base`.
    fn new(base: &str, settings: &Settings) -> Self {
        let document = openapi::document();
        let spec = Spec(&document);
        // Those of most readers first.
        let rank = |name: &str| ["pk", "sk", "rk", "ak"].iter().position(|known| *known == name).unwrap_or(9);
        let mut schemes: Vec<_> = members(&document["components"]["securitySchemes"])
            .map(|(name, scheme)| (name.to_owned(), text(&scheme["description"])))
            .collect();
        schemes.sort_by_key(|(name, _)| rank(name));
        let codes = list(&document["x-error-codes"]).iter().map(|row| Code {
            name: text(&row["code"]),
            status: row["status"].as_u64().unwrap_or_default(),
            message: text(&row["message"]),
            fix: text(&row["fix"]),
        });
        Self {
            base: base.to_owned(),
            introduction: text(&document["info"]["description"]),
            schemes,
            sections: sections(spec, base),
            codes: codes.collect(),
            limits: limits(settings),
        }
    }
}

/// The reference as a page.
#[derive(Debug, Template)]
#[template(path = "docs/reference.html")]
struct ReferencePage<'a> {
    frame: Frame,
    base: &'a str,
    introduction: String,
    schemes: Vec<(&'a str, String)>,
    sections: &'a [Section],
    codes: &'a [Code],
    limits: &'a [Limit],
    languages: Vec<(&'static str, &'static str)>,
}

/// The reference as Markdown.
#[derive(Debug, Template)]
#[template(path = "docs/reference.md", escape = "none")]
struct ReferenceText<'a> {
    base: &'a str,
    introduction: &'a str,
    schemes: &'a [(String, String)],
    sections: &'a [Section],
    codes: &'a [Code],
    limits: &'a [Limit],
}

/// A page of `docs/`.
#[derive(Debug, Template)]
#[template(path = "docs/page.html")]
struct DocsPage {
    frame: Frame,
    html: String,
}

impl Reference {
    fn html(&self) -> askama::Result<String> {
        let samples = self.sections.iter().flat_map(|section| &section.operations).map(|one| &one.samples);
        let languages = samples.max_by_key(|samples| samples.len()).into_iter().flatten();
        ReferencePage {
            frame: Frame::of_reference(&self.sections),
            base: &self.base,
            introduction: markdown::prose(&self.introduction),
            schemes: self
                .schemes
                .iter()
                .map(|(name, text)| (name.as_str(), markdown::inline(text)))
                .collect(),
            sections: &self.sections,
            codes: &self.codes,
            limits: &self.limits,
            languages: languages.map(|sample| (sample.language, sample.title)).collect(),
        }
        .render()
    }

    fn markdown(&self) -> askama::Result<String> {
        ReferenceText {
            base: &self.base,
            introduction: &self.introduction,
            schemes: &self.schemes,
            sections: &self.sections,
            codes: &self.codes,
            limits: &self.limits,
        }
        .render()
    }
}

fn page_html(page: &Page, reference: &Reference) -> askama::Result<String> {
    let rendered = page.rendered();
    DocsPage { frame: Frame::of_page(page, rendered.title(), &reference.sections), html: rendered.html }
        .render()
}

/// Every document below `/docs`, and those for language models; each is made when it is first requested.
pub fn docs(base: &str, settings: &Settings) -> Docs {
    let source = Arc::new((base.to_owned(), settings.clone()));
    let lazy = |media_type, make: fn(&Reference) -> anyhow::Result<String>| {
        let source = Arc::clone(&source);
        Lazy::new(move || Ok(Document::new(make(&Reference::new(&source.0, &source.1))?, media_type)))
    };
    let mut docs = Docs {
        reference: lazy(HTML, |reference| Ok(reference.html()?)),
        pages: HashMap::new(),
        llms: lazy(TEXT, |reference| Ok(llms::index(&reference.base))),
        llms_full: lazy(TEXT, llms::full),
    };
    let mut add = |name: String, page| drop(docs.pages.insert(name, page));
    add("reference.md".to_owned(), lazy(MARKDOWN, |reference| Ok(reference.markdown()?)));
    add(
        "search.json".to_owned(),
        lazy("application/json", |reference| Ok(search::index(&reference.sections).to_string())),
    );
    for page in pages::all() {
        let source = Arc::clone(&source);
        let html = move || {
            let reference = Reference::new(&source.0, &source.1);
            Ok(Document::new(page_html(page, &reference)?, HTML))
        };
        add(page.name().to_owned(), Lazy::new(html));
        add(page.file.to_owned(), Lazy::new(|| Ok(Document::new(page.markdown(), MARKDOWN))));
    }
    docs
}
