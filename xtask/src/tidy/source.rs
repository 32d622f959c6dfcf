//! The product's source files, parsed: where each stands among the modules of its crate.
//!
//! Code that only tests compile (`#[cfg(test)]`) is no part of the product and is left out.

use std::collections::BTreeSet;

use syn::{Attribute, File, Item, Meta};

use super::Page;

/// The path of a module below its crate's root, such as `["http", "local"]`; empty for the root.
pub(super) type Module = Vec<String>;

/// A source file of a crate under `crates/`.
pub(super) struct Source {
    /// Relative to the repository's root.
    pub(super) path: String,
    /// The crate's folder, such as `server`.
    pub(super) krate: String,
    pub(super) module: Module,
    pub(super) file: File,
}

impl Source {
    /// Parses a page; `None` if it is no source of the product.
    fn of(page: &Page) -> Option<Self> {
        let (krate, below) = page.path.strip_prefix("crates/")?.split_once("/src/")?;
        let mut module: Module = below.strip_suffix(".rs")?.split('/').map(str::to_owned).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            module.pop();
        }
        let file = syn::parse_file(&page.text).unwrap_or_else(|error| panic!("{}: {error}", page.path));
        Some(Self { path: page.path.clone(), krate: krate.to_owned(), module, file })
    }

    /// The first segment of the module: the unit of the table of imports. `None` for the root.
    pub(super) fn top(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }

    /// The modules that this file declares for tests alone.
    fn test_modules(&self) -> impl Iterator<Item = (String, Module)> {
        let for_tests = self.file.items.iter().filter_map(|item| match item {
            Item::Mod(module) if is_for_tests(&module.attrs) => Some(module.ident.to_string()),
            _ => None,
        });
        for_tests.map(|name| (self.krate.clone(), [self.module.clone(), vec![name]].concat()))
    }
}

/// The product's sources among the pages.
pub(super) fn sources(pages: &[Page]) -> Vec<Source> {
    let mut found: Vec<Source> = pages.iter().filter_map(Source::of).collect();
    let tests: BTreeSet<_> = found.iter().flat_map(Source::test_modules).collect();
    found.retain(|source| {
        let mut prefixes = (1..=source.module.len()).map(|length| source.module[..length].to_vec());
        !prefixes.any(|prefix| tests.contains(&(source.krate.clone(), prefix)))
    });
    found
}

/// Whether an item carries `#[cfg(test)]`.
pub(super) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}
