//! Rules of the repository that no compiler checks, as tests: what every file looks like (here), which
//! module may import which ([`layers`]), how large files and functions may grow ([`sizes`]), that links lead to
//! files ([`links`]), that the server shows every page of the documentation ([`docs`]), and that what [`scaling`] names
//! exists.
//!
//! Reads the working tree; folders that hold nothing of ours are left out.

mod docs;
mod imports;
mod layers;
mod links;
mod scaling;
mod sizes;
mod source;

use std::fs;
use std::path::Path;

use crate::cargo::root;

/// Folders that hold nothing of ours.
const NOT_OURS: &[&str] = &[".git", "target", "data", "node_modules", "proptest-regressions"];

/// A text file of the repository.
struct Page {
    /// Relative to the root, with `/` between its parts.
    path: String,
    text: String,
}

impl Page {
    fn is_rust(&self) -> bool {
        has_extension(&self.path, "rs")
    }
}

fn has_extension(path: &str, wanted: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == wanted)
}

/// Every text file of the repository, in order of path.
fn pages() -> Vec<Page> {
    let root = fs::canonicalize(root()).unwrap();
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.iter().any(|page| page.path == "xtask/src/tidy/mod.rs"), "the tree was not found");
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Page>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let relative = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        if path.is_dir() {
            // `data` is the server's folder at the root alone: crates have theirs.
            let name = relative.rsplit('/').next().unwrap_or_default();
            if !NOT_OURS.contains(&name) || (name == "data" && relative != name) {
                collect(root, &path, found);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            found.push(Page { path: relative, text });
        }
    }
}

/// The rule's offences, one a line; an empty text when it holds.
fn offences(pages: &[Page], rule: impl Fn(&Page) -> Vec<String>) -> String {
    let lines = pages.iter().flat_map(|page| {
        let of_page = rule(page).into_iter();
        of_page.map(|what| format!("{}: {what}", page.path)).collect::<Vec<_>>()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn assert_none(offences: &str) {
    assert!(offences.is_empty(), "\n{offences}\n");
}

#[test]
fn every_source_file_says_what_it_is_for() {
    assert_none(&offences(&pages(), |page| {
        let bare = page.is_rust() && !page.text.starts_with("//!");
        bare.then(|| "does not begin with `//!`".into()).into_iter().collect()
    }));
}

#[test]
fn nothing_is_left_for_later() {
    // Written in halves, so that this file is no offence itself.
    let words = ["TO-DO", "FIX-ME", "#[ig-nore", "to-do!(", "unimple-mented!("].map(|w| w.replace('-', ""));
    assert_none(&offences(&pages(), |page| {
        lines_with(page, |line| words.iter().any(|word| line.contains(word)))
    }));
}

#[test]
fn no_page_names_a_folder_of_somebodys_machine() {
    assert_none(&offences(&pages(), |page| lines_with(page, names_a_machine_folder)));
}

fn lines_with(page: &Page, bad: impl Fn(&str) -> bool) -> Vec<String> {
    let numbered = page.text.lines().zip(1..).filter(|(line, _)| bad(line));
    numbered.map(|(line, number)| format!("line {number}: {}", line.trim())).collect()
}

/// An absolute path into somebody's home or workplace: one that begins a word, so that the path
/// of a web address is none.
fn names_a_machine_folder(line: &str) -> bool {
    let folders = ["root", "home", "Users"].map(|folder| format!("/{folder}/"));
    let begins_word = |at: usize| {
        line[..at]
            .chars()
            .next_back()
            .is_none_or(|before| before.is_whitespace() || "\"'`(=:<[".contains(before))
    };
    folders.iter().any(|folder| line.match_indices(folder.as_str()).any(|(at, _)| begins_word(at)))
}

#[test]
fn machine_folders_are_told_from_web_addresses() {
    let home = format!("/{}/ann/.cargo", "home");
    for bad in [home.clone(), format!("see `{home}`"), format!("DIR={home}"), format!("(\"{home}\")")] {
        assert!(names_a_machine_folder(&bad), "{bad}");
    }
    for good in ["https://a.example/home/x", "~/home/x", "./home/x", "crates/root/x", "/homepage/"] {
        assert!(!names_a_machine_folder(good), "{good}");
    }
}
