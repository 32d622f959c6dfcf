//! What stands around every page of the documentation: its title, and the menu with all others.

use super::operations::Section;
use super::pages::{GROUPS, Page};
use crate::dashboard;

/// The title, and the menu.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) title: String,
    /// The address of the same page as Markdown.
    pub(super) markdown: String,
    pub(super) groups: Vec<Group>,
}

/// Links with a title.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) title: String,
    pub(super) links: Vec<Link>,
    /// Whether they are shown from the start.
    pub(super) open: bool,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) title: String,
    pub(super) address: String,
    /// Of an operation.
    pub(super) method: Option<String>,
    pub(super) current: bool,
}

/// The groups of pages that come before the reference.
const BEFORE: usize = 2;

impl Frame {
    /// Around the reference, whose operations are in the menu.
    pub(super) fn of_reference(sections: &[Section]) -> Self {
        let mut groups: Vec<Group> = pages(None);
        let parts = [("Authentication", "authentication")].into_iter().chain(ENDS);
        let parts = parts.map(|(title, id)| Link::to(title, format!("#{id}"))).collect();
        let mut middle = vec![Group { title: "API reference".to_owned(), links: parts, open: true }];
        middle.extend(sections.iter().map(|section| {
            let links = section.operations.iter().map(|operation| Link {
                method: Some(operation.method.clone()),
                ..Link::to(&operation.path, format!("#{}", operation.id))
            });
            Group { title: section.title.clone(), links: links.collect(), open: true }
        }));
        groups.splice(BEFORE..BEFORE, middle);
        Self { title: "API reference".to_owned(), markdown: "/docs/reference.md".to_owned(), groups }
    }

    /// Around a page.
    pub(super) fn of_page(page: &Page, title: &str, sections: &[Section]) -> Self {
        let mut groups = pages(Some(page));
        let tags =
            sections.iter().map(|section| Link::to(&section.title, format!("/docs#tag-{}", section.tag)));
        let all = [Link::to("All operations", "/docs".to_owned())].into_iter().chain(tags);
        let ends = ENDS.into_iter().map(|(title, id)| Link::to(title, format!("/docs#{id}")));
        let links = all.chain(ends).collect();
        groups.insert(BEFORE, Group { title: "API reference".to_owned(), links, open: true });
        Self { title: title.to_owned(), markdown: format!("/docs/{}", page.file), groups }
    }

    /// Where an asset is served.
    #[expect(clippy::unused_self, reason = "the template asks the frame for its assets")]
    pub(super) fn asset(&self, name: &str) -> String {
        dashboard::asset_address(name)
    }
}

/// The last sections of the reference: title and anchor.
const ENDS: [(&str, &str); 2] = [("Error codes", "error-codes"), ("Limits", "server-limits")];

/// The groups of pages; the one with the current page is open.
fn pages(current: Option<&Page>) -> Vec<Group> {
    let is_current = |page: &Page| current.is_some_and(|current| current.file == page.file);
    let groups = GROUPS.iter().enumerate().map(|(index, group)| {
        let link = |page: &Page| Link {
            current: is_current(page),
            ..Link::to(&page.title(), format!("/docs/{}", page.name()))
        };
        let open = index == 0 || group.pages.iter().any(is_current);
        Group { title: group.title.to_owned(), links: group.pages.iter().map(link).collect(), open }
    });
    groups.collect()
}

impl Link {
    fn to(title: &str, address: String) -> Self {
        Self { title: title.to_owned(), address, method: None, current: false }
    }
}
