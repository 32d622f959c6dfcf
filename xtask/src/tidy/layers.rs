//! Which crate and which module may import which: the table "Allowed imports" of ARCHITECTURE.md,
//! compared with what the sources name.
//!
//! A row names only rows above it, so imports go one way and no cycle of modules can arise. What
//! the table allows and nobody uses is an offence as well: the table shows the arrows there are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::imports::{Modules, named};
use super::source::{Source, sources};
use super::{Page, assert_none, offences, pages};
use crate::cargo::cargo;

/// The heading of the table.
const HEADING: &str = "## Allowed imports";
/// The server's interfaces, of which none names another.
const INTERFACES: [&str; 4] = ["server::api", "server::mcp", "server::dashboard", "server::cli"];
/// Crates that a module never names, however it comes by them.
const UNKNOWN_TO: &[(&str, &[&str])] = &[
    ("server::ops", &["axum", "http", "hyper", "serde_json", "utoipa", "askama"]),
    ("core", &["tokio", "sqlx", "axum", "rusqlite", "getrandom", "rand"]),
    ("control", &["axum"]),
    ("events", &["axum"]),
];

/// What the core would need to know an outside world: files, network, clock, randomness, waiting.
const OUTSIDE: &[&str] = &[
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::env::",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Utc::now",
    "Local::now",
    "getrandom",
    "rand::",
    "tokio",
    "async fn",
    "sqlx",
    "axum",
];

/// One row: a crate (`server`) or a top-level module of one (`server::ops`), and what it may import
/// of the same kind.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    name: String,
    may: BTreeSet<String>,
}

/// The rows of the table in their order.
fn table(text: &str) -> Vec<Row> {
    let section = text.split_once(HEADING).map(|(_, after)| after).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let row = |line: &str| {
        let mut cells = line.strip_prefix('|')?.split('|');
        let name = words(cells.next()?).into_iter().next()?;
        let krate = name.split_once("::").map(|(krate, _)| format!("{krate}::")).unwrap_or_default();
        let may = words(cells.next()?).into_iter().map(|word| format!("{krate}{word}")).collect();
        Some(Row { name, may })
    };
    section.lines().filter_map(row).collect()
}

/// Where a row names one that is not above it, or that is not there.
fn out_of_order(table: &[Row]) -> Vec<String> {
    let mut above = BTreeSet::new();
    let mut found = Vec::new();
    for row in table {
        let not_above = row.may.iter().filter(|name| !above.contains(*name));
        found.extend(not_above.map(|name| format!("{} names {name}, which is no row above it", row.name)));
        if !above.insert(row.name.clone()) {
            found.push(format!("{} has two rows", row.name));
        }
    }
    found
}

/// What differs between the modules' rows and the imports of the sources.
fn differences(table: &[Row], sources: &[Source]) -> Vec<String> {
    let mut imports: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let crates: BTreeSet<&str> = sources.iter().map(|source| source.krate.as_str()).collect();
    for krate in crates {
        let of_crate = || sources.iter().filter(|source| source.krate == krate);
        let modules = Modules::of(of_crate());
        for source in of_crate() {
            let Some(top) = source.top() else { continue };
            let importing = imports.entry(format!("{krate}::{top}")).or_default();
            let tops = named(source, &modules).modules.into_iter().filter_map(|file| file.into_iter().next());
            for other in tops.filter(|other| other != top) {
                importing.entry(format!("{krate}::{other}")).or_insert_with(|| source.path.clone());
            }
        }
    }
    let rows: BTreeMap<&str, &BTreeSet<String>> =
        table.iter().map(|row| (row.name.as_str(), &row.may)).collect();
    let (mut found, none) = (Vec::new(), BTreeSet::new());
    for (module, importing) in &imports {
        let may = rows.get(module.as_str()).copied();
        if may.is_none() {
            found.push(format!("{module} has no row"));
        }
        let may = may.unwrap_or(&none);
        let forbidden = importing.iter().filter(|(other, _)| !may.contains(*other));
        found
            .extend(forbidden.map(|(other, path)| format!("{path} imports {other}, which {module} may not")));
        let unused = may.iter().filter(|other| !importing.contains_key(*other));
        found.extend(unused.map(|other| format!("{module} may import {other} and does not")));
    }
    let gone = rows.keys().filter(|name| name.contains("::") && !imports.contains_key(**name));
    found.extend(gone.map(|name| format!("{name} has a row and no source")));
    found
}

/// Where a source names a crate that is unknown to its module.
fn names_unknown(source: &Source, modules: &Modules) -> Vec<String> {
    let own = [source.krate.clone(), format!("{}::{}", source.krate, source.top().unwrap_or_default())];
    let unknown = UNKNOWN_TO.iter().filter(|(module, _)| own.iter().any(|name| name == module));
    let others = named(source, modules).others;
    let named = unknown.flat_map(|(_, crates)| *crates).filter(|name| others.contains(**name));
    named.map(|name| format!("{}: names {name}", source.path)).collect()
}

fn architecture() -> Vec<Row> {
    let pages = pages();
    let page = pages.iter().find(|page| page.path == "ARCHITECTURE.md");
    table(page.map(|page| page.text.as_str()).unwrap_or_default())
}

#[test]
fn modules_import_what_the_table_allows() {
    let table = architecture();
    assert!(table.len() > INTERFACES.len(), "ARCHITECTURE.md has no table under {HEADING:?}");
    let found = [out_of_order(&table), differences(&table, &sources(&pages()))].concat();
    assert_none(&found.join("\n"));
}

#[test]
fn no_interface_may_name_another() {
    for row in architecture().iter().filter(|row| INTERFACES.contains(&row.name.as_str())) {
        let others: Vec<_> = row.may.iter().filter(|name| INTERFACES.contains(&name.as_str())).collect();
        assert!(others.is_empty(), "{} may name {others:?}", row.name);
    }
}

#[test]
fn what_a_layer_does_not_know_it_does_not_name() {
    let sources = sources(&pages());
    let modules = Modules::default();
    assert_none(
        &sources.iter().flat_map(|source| names_unknown(source, &modules)).collect::<Vec<_>>().join("\n"),
    );
}

#[test]
fn crates_depend_on_what_the_table_allows() {
    let output = cargo(["metadata", "--no-deps", "--offline", "--format-version", "1"]).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let mut depends: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let Some(krate) = folder(package["manifest_path"].as_str()) else { continue };
        let normal = package["dependencies"].as_array().unwrap().iter().filter(|one| one["kind"] != "dev");
        let ours = normal.filter_map(|one| folder(one["path"].as_str()));
        depends.insert(krate, ours.collect());
    }
    let rows = architecture().into_iter().filter(|row| !row.name.contains("::"));
    let allowed: BTreeMap<_, _> = rows.map(|row| (row.name, row.may)).collect();
    assert_eq!(depends, allowed, "dependencies and table differ");
}

#[test]
fn the_core_knows_no_outside_world() {
    assert_none(&offences(&pages(), |page: &Page| {
        let code = |line: &&str| !line.trim_start().starts_with("//");
        let source = page.is_rust() && page.path.starts_with("crates/core/src/");
        let lines =
            page.text.lines().filter(code).filter(|line| OUTSIDE.iter().any(|word| line.contains(word)));
        lines.filter(|_| source).map(|line| format!("knows an outside world: {}", line.trim())).collect()
    }));
}

/// The folder under `crates/` of a path in the repository.
fn folder(path: Option<&str>) -> Option<String> {
    let (_, below) = path?.split_once("/crates/")?;
    below.split('/').next().map(str::to_owned)
}

/// A crate `a` with these files below `src/`.
#[cfg(test)]
fn tree(files: &[(&str, &str)]) -> Vec<Source> {
    let page =
        |(path, text): &(&str, &str)| Page { path: format!("crates/a/src/{path}"), text: (*text).into() };
    sources(&files.iter().map(page).collect::<Vec<_>>())
}

#[test]
fn an_import_is_seen_in_whatever_form_it_comes() {
    let table = table(
        "## Allowed imports\n| module | may import |\n|---|---|\n| `a::low` | – |\n| `a::high` | – |\n",
    );
    for text in [
        "use crate::low::deep::Thing;",
        "use crate::{low::{self}};",
        "use super::low;",
        "pub use self::super::low::Thing;",
        "fn f() { crate::low::f(); }",
        "fn f() -> crate::low::Thing { todo() }",
        "impl crate::low::Trait for u8 {}",
        "fn f() { println!(\"{}\", crate::low::f()); }",
        "mod inner { use super::super::low::f; }",
        "use crate::Renamed;",
        "mod inner { fn f() { let _ = vec![super::super::low::f()]; } }",
    ] {
        let text = text.replace("self::super", "super");
        let sources = tree(&[
            ("lib.rs", "pub use low::Renamed; pub mod low; pub mod high;"),
            ("low.rs", "pub mod deep;"),
            ("low/deep.rs", ""),
            ("high.rs", &text),
        ]);
        let found = differences(&table, &sources);
        assert_eq!(found, ["crates/a/src/high.rs imports a::low, which a::high may not"], "{text}");
    }
}

#[test]
fn an_unlisted_module_an_unused_arrow_and_an_arrow_upwards_are_offences() {
    let text = "## Allowed imports\n| `a::low` | `high` |\n| `a::high` | `low` |\n| `a::gone` | – |\n\n## Next\n| `a::x` | – |";
    let table = table(text);
    assert_eq!(out_of_order(&table), ["a::low names a::high, which is no row above it"]);
    let sources = tree(&[
        ("lib.rs", ""),
        ("low.rs", "#[cfg(test)] mod tests { use crate::high; }"),
        ("high/mod.rs", "use super::low;"),
        ("new.rs", ""),
    ]);
    let found = differences(&table, &sources);
    let expected =
        ["a::low may import a::high and does not", "a::new has no row", "a::gone has a row and no source"];
    assert_eq!(found, expected);
}

#[test]
fn a_layer_that_names_a_crate_it_does_not_know_is_seen() {
    let page = Page {
        path: "crates/server/src/ops/keys.rs".into(),
        text: "use axum::http::StatusCode; fn f() { let _ = serde_json::json!({}); }".into(),
    };
    let sources = sources(&[page]);
    let found = names_unknown(&sources[0], &Modules::of(sources.iter()));
    assert_eq!(
        found,
        ["axum", "serde_json"].map(|name| format!("crates/server/src/ops/keys.rs: names {name}"))
    );
}
