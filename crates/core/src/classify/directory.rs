//! What is known of hosts: search engines, social networks, AI assistants, web mail, providers that
//! visitors pass through, Android apps.
//!
//! Constant data, embedded in the binary and laid out once; nothing is read or learned at run time.
//! Of two entries that match a host the longer one wins, whatever tables they stand in, so that
//! `gemini.google.com` is an assistant and `mail.google.com` is mail. The head of `data/hosts/search.tsv`
//! describes how entries are written.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::host::{Host, suffixes};

static DIRECTORY: LazyLock<Directory> = LazyLock::new(Directory::lay_out);

const TABLES: [(Class, &str); 8] = [
    (Class::Ads, include_str!("../../data/hosts/ads.tsv")),
    (Class::AiAssistant, include_str!("../../data/hosts/ai.tsv")),
    (Class::Copy, include_str!("../../data/hosts/copies.tsv")),
    (Class::Mail, include_str!("../../data/hosts/mail.tsv")),
    (Class::PassThrough, include_str!("../../data/hosts/pass_through.tsv")),
    (Class::Referral, include_str!("../../data/hosts/search_exceptions.tsv")),
    (Class::Search, include_str!("../../data/hosts/search.tsv")),
    (Class::Social, include_str!("../../data/hosts/social.tsv")),
];
const ANDROID_APPS: &str = include_str!("../../data/hosts/android_apps.tsv");

/// What kind of place a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Ads,
    AiAssistant,
    /// Caches and translations, which show other sites' pages.
    Copy,
    Mail,
    /// Payment and sign-in providers.
    PassThrough,
    /// Other services of a search engine: no rule of their own.
    Referral,
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

#[derive(Default)]
struct Directory {
    hosts: HashMap<&'static str, Entry>,
    /// Entries `name.*`, without the `.*`: they stand before a public suffix.
    names: HashMap<&'static str, Entry>,
    /// Entries `text**`, without the `**`: how the host of a registrable domain begins.
    beginnings: Vec<(&'static str, Listing)>,
    apps: HashMap<&'static str, &'static str>,
}

/// All that the tables say of one host.
#[derive(Default)]
struct Entry {
    itself: Option<Listing>,
    subdomains: Option<Listing>,
    /// First segments of a path, and what is below them.
    paths: Vec<(&'static str, Listing)>,
}

/// The listing of the longest entry that is the host or a domain above it; of a host, first an entry
/// for the path. Looks at the host's short name, so that a host of a thousand labels costs no more than
/// any other.
pub(super) fn find(host: &Host, path: &str) -> Option<Listing> {
    if !host.is_domain() {
        return None;
    }
    let name = host.short_name();
    let before_suffix = before_public_suffix(name);
    let listed = suffixes(name).find_map(|suffix| {
        let skipped = name.len() - suffix.len();
        let listing = |entry: &Entry| entry.listing(skipped == 0, path);
        let under_any_suffix = || DIRECTORY.names.get(before_suffix?.get(skipped..)?).and_then(listing);
        DIRECTORY.hosts.get(suffix).and_then(listing).or_else(under_any_suffix)
    });
    listed.or_else(|| find_by_beginning(host))
}

fn find_by_beginning(host: &Host) -> Option<Listing> {
    let (_, listing) = DIRECTORY.beginnings.iter().find(|(text, _)| host.name().starts_with(text))?;
    let (_, domain) = host.name().split_once('.')?;
    (host.registrable() == Some(domain)).then_some(*listing)
}

/// The name of the AI assistant that has exactly this host.
pub(super) fn assistant(host: &str) -> Option<&'static str> {
    let entry = DIRECTORY.hosts.get(host.strip_prefix("www.").unwrap_or(host))?;
    entry.itself.filter(|listing| listing.class == Class::AiAssistant).map(|listing| listing.source)
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
            Self::Ads => "an advertising network",
            Self::AiAssistant => "an AI assistant",
            Self::Copy => "a cache or translation of other sites",
            Self::Mail => "web mail or a mail app",
            Self::PassThrough => "a payment or sign-in provider",
            Self::Referral => "another service of a search engine",
            Self::Search => "a search engine",
            Self::Social => "a social network",
        }
    }
}

impl Directory {
    fn lay_out() -> Self {
        let mut directory = Self { apps: pairs(ANDROID_APPS).collect(), ..Self::default() };
        for (class, table) in TABLES {
            for (key, source) in pairs(table) {
                directory.add(key, Listing { class, source });
            }
        }
        directory
    }

    fn add(&mut self, key: &'static str, listing: Listing) {
        if let Some(beginning) = key.strip_suffix("**") {
            self.beginnings.push((beginning, listing));
            return;
        }
        let (host, path) = key.find('/').map_or((key, None), |at| (&key[..at], Some(&key[at..])));
        let bare = host.strip_prefix("*.").unwrap_or(host);
        let entry = match bare.strip_suffix(".*") {
            Some(name) => self.names.entry(name).or_default(),
            None => self.hosts.entry(bare).or_default(),
        };
        if let Some(path) = path {
            entry.paths.push((path, listing));
        } else if bare.len() < host.len() {
            entry.subdomains = Some(listing);
        } else {
            entry.itself = Some(listing);
            entry.subdomains.get_or_insert(listing);
        }
    }
}

impl Entry {
    fn listing(&self, is_itself: bool, path: &str) -> Option<Listing> {
        let is_below = |start: &str| {
            path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let at_path = self.paths.iter().find(|(start, _)| is_below(start)).map(|(_, listing)| *listing);
        at_path.or(if is_itself { self.itself } else { self.subdomains })
    }
}

fn pairs(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(host: &str, path: &str) -> Option<Listing> {
        find(&Host::of_site(host).unwrap(), path)
    }

    fn entries() -> impl Iterator<Item = (&'static str, Listing)> {
        TABLES.into_iter().flat_map(|(class, table)| {
            pairs(table).map(move |(key, source)| (key, Listing { class, source }))
        })
    }

    /// A host that the entry is for, with a path: its `*` filled in.
    fn example(key: &str) -> (String, String) {
        let (host, path) = key.find('/').map_or((key, "/"), |at| key.split_at(at));
        let host = host.strip_suffix(".*").map_or_else(|| host.to_owned(), |name| format!("{name}.co.uk"));
        let host = host.replacen("*.", "unlisted.", 1);
        let host = host.strip_suffix("**").map_or(host.clone(), |text| match text.strip_suffix('.') {
            Some(label) => format!("{label}.isp.example"),
            None => format!("{text}-7.isp.example"),
        });
        (host, path.to_owned())
    }

    #[test]
    fn every_table_is_sorted_and_of_lower_case_hosts_and_plain_sources() {
        for table in TABLES.map(|(_, table)| table).into_iter().chain([ANDROID_APPS]) {
            let lines: Vec<_> = table.lines().filter(|line| !line.starts_with('#')).collect();
            let entries: Vec<_> = pairs(table).collect();
            assert_eq!(lines.len(), entries.len(), "a line without a tab");
            for pair in entries.windows(2) {
                assert!(pair[0].0 < pair[1].0, "not sorted, or twice: {}", pair[1].0);
            }
            let plain =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
            for (key, value) in entries {
                let host = key.split('/').next().unwrap();
                let name = host.strip_suffix(".*").or(host.strip_suffix("**")).unwrap_or(host);
                assert!(name.strip_prefix("*.").unwrap_or(name).chars().all(plain), "{key}");
                assert!(!value.is_empty() && value.chars().all(plain), "{key}: {value}");
            }
        }
    }

    #[test]
    fn no_host_stands_in_two_tables() {
        let mut keys: Vec<_> = entries().map(|(key, _)| key).collect();
        keys.sort_unstable();
        for pair in keys.windows(2) {
            assert_ne!(pair[0], pair[1]);
        }
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
        for (key, listing) in entries() {
            let (host, path) = example(key);
            assert_eq!(found(&host, &path), Some(listing), "{host}{path}");
            let has_own_subdomains = entries().any(|(other, _)| other.strip_prefix("*.") == Some(key));
            if !has_own_subdomains && !key.ends_with("**") {
                assert_eq!(found(&format!("some.{host}"), &path), Some(listing), "some.{host}{path}");
            }
        }
    }

    #[test]
    fn an_entry_is_never_found_in_a_host_that_only_looks_like_it() {
        for (key, _) in entries() {
            let (host, path) = example(key);
            let mut similar =
                vec![format!("{host}.evil.example"), format!("{}.evil.example", host.replace('.', "-"))];
            // Something glued to the front of `mail.google.com` is still on google.com.
            if psl::domain_str(&host) == Some(&host) {
                similar.push(format!("not{host}"));
                similar.push(format!("not-{host}"));
            }
            if key.ends_with("**") {
                similar.clear();
                similar.push(format!("not{host}"));
                similar.push(format!("some.{host}"));
            }
            for host in similar {
                assert_eq!(found(&host, &path), None, "{host}");
            }
        }
    }

    #[test]
    fn a_path_entry_holds_below_its_segments_only() {
        for (path, is_sign_in) in [
            ("/login", true),
            ("/login/oauth/authorize", true),
            ("/logins", false),
            ("/torvalds/login", false),
            ("/", false),
            ("", false),
        ] {
            let class = found("github.com", path).map(|listing| listing.class);
            assert_eq!(class, is_sign_in.then_some(Class::PassThrough), "{path}");
        }
    }
}
