//! What an entry of the list of allowed origins will and will not match, in examples, each of
//! which was put to the rule itself.

use millimetric_core::origin::{AllowedOrigin, Origin, OriginError};

/// An entry, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The entry as it is stored.
    pub entry: AllowedOrigin,
    /// Origins that it lets in.
    pub matches: Vec<String>,
    /// Origins near to it that it does not.
    pub refuses: Vec<String>,
}

/// Explains what somebody typed, or says why it cannot stand in the list.
pub fn explain(typed: &str) -> Result<Explained, OriginError> {
    let entry: AllowedOrigin = typed.parse()?;
    let near = if entry.is_app() { near_app(&entry) } else { near_page(&entry) };
    let lets_in = |origin: &String| Origin::parse(origin).is_some_and(|origin| entry.matches(&origin));
    let (matches, refuses) = near.into_iter().partition(lets_in);
    Ok(Explained { entry, matches, refuses })
}

/// The origin of an app and of a page on the host of the same name.
fn near_app(entry: &AllowedOrigin) -> Vec<String> {
    let plain = entry.to_string();
    let page = plain.split_once("://").map(|(_, host)| format!("https://{host}"));
    std::iter::once(plain.clone()).chain(page).collect()
}

/// The origin of a page and those that differ from it in host, scheme or port.
fn near_page(entry: &AllowedOrigin) -> Vec<String> {
    let plain = entry.to_string().replace("://*.", "://");
    let (scheme, host) = plain.split_once("://").unwrap_or(("https", &plain));
    let other_scheme = if scheme == "https" { "http" } else { "https" };
    let parent = host.strip_prefix("www.").unwrap_or(host);
    let subdomains = ["www", "a.b"].map(|sub| format!("{scheme}://{sub}.{parent}"));
    let mut near = vec![plain.clone(), format!("{scheme}://{parent}")];
    // An address has no subdomains.
    if host.contains(|c: char| c.is_ascii_alphabetic()) && !host.starts_with("localhost") {
        near.extend(subdomains);
    }
    near.push(format!("{other_scheme}://{host}"));
    if !host.contains(':') {
        near.push(format!("{scheme}://{host}:8080"));
    }
    let mut seen = std::collections::HashSet::new();
    near.retain(|origin| seen.insert(origin.clone()));
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched_and_refused(typed: &str) -> (String, String) {
        let Explained { matches, refuses, .. } = explain(typed).unwrap();
        (matches.join(" "), refuses.join(" "))
    }

    #[test]
    fn an_entry_is_explained_by_origins_that_match_and_that_do_not() {
        let cases = [
            (
                "https://shop.example/",
                "https://shop.example",
                "https://www.shop.example https://a.b.shop.example http://shop.example https://shop.example:8080",
            ),
            (
                "https://*.shop.example",
                "https://www.shop.example https://a.b.shop.example",
                "https://shop.example http://shop.example https://shop.example:8080",
            ),
            (
                "https://www.shop.example",
                "https://www.shop.example",
                "https://shop.example https://a.b.shop.example http://www.shop.example https://www.shop.example:8080",
            ),
            ("http://localhost:3000", "http://localhost:3000", "https://localhost:3000"),
            ("capacitor://localhost/", "capacitor://localhost", "https://localhost"),
            ("app://obsidian.md", "app://obsidian.md", "https://obsidian.md"),
        ];
        for (typed, matches, refuses) in cases {
            let (let_in, refused) = matched_and_refused(typed);
            assert_eq!(let_in.trim(), matches, "{typed}");
            assert_eq!(refused, refuses, "{typed}");
        }
        assert!(explain("shop.example").is_err());
    }
}
