//! The pages of `docs/`, which are part of the program: in the order in which a new reader wants them.
//!
//! A page `sdk/python.md` is served as HTML at `/docs/sdk/python` and as Markdown at `/docs/sdk/python.md`;
//! `recipes/README.md` at `/docs/recipes` and `/docs/recipes/README.md`. A test in `xtask/src/tidy` fails if one is
//! missing here.

use std::cmp::Reverse;
use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag};

use super::markdown::{Rendered, is_plain_target, render};

/// A page as it is in the repository.
#[derive(Debug)]
pub(super) struct Page {
    /// Where its Markdown is served, below `/docs/`.
    pub(super) file: &'static str,
    /// Its path in the repository.
    path: &'static str,
    text: &'static str,
}

/// Pages about one subject.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) pages: &'static [Page],
    /// Whether it is about how Millimetric is built: of interest to few readers.
    pub(super) internal: bool,
}

macro_rules! group {
    ($title:literal, $internal:literal: $($file:literal $(= $path:literal)?),* $(,)?) => {
        Group { title: $title, internal: $internal, pages: &[$(group!(@ $file $(, $path)?)),*] }
    };
    (@ $file:literal) => {
        Page { file: $file, path: concat!("docs/", $file), text: include_str!(concat!("../../../../../docs/", $file)) }
    };
    (@ $file:literal, $path:literal) => {
        Page { file: $file, path: $path, text: include_str!(concat!("../../../../../", $path)) }
    };
}

/// Every page.
pub(super) const GROUPS: &[Group] = &[
    group!("Get started", false: "first-event.md", "api.md", "dashboard.md", "mcp.md"),
    group!("Guides", false: "attribution.md", "identity.md"),
    group!("Recipes", false:
        "recipes/README.md",
        "recipes/signup-funnel.md",
        "recipes/shop.md",
        "recipes/marketing.md",
        "recipes/own-rules.md",
        "recipes/server-side-events.md",
        "recipes/gdpr-requests.md",
    ),
    group!("SDKs", false:
        "sdk/README.md",
        "sdk/install.md",
        "sdk/snippet.md",
        "sdk/react.md",
        "sdk/nextjs.md",
        "sdk/vue.md",
        "sdk/svelte.md",
        "sdk/node.md",
        "sdk/express.md",
        "sdk/worker.md",
        "sdk/curl.md",
        "sdk/segment.md",
        "sdk/python.md",
        "sdk/php.md",
        "sdk/ruby.md",
        "sdk/go.md",
        "sdk/java.md",
        "sdk/dotnet.md",
        "sdk/swift.md",
        "sdk/kotlin.md",
        "sdk/rust.md",
        "sdk/identity.md",
        "sdk/consent.md",
    ),
    group!("Manage", false: "management.md", "terraform.md"),
    group!("Operate", false: "self-hosting.md", "scaling.md", "changelog.md" = "CHANGELOG.md"),
    group!("How it is built", true:
        "benchmarks.md",
        "testing.md",
        "decisions/0001-one-metrics-registry-in-the-app.md",
        "decisions/0002-commands-reach-a-running-server-through-a-socket.md",
        "decisions/0003-what-a-kind-can-never-do-is-told-first.md",
        "decisions/0004-exactly-once-by-filters-not-by-an-index.md",
        "decisions/0005-visitors-are-followed-in-parts-not-by-a-state-for-each.md",
        "decisions/0006-what-a-segment-has-of-sessions-and-groups-is-kept.md",
        "decisions/0007-jemalloc-gives-memory-back.md",
        "decisions/0008-queries-have-slots-not-a-thread-pool.md",
        "decisions/0009-events-db-is-written-through-rusqlite.md",
        "decisions/0010-the-write-path-looks-up-duplicates-in-columns.md",
        "decisions/0011-sets-sketches-and-the-batch-codec-stay-our-own.md",
        "decisions/0012-sessions-are-joined-at-the-borders-of-chunks.md",
        "decisions/0013-a-batch-of-segment-loses-only-its-invalid-messages.md",
        "decisions/0014-which-rows-pass-a-filter-is-kept.md",
        "decisions/0015-a-repeated-response-is-stored-with-its-change.md",
        "decisions/0016-the-cache-follows-the-memory.md",
        "decisions/0017-what-the-clickhouse-store-keeps-in-clickhouse.md",
        "decisions/0018-servers-share-a-database-without-listening-or-locks.md",
        "decisions/0019-a-move-compares-instead-of-remembering.md",
    ),
];

/// Every page, in order.
pub(super) fn all() -> impl Iterator<Item = &'static Page> {
    GROUPS.iter().flat_map(|group| group.pages)
}

impl Page {
    /// The address of the page as HTML, below `/docs/`.
    pub(super) fn name(&self) -> &'static str {
        let name = self.file.trim_end_matches(".md");
        name.strip_suffix("/README").unwrap_or(name)
    }

    /// The page as HTML.
    pub(super) fn rendered(&self) -> Rendered {
        render(self.text, |target| Some(self.address(target)))
    }

    /// The page's title.
    pub(super) fn title(&self) -> String {
        let line = self.text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(self.file);
        line.replace('`', "")
    }

    /// The page as Markdown. Links to other pages stay as they are, since these are served at the same relative
    /// addresses; others become absolute.
    pub(super) fn markdown(&self) -> String {
        let events = Parser::new_ext(self.text, Options::ENABLE_TABLES).into_offset_iter();
        let mut changes: Vec<(Range<usize>, String)> = Vec::new();
        for (event, range) in events {
            let (Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }), Some(whole)) =
                (event, self.text.get(range.clone()))
            else {
                continue;
            };
            let marked = format!("]({dest_url}");
            if let (Some(wanted), Some(at)) = (self.markdown_target(&dest_url), whole.rfind(&marked)) {
                let end = range.start + at + marked.len();
                changes.push((end - dest_url.len()..end, wanted));
            }
        }
        // From the end, so that the positions of the others stay true.
        changes.sort_by_key(|(range, _)| Reverse(range.start));
        let mut text = self.text.to_owned();
        for (range, wanted) in changes {
            text.replace_range(range, &wanted);
        }
        text
    }

    /// What a link becomes in the Markdown; `None` if it stays.
    fn markdown_target(&self, target: &str) -> Option<String> {
        if is_plain_target(target) {
            return None;
        }
        let (path, fragment) = split(target);
        let repository_path = self.joined(path);
        match all().find(|page| page.path == repository_path) {
            Some(_) if self.path.starts_with("docs/") && repository_path.starts_with("docs/") => None,
            Some(page) => Some(format!("/docs/{}{fragment}", page.file)),
            None => Some(self.address(target)),
        }
    }

    /// Where a link of the page leads: a page of this server, the OpenAPI document, or a file of the repository.
    fn address(&self, target: &str) -> String {
        if is_plain_target(target) {
            return target.to_owned();
        }
        let (path, fragment) = split(target);
        let path = self.joined(path);
        let named = |page: &&Page| page.path == path || page.path == format!("{path}/README.md");
        if let Some(page) = all().find(named) {
            return format!("/docs/{}{fragment}", page.name());
        }
        match path.as_str() {
            "spec/openapi.json" => "/openapi.json".to_owned(),
            _ => format!("{}/blob/main/{path}{fragment}", env!("CARGO_PKG_REPOSITORY")),
        }
    }

    /// A relative path, seen from this page, from the root of the repository.
    fn joined(&self, target: &str) -> String {
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in target.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        parts.join("/")
    }
}

/// The path of a link, and its fragment with the `#`.
fn split(target: &str) -> (&str, &str) {
    target.find('#').map_or((target, ""), |at| target.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(path: &'static str, text: &'static str) -> Page {
        Page { file: path.strip_prefix("docs/").unwrap_or("changelog.md"), path, text }
    }

    #[test]
    fn links_lead_to_pages_of_this_server_or_to_the_repository() {
        let repository = env!("CARGO_PKG_REPOSITORY");
        let recipe = page("docs/recipes/shop.md", "");
        for (target, address, markdown) in [
            ("../api.md#goals", "/docs/api#goals".to_owned(), None),
            ("README.md", "/docs/recipes".to_owned(), None),
            ("../recipes/", "/docs/recipes".to_owned(), Some("/docs/recipes".to_owned())),
            ("../../spec/openapi.json", "/openapi.json".to_owned(), Some("/openapi.json".to_owned())),
            ("../../CHANGELOG.md", "/docs/changelog".to_owned(), Some("/docs/changelog.md".to_owned())),
            (
                "../../Cargo.toml",
                format!("{repository}/blob/main/Cargo.toml"),
                Some(format!("{repository}/blob/main/Cargo.toml")),
            ),
            ("https://a.example/", "https://a.example/".to_owned(), None),
            ("#here", "#here".to_owned(), None),
        ] {
            assert_eq!(recipe.address(target), address, "{target}");
            assert_eq!(recipe.markdown_target(target), markdown, "{target}");
        }
        assert_eq!(page("docs/api.md", "").name(), "api");
        assert_eq!(page("docs/recipes/README.md", "").name(), "recipes");
    }

    #[test]
    fn only_links_of_the_markdown_change() {
        let changes = page(
            "CHANGELOG.md",
            "`[x](docs/api.md)` [a](docs/api.md#goals) [![b](docs/x.png)](docs/mcp.md) [c](https://c.example)",
        );
        let repository = env!("CARGO_PKG_REPOSITORY");
        assert_eq!(
            changes.markdown(),
            format!(
                "`[x](docs/api.md)` [a](/docs/api.md#goals) [![b]({repository}/blob/main/docs/x.png)](/docs/mcp.md) [c](https://c.example)"
            )
        );
        assert_eq!(changes.title(), "changelog.md");
    }

    #[test]
    fn every_page_has_a_title_and_an_address_of_its_own() {
        let mut names = std::collections::HashSet::new();
        for page in all() {
            assert!(names.insert(page.name()), "{} twice", page.name());
            assert_eq!(page.rendered().title(), page.title(), "{}", page.file);
            assert_eq!(
                page.rendered().headings.iter().filter(|heading| heading.level == 1).count(),
                1,
                "{}",
                page.file
            );
        }
    }
}
