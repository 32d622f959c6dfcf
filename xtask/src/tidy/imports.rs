//! What a source file names: every path in use declarations, types, expressions and the arguments
//! of macros, resolved to the files of its crate.
//!
//! Knows no scopes: the path of a name that a use declaration brought in counts where it was
//! brought in. Code under `#[cfg(test)]` is left out: a test may name anything.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ImplItemFn, Item, ItemFn, ItemImpl, ItemMod, ItemUse, Macro, Path, UseTree};

use super::source::{Module, Source, is_for_tests};

/// The files of one crate by their module, and where the names come from that its root re-exports.
#[derive(Debug, Default)]
pub(super) struct Modules {
    files: BTreeSet<Module>,
    reexports: BTreeMap<String, Module>,
}

impl Modules {
    /// Those of the crate's sources.
    pub(super) fn of<'a>(sources: impl Iterator<Item = &'a Source>) -> Self {
        let (mut modules, mut root_uses) = (Self::default(), Vec::new());
        for source in sources {
            modules.files.insert(source.module.clone());
            if source.module.is_empty() {
                for item in &source.file.items {
                    if let Item::Use(item) = item {
                        paths_of(&item.tree, &mut Vec::new(), &mut root_uses);
                    }
                }
            }
        }
        for path in root_uses {
            let path = if path[0] == "crate" || path[0] == "self" { &path[1..] } else { &path[..] };
            if let (Some(name), Some(file)) = (path.last(), modules.file_of(path)) {
                modules.reexports.insert(name.clone(), file);
            }
        }
        modules
    }

    /// The file of the innermost module that a path below the root names; `None` if the root itself
    /// defines its first segment.
    fn file_of(&self, path: &[String]) -> Option<Module> {
        let prefixes = (1..=path.len()).rev().map(|length| &path[..length]);
        let file = prefixes.map(<[String]>::to_vec).find(|prefix| self.files.contains(prefix));
        file.or_else(|| self.reexports.get(path.first()?).cloned())
    }
}

/// What one file names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// Files of the same crate, by module.
    pub(super) modules: BTreeSet<Module>,
    /// First segments of all other paths, which are crates among others.
    pub(super) others: BTreeSet<String>,
}

/// What a source names.
pub(super) fn named(source: &Source, modules: &Modules) -> Named {
    let mut visitor = ImportVisitor { at: source.module.clone(), modules, found: Named::default() };
    visitor.visit_file(&source.file);
    visitor.found.modules.remove(&source.module);
    visitor.found
}

struct ImportVisitor<'a> {
    /// The module in which the visitor is: that of the file, or one inside it.
    at: Module,
    modules: &'a Modules,
    found: Named,
}

impl ImportVisitor<'_> {
    fn note(&mut self, path: &[String]) {
        let mut base = self.at.clone();
        let mut rest = path;
        match path {
            [first, ..] if first == "crate" => (base, rest) = (Module::new(), &path[1..]),
            [first, ..] if first == "self" => rest = &path[1..],
            [first, ..] if first == "super" => {
                while let [first, after @ ..] = rest
                    && first == "super"
                {
                    base.pop();
                    rest = after;
                }
            }
            [first, ..]
                if !self.modules.files.contains(&[&base[..], std::slice::from_ref(first)].concat()) =>
            {
                self.found.others.insert(first.clone());
                return;
            }
            _ => {}
        }
        base.extend_from_slice(rest);
        self.found.modules.extend(self.modules.file_of(&base));
    }

    /// Paths among the tokens of a macro's arguments: identifiers joined by `::`.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Vec::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if colons != 2 {
                        self.note_long(&std::mem::take(&mut path));
                    }
                    path.push(word.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => colons += 1,
                TokenTree::Group(group) => {
                    self.note_long(&std::mem::take(&mut path));
                    self.note_tokens(group.stream());
                }
                _ => self.note_long(&std::mem::take(&mut path)),
            }
        }
        self.note_long(&path);
    }

    /// Notes a path that is more than a name of the scope.
    fn note_long(&mut self, path: &[String]) {
        if path.len() > 1 {
            self.note(path);
        }
    }
}

impl<'ast> Visit<'ast> for ImportVisitor<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_for_tests(&item.attrs) && item.content.is_some() {
            self.at.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.at.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_for_tests(&item.attrs) {
            let mut paths = Vec::new();
            paths_of(&item.tree, &mut Vec::new(), &mut paths);
            for path in &paths {
                self.note(path);
            }
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.note_long(&segments);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.note_tokens(called.tokens.clone());
        visit::visit_macro(self, called);
    }
}

/// Every path of a use tree, whole; of a glob the module, of `a::{self}` just `a`.
fn paths_of(tree: &UseTree, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let mut leaf = |name: &syn::Ident| {
        let name = (name != "self").then(|| name.to_string());
        found.push(prefix.iter().cloned().chain(name).collect());
    };
    match tree {
        UseTree::Name(name) => leaf(&name.ident),
        UseTree::Rename(rename) => leaf(&rename.ident),
        UseTree::Glob(_) => found.push(prefix.clone()),
        UseTree::Group(group) => group.items.iter().for_each(|tree| paths_of(tree, prefix, found)),
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            paths_of(&path.tree, prefix, found);
            prefix.pop();
        }
    }
}
