//! Links of the Markdown pages to files of the repository. Never follows a link into the web.

use std::path::{Component, Path};

use super::{Page, assert_none, has_extension, offences, pages};
use crate::cargo::root;

#[test]
fn every_link_to_a_file_leads_somewhere_in_the_repository() {
    assert_none(&offences(&pages(), |page| {
        let broken = |target: &String| !leads_somewhere(&page.path, target);
        let targets = if has_extension(&page.path, "md") { file_links(page) } else { Vec::new() };
        targets.into_iter().filter(broken).map(|target| format!("links to {target}")).collect()
    }));
}

/// The targets of `[text](target)`, code left out, that are neither in the web nor in the page.
fn file_links(page: &Page) -> Vec<String> {
    let mut in_code = false;
    let mut targets = Vec::new();
    for line in page.text.lines() {
        in_code ^= line.trim_start().starts_with("```");
        // Every second piece between backticks is code.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
        let links = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ', '#']).next());
        let files = links
            .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"));
        targets.extend(files.filter(|_| !in_code).map(str::to_owned));
    }
    targets
}

/// Whether the target, seen from the page, exists and does not leave the repository.
fn leads_somewhere(page: &str, target: &str) -> bool {
    let joined = Path::new(page).parent().unwrap_or_else(|| Path::new("")).join(target);
    let mut depth = 0_i32;
    let stays = joined.components().all(|part| {
        depth += match part {
            Component::ParentDir => -1,
            Component::CurDir => 0,
            _ => 1,
        };
        depth >= 0
    });
    stays && !target.starts_with('/') && root().join(joined).exists()
}

#[test]
fn links_are_found_in_prose_only() {
    let text = "[a](docs/a.md#part) ![b](<x>) [c](https://c.example) [d](#here) `[e](e.md)`\n```\n[f](f.md)\n```\n[g](../g.md \"title\")";
    let page = Page { path: "README.md".into(), text: text.into() };
    assert_eq!(file_links(&page), ["docs/a.md", "<x>", "../g.md"]);
}

#[test]
fn a_link_out_of_the_repository_leads_nowhere() {
    assert!(leads_somewhere("docs/page.md", "../Cargo.toml"));
    assert!(leads_somewhere("README.md", "xtask/src"));
    for target in ["../../Cargo.toml", "/Cargo.toml", "missing.md"] {
        assert!(!leads_somewhere("docs/page.md", target), "{target}");
    }
}
