//! What is known of hosts: search engines, social networks, AI assistants, web mail, Android apps.
//!
//! Constant data, embedded in the binary and laid out once; nothing is read or learned at run time.
//! Of two entries that match a host the longer one wins, whatever tables they stand in, so that
//! `gemini.google.com` is an assistant and `mail.google.com` is mail.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::host::{Host, suffixes};

static DIRECTORY: LazyLock<Directory> = LazyLock::new(Directory::lay_out);

const TABLES: [(Class, &str); 4] = [
    (Class::AiAssistant, include_str!("../../data/hosts/ai.tsv")),
    (Class::Mail, include_str!("../../data/hosts/mail.tsv")),
    (Class::Search, include_str!("../../data/hosts/search.tsv")),
    (Class::Social, include_str!("../../data/hosts/social.tsv")),
];
const ANDROID_APPS: &str = include_str!("../../data/hosts/android_apps.tsv");

/// What kind of place a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    AiAssistant,
    Mail,
    Search,
    Social,
}

/// What a table says of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) class: Class,
    /// Lower-case, without spaces.
    pub(super) source: &'static str,
}

struct Directory {
    hosts: HashMap<&'static str, Listing>,
    /// Entries `name.*`, without the `.*`: they stand before a public suffix.
    names: HashMap<&'static str, Listing>,
    apps: HashMap<&'static str, &'static str>,
}

/// The listing of the longest entry that is the host or a domain above it. Looks at the host's short
/// name, so that a host of a thousand labels costs no more than any other.
pub(super) fn find(host: &Host) -> Option<Listing> {
    let host = host.short_name();
    let name = before_public_suffix(host);
    suffixes(host).find_map(|suffix| {
        let skipped = host.len() - suffix.len();
        let listed_name = || DIRECTORY.names.get(name?.get(skipped..)?);
        DIRECTORY.hosts.get(suffix).or_else(listed_name).copied()
    })
}

/// The host that an Android app stands for, by its lower-case package name.
pub(super) fn host_of_app(package: &str) -> Option<&'static str> {
    DIRECTORY.apps.get(package).copied()
}

/// What stands before the public suffix. Only suffixes of registries count: a shared domain's
/// tenant, such as `google.github.io`, may call itself what it likes.
fn before_public_suffix(host: &str) -> Option<&str> {
    let suffix = psl::suffix(host.as_bytes()).filter(|suffix| suffix.typ() == Some(psl::Type::Icann))?;
    host.get(..host.len() - suffix.as_bytes().len())?.strip_suffix('.')
}

impl Class {
    /// The kind with its article.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::AiAssistant => "an AI assistant",
            Self::Mail => "web mail or a mail app",
            Self::Search => "a search engine",
            Self::Social => "a social network",
        }
    }
}

impl Directory {
    fn lay_out() -> Self {
        let listings = || {
            TABLES.into_iter().flat_map(|(class, table)| {
                pairs(table).map(move |(host, source)| (host, Listing { class, source }))
            })
        };
        Self {
            hosts: listings().filter(|(host, _)| !host.ends_with(".*")).collect(),
            names: listings()
                .filter_map(|(host, listing)| Some((host.strip_suffix(".*")?, listing)))
                .collect(),
            apps: pairs(ANDROID_APPS).collect(),
        }
    }
}

fn pairs(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_sorted_and_of_lower_case_hosts_and_plain_sources() {
        for table in TABLES.map(|(_, table)| table).into_iter().chain([ANDROID_APPS]) {
            let lines: Vec<_> = table.lines().filter(|line| !line.starts_with('#')).collect();
            let entries: Vec<_> = pairs(table).collect();
            assert_eq!(lines.len(), entries.len(), "a line without a tab");
            assert!(entries.is_sorted_by(|(left, _), (right, _)| left < right), "not sorted, or twice");
            let plain =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
            for (key, value) in entries {
                assert!(key.strip_suffix(".*").unwrap_or(key).chars().all(plain), "{key}");
                assert!(!value.is_empty() && value.chars().all(plain), "{key}: {value}");
            }
        }
    }

    #[test]
    fn no_host_stands_in_two_tables() {
        let lines: usize = TABLES.iter().map(|(_, table)| pairs(table).count()).sum();
        assert_eq!(lines, DIRECTORY.hosts.len() + DIRECTORY.names.len());
    }

    #[test]
    fn the_tables_are_as_large_as_promised() {
        for (class, at_least) in
            [(Class::AiAssistant, 20), (Class::Mail, 40), (Class::Search, 120), (Class::Social, 80)]
        {
            let (_, table) = TABLES.into_iter().find(|(other, _)| *other == class).unwrap();
            assert!(pairs(table).count() >= at_least, "{class:?}");
        }
    }

    #[test]
    fn every_host_in_the_tables_is_found_as_itself_and_through_a_subdomain() {
        for (entry, listing) in DIRECTORY
            .hosts
            .iter()
            .map(|(host, listing)| ((*host).to_owned(), *listing))
            .chain(DIRECTORY.names.iter().map(|(name, listing)| (format!("{name}.co.uk"), *listing)))
        {
            for host in [entry.clone(), format!("some.{entry}")] {
                assert_eq!(find(&Host::of_site(&host).unwrap()), Some(listing), "{host}");
            }
        }
    }

    #[test]
    fn an_entry_is_never_found_in_a_host_that_only_looks_like_it() {
        let names = DIRECTORY.names.keys().map(|name| format!("{name}.com"));
        for entry in DIRECTORY.hosts.keys().map(|host| (*host).to_owned()).chain(names) {
            let mut similar =
                vec![format!("{entry}.evil.example"), format!("{}.evil.example", entry.replace('.', "-"))];
            // Something glued to the front of `mail.google.com` is still on google.com.
            if psl::domain_str(&entry) == Some(&entry) {
                similar.push(format!("not{entry}"));
                similar.push(format!("not-{entry}"));
            }
            for host in similar {
                assert_eq!(find(&Host::of_site(&host).unwrap()), None, "{host}");
            }
        }
    }
}
