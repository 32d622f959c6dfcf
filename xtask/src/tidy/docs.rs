//! The pages of `docs/` on a running server: each is in the table of pages that the program embeds.

use super::{assert_none, has_extension, offences, pages};

/// The table.
const TABLE: &str = "crates/server/src/http/reference/pages.rs";

#[test]
fn every_page_of_the_documentation_is_served() {
    let pages = pages();
    let table =
        pages.iter().find(|page| page.path == TABLE).map(|page| page.text.as_str()).unwrap_or_default();
    assert!(table.contains("\"api.md\""), "the table was not found");
    assert_none(&offences(&pages, |page| {
        let name = page.path.strip_prefix("docs/").filter(|name| has_extension(name, "md"));
        let missing = name.filter(|name| !table.contains(&format!("\"{name}\"")));
        missing.map(|_| format!("is not in {TABLE}")).into_iter().collect()
    }));
}
