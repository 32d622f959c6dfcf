//! The walls between the rooms: which crate may depend on which, which part of the server may
//! name which, and what the core never touches. The allowed arrows are the tables below; a new
//! one is an architecture change.

use serde_json::Value;

use super::{Page, assert_none, offences, pages};
use crate::cargo::cargo;

/// Each crate of the product, and the crates of the product that it may name.
const ARROWS: &[(&str, &[&str])] = &[
    ("millimetric-core", &[]),
    ("millimetric-events", &["millimetric-core"]),
    ("millimetric-events-embedded", &["millimetric-core", "millimetric-events"]),
    ("millimetric-control", &["millimetric-core"]),
    (
        "millimetric",
        &["millimetric-core", "millimetric-events", "millimetric-events-embedded", "millimetric-control"],
    ),
];

/// Parts of the server, and the parts that each never names: doors do not know each other, and
/// what the product can do knows no door.
const CLOSED: &[(&str, &[&str])] = &[
    ("api", &["mcp", "dashboard"]),
    ("mcp", &["api", "dashboard"]),
    ("dashboard", &["api", "mcp"]),
    ("ops", &["api", "mcp", "dashboard"]),
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

#[test]
fn crates_name_only_the_crates_that_they_may() {
    let output = cargo(["metadata", "--no-deps", "--offline", "--format-version", "1"]).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata answers JSON");
    let packages = metadata["packages"].as_array().unwrap();
    let mut seen = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let Some((name, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            assert_eq!(name, "xtask", "a new crate: give it its arrows in this table");
            continue;
        };
        seen.push(*name);
        for dependency in package["dependencies"].as_array().unwrap() {
            let other = dependency["name"].as_str().unwrap();
            let ours = !dependency["path"].is_null();
            assert!(!ours || allowed.contains(&other), "{name} may not depend on {other}");
        }
    }
    assert_eq!(seen.len(), ARROWS.len(), "of the crates of the table only {seen:?} are there");
}

#[test]
fn no_door_of_the_server_names_another() {
    assert_none(&offences(&pages(), |page| {
        let closed = CLOSED.iter().find(|(part, _)| is_in_part(&page.path, part));
        let named = named_parts(&page.text);
        let forbidden = closed.map_or(&[][..], |(_, others)| others);
        forbidden
            .iter()
            .filter(|other| named.contains(other))
            .map(|other| format!("names `{other}`"))
            .collect()
    }));
}

fn is_in_part(path: &str, part: &str) -> bool {
    let inside = path.strip_prefix("crates/server/src/").and_then(|rest| rest.strip_prefix(part));
    inside.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// The parts that a source names after `crate::` or `super::`, in paths and in braces alike.
fn named_parts(text: &str) -> Vec<&str> {
    let starts = text.match_indices("crate::").chain(text.match_indices("super::"));
    starts.flat_map(|(at, prefix)| first_names(&text[at + prefix.len()..])).collect()
}

/// The first segment of each path in a use tree: of `a::b` it is `a`, of `{a::{b}, c}` `a` and `c`.
fn first_names(tree: &str) -> Vec<&str> {
    let name_of = |path: &'_ str| path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
    let Some(inside) = tree.strip_prefix('{') else { return vec![&tree[..name_of(tree)]] };
    let (mut depth, mut begins, mut names) = (1, 0, Vec::new());
    for (at, character) in inside.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if (character == ',' && depth == 1) || depth == 0 {
            let path = inside[begins..at].trim();
            names.push(&path[..name_of(path)]);
            begins = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    names
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

#[test]
fn names_are_found_in_paths_and_in_braces() {
    for (text, names) in [
        ("use crate::ops::keys;", vec!["ops"]),
        ("use crate::{ops::{keys, mcp}, wire, dashboard::page};", vec!["ops", "wire", "dashboard"]),
        ("super::super::mcp::answer()", vec!["super", "mcp"]),
        ("let mcp = 1;", vec![]),
    ] {
        assert_eq!(named_parts(text), names, "{text}");
    }
    assert!(
        is_in_part("crates/server/src/api/track.rs", "api") && is_in_part("crates/server/src/mcp.rs", "mcp")
    );
    assert!(
        !is_in_part("crates/server/src/apiary.rs", "api") && !is_in_part("crates/core/src/api.rs", "api")
    );
}
