//! How large files, functions and folders of the product may grow. One that is larger has two
//! subjects, or more.

use std::collections::BTreeMap;

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, ItemImpl, ItemMod, Signature, TraitItemFn};

use super::source::{Source, is_for_tests, sources};
use super::{Page, assert_none, offences, pages};

/// The most lines of a source file of the product, the tests inside it included.
const MOST_LINES: usize = 450;
/// The most lines of them on average.
const MEAN_LINES: usize = 150;
/// The most lines of a function, from its signature to its last brace.
const MOST_LINES_OF_FUNCTION: usize = 60;
/// The most source files directly in a folder.
const MOST_FILES: usize = 16;

fn is_of_product(page: &Page) -> bool {
    page.is_rust() && page.path.starts_with("crates/") && page.path.contains("/src/")
}

fn too_long(page: &Page) -> Vec<String> {
    let lines = page.text.lines().count();
    let long = is_of_product(page) && lines > MOST_LINES;
    long.then(|| format!("{lines} lines, above {MOST_LINES}")).into_iter().collect()
}

fn too_many(pages: &[Page]) -> Vec<String> {
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for page in pages.iter().filter(|page| is_of_product(page)) {
        *folders.entry(page.path.rsplit_once('/').map_or("", |(folder, _)| folder)).or_default() += 1;
    }
    let full = folders.into_iter().filter(|(_, files)| *files > MOST_FILES);
    full.map(|(folder, files)| format!("{folder}: {files} source files, above {MOST_FILES}")).collect()
}

/// The functions of a source that are too long.
fn long_functions(source: &Source) -> Vec<String> {
    let mut functions = Functions::default();
    functions.visit_file(&source.file);
    let long = functions.0.into_iter().filter(|(_, lines)| *lines > MOST_LINES_OF_FUNCTION);
    long.map(|(name, lines)| format!("{}: `{name}` has {lines} lines", source.path)).collect()
}

/// Names and lines of functions, those of tests left out.
#[derive(Default)]
struct Functions(Vec<(String, usize)>);

impl Functions {
    fn note(&mut self, signature: &Signature, block: &Block) {
        let (from, to) = (signature.span().start().line, block.span().end().line);
        self.0.push((signature.ident.to_string(), to + 1 - from));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.note(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.note(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.note(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[test]
fn no_source_file_outgrows_its_subject() {
    assert_none(&offences(&pages(), too_long));
}

#[test]
fn files_are_short_on_average() {
    let pages = pages();
    let lines: Vec<_> =
        pages.iter().filter(|page| is_of_product(page)).map(|page| page.text.lines().count()).collect();
    let (files, lines) = (lines.len(), lines.iter().sum::<usize>());
    assert!(lines <= MEAN_LINES * files, "{lines} lines in {files} files: above {MEAN_LINES} on average");
}

#[test]
fn no_folder_holds_more_files_than_one_can_look_through() {
    assert_none(&too_many(&pages()).join("\n"));
}

#[test]
fn no_function_outgrows_a_screen() {
    let long = sources(&pages()).iter().flat_map(long_functions).collect::<Vec<_>>();
    assert_none(&long.join("\n"));
}

#[test]
fn what_is_too_large_is_seen() {
    let page = |path: &str, text: String| Page { path: path.into(), text };
    assert_eq!(too_long(&page("crates/a/src/b.rs", "\n".repeat(451))), ["451 lines, above 450"]);
    assert!(too_long(&page("crates/a/src/b.rs", "\n".repeat(450))).is_empty());
    assert!(too_long(&page("crates/a/tests/b.rs", "\n".repeat(451))).is_empty());
    let folder: Vec<_> =
        (0..17).map(|number| page(&format!("crates/a/src/b/{number}.rs"), String::new())).collect();
    assert_eq!(too_many(&folder), ["crates/a/src/b: 17 source files, above 16"]);
    let body = |lines: usize| format!("{{{}}}", "\n".repeat(lines - 1));
    let text = format!(
        "fn a() {}\nimpl B {{ fn b() {} }}\ntrait C {{ fn c() {} }}\n#[cfg(test)] mod tests {{ fn d() {} }}",
        body(61),
        body(61),
        body(60),
        body(61)
    );
    let sources = sources(&[page("crates/a/src/b.rs", text)]);
    let long = sources.iter().flat_map(long_functions).collect::<Vec<_>>();
    assert_eq!(long, ["crates/a/src/b.rs: `a` has 61 lines", "crates/a/src/b.rs: `b` has 61 lines"]);
}
