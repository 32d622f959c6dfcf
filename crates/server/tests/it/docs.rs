//! The documentation that the server shows: the API reference, the pages of `docs/`, and the texts for language
//! models.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Response, Server};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn get(server: &Server, path: &str) -> Response {
    server.send("GET", path, &[], b"")
}

/// The pages of `docs/`, such as `recipes/shop.md`.
fn files() -> Vec<String> {
    let docs = Path::new(REPOSITORY).join("docs");
    let mut folders = vec![docs.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path.strip_prefix(&docs).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    assert!(files.len() > 30, "{files:?}");
    files
}

/// The values of an attribute in a page.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let marked = format!(" {attribute}=\"");
    page.split(marked.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// The address of a page's HTML.
fn address(file: &str) -> String {
    let name = file.trim_end_matches(".md");
    format!("/docs/{}", name.strip_suffix("/README").unwrap_or(name))
}

#[test]
fn every_page_is_served_as_html_and_as_markdown() {
    let server = Server::start();
    for file in files() {
        let text = fs::read_to_string(Path::new(REPOSITORY).join("docs").join(&file)).unwrap();
        let title = text.lines().next().unwrap().trim_start_matches("# ");
        let markdown = get(&server, &format!("/docs/{file}"));
        assert_eq!(markdown.header("content-type"), Some("text/markdown; charset=utf-8"), "{file}");
        assert!(markdown.text.starts_with(&format!("# {title}\n")), "{file}: {}", markdown.text);
        let page = get(&server, &address(&file));
        assert_eq!(
            (page.status, page.header("content-type")),
            (200, Some("text/html; charset=utf-8")),
            "{file}"
        );
        assert!(page.text.contains(&format!("href=\"/docs/{file}\"")), "{file} links to its Markdown");
        let current = format!("<a href=\"{}\" aria-current=\"page\">", address(&file));
        assert!(page.text.contains(&current), "{file} is marked in the menu");
    }
    let changes = get(&server, "/docs/changelog.md").text;
    assert!(changes.starts_with("# Changelog\n") && changes.contains("](/docs/mcp.md)"), "{changes}");
}

#[test]
fn every_link_on_the_pages_leads_somewhere() {
    let server = Server::start();
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut waiting = vec!["/docs".to_owned()];
    let mut fragments = BTreeSet::new();
    while let Some(path) = waiting.pop() {
        if texts.contains_key(&path) {
            continue;
        }
        let page = get(&server, &path);
        assert_eq!(page.status, 200, "{path}");
        if page.header("content-type").unwrap().starts_with("text/html") && path != "/" {
            for link in values(&page.text, "href").into_iter().map(|link| link.replace("&amp;", "&")) {
                let (target, fragment) = link.split_once('#').unwrap_or((&link, ""));
                let target = if target.is_empty() { path.as_str() } else { target };
                if target.starts_with('/') {
                    fragments.insert((path.clone(), target.to_owned(), fragment.to_owned()));
                    waiting.push(target.to_owned());
                } else {
                    assert!(target.starts_with("http"), "{path} links to {link}");
                }
            }
        }
        texts.insert(path, page.text);
    }
    for (from, target, fragment) in fragments {
        let found = fragment.is_empty() || texts[&target].contains(&format!(" id=\"{fragment}\""));
        assert!(found, "{from} links to {target}#{fragment}");
    }
    for file in files() {
        assert!(texts.contains_key(&address(&file)), "{file} is not reached");
    }
}

#[test]
fn relative_links_of_the_markdown_lead_to_markdown() {
    let server = Server::start();
    let mut seen = 0;
    for file in files() {
        let folder = Path::new("/docs").join(Path::new(&file).parent().unwrap());
        let mut in_code = false;
        for line in get(&server, &format!("/docs/{file}")).text.lines() {
            in_code ^= line.starts_with("```");
            let prose: String = line.split('`').step_by(2).collect();
            for target in prose.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
                if in_code || target.is_empty() || target.contains("://") {
                    continue;
                }
                let mut path = PathBuf::new();
                for part in folder.join(target).components() {
                    if part.as_os_str() == ".." {
                        let _ = path.pop();
                    } else {
                        path.push(part);
                    }
                }
                assert_eq!(get(&server, path.to_str().unwrap()).status, 200, "{file} links to {target}");
                seen += 1;
            }
        }
    }
    assert!(seen > 60, "{seen} links");
}

#[test]
fn pages_load_nothing_from_elsewhere_and_hold_no_inline_code() {
    let server = Server::start();
    for path in ["/docs", "/docs/api", "/docs/dashboard", "/docs/benchmarks", "/docs/nothing"] {
        let page = get(&server, path);
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        for word in [" style=", "<style", "<script>", " onclick", "<iframe", "<img src=\"http"] {
            assert!(!page.text.contains(word), "{path} holds {word}");
        }
        for loaded in values(&page.text, "src") {
            assert!(loaded.starts_with("/assets/"), "{path} loads {loaded}");
        }
    }
}

#[test]
fn the_reference_shows_every_operation_and_every_error() {
    let server = Server::start_with(&["--rate-limit-track", "7/9"]);
    let page = get(&server, "/docs").text;
    let markdown = get(&server, "/docs/reference.md").text;
    let document = get(&server, "/openapi.json").json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase();
            let id = operation["operationId"].as_str().unwrap();
            assert!(page.contains(&format!("<article id=\"{id}\"")), "{id}");
            assert!(markdown.contains(&format!("### {method} {path}\n")), "{method} {path}");
            for language in ["curl", "javascript", "python"] {
                let sample = format!("data-operation=\"{id}\" data-language=\"{language}\"");
                assert_eq!(page.matches(&sample).count(), 1, "{sample}");
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                if let Some(name) = parameter["name"].as_str() {
                    assert!(markdown.contains(&format!("| `{name}`")), "{name} of {id}");
                }
            }
        }
    }
    for code in document["x-error-codes"].as_array().unwrap() {
        let (name, fix) = (code["code"].as_str().unwrap(), code["fix"].as_str().unwrap());
        assert!(page.contains(&format!("<tr id=\"error-{name}\">")), "{name}");
        assert!(markdown.contains(fix), "{fix}");
    }
    for text in ["7 per second, 9 at once", "IP Geolocation by", &server.url] {
        assert!(page.contains(text), "{text}");
    }
    assert!(markdown.contains("7 per second, 9 at once"));
    let mut ids = BTreeSet::new();
    for id in values(&page, "id") {
        assert!(ids.insert(id), "{id} is twice in the page");
    }
}

#[test]
fn the_reference_with_all_it_loads_is_light() {
    let server = Server::start();
    let page = get(&server, "/docs").text;
    let linked = values(&page, "href").into_iter().chain(values(&page, "src"));
    let assets: BTreeSet<&str> = linked.filter(|address| address.starts_with("/assets/")).collect();
    assert_eq!(assets.len(), 4, "{assets:?}");
    let size = |path: &str| -> usize {
        let response = server.send("HEAD", path, &[("accept-encoding", "gzip")], b"");
        response.header("content-length").unwrap().parse().unwrap()
    };
    let sizes: Vec<(&str, usize)> =
        ["/docs", "/docs/search.json"].into_iter().chain(assets).map(|path| (path, size(path))).collect();
    assert!(sizes.iter().map(|(_, size)| size).sum::<usize>() < 150_000, "{sizes:?}");
}

#[test]
fn language_models_find_every_page() {
    let server = Server::start();
    let index = get(&server, "/llms.txt").text;
    let links: Vec<&str> = index.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 30, "{index}");
    for link in &links {
        let path = link.strip_prefix(&server.url).unwrap_or_else(|| panic!("{link} leads elsewhere"));
        assert_eq!(get(&server, path).status, 200, "{link}");
    }
    let full = get(&server, "/llms-full.txt");
    assert_eq!((full.status, full.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    for file in files().iter().map(String::as_str).chain(["reference.md", "changelog.md"]) {
        let address = format!("{}/docs/{file}", server.url);
        assert!(links.contains(&address.as_str()), "{file} is not in the index");
        let page = get(&server, &format!("/docs/{file}")).text;
        assert!(
            full.text.contains(&format!("Source: {address}\n\n{}", page.trim())),
            "{file} is not in the text"
        );
    }
}

#[test]
fn an_address_without_a_page_is_a_404_for_people_and_for_programs() {
    let server = Server::start();
    for path in ["/docs/nothing", "/docs/api/more", "/docs/..%2fapi", "/docs/recipes/README"] {
        let page = get(&server, path);
        assert_eq!(
            (page.status, page.header("content-type")),
            (404, Some("text/html; charset=utf-8")),
            "{path}"
        );
        assert!(page.text.contains("Page not found"), "{path}");
    }
    for path in ["/docs/nothing.md", "/docs/screenshots/overview-wide-light.png", "/docs/api.html"] {
        assert_eq!(get(&server, path).error(), (404, "not_found".to_owned()), "{path}");
    }
    assert_eq!(server.send("POST", "/docs/api", &[], b"").error(), (405, "method_not_allowed".to_owned()));
    for (path, target) in
        [("/docs/", "/docs"), ("/docs/recipes/", "/docs/recipes"), ("/docs/api/", "/docs/api")]
    {
        let response = get(&server, path);
        assert!([200, 308].contains(&response.status), "{path}: {}", response.status);
        if response.status == 308 {
            assert_eq!(response.header("location"), Some(target));
        }
    }
}

#[test]
fn the_search_finds_operations_and_sections() {
    let server = Server::start();
    let index = get(&server, "/docs/search.json").json();
    let entry = |address: &str| {
        let entries = index.as_array().unwrap();
        let found = entries.iter().find(|entry| entry[0] == address);
        found.unwrap_or_else(|| panic!("{address} is not in the index")).clone()
    };
    let sections = entry("/docs/api#goals");
    assert_eq!((&sections[1], &sections[2]), (&"Goals".into(), &"API".into()));
    assert_eq!(entry("/docs/first-event")[1], "First event in five minutes");
    let operations: Vec<_> =
        index.as_array().unwrap().iter().filter(|entry| entry[1] == "POST /v1/track").collect();
    assert!(operations[0][4].as_str().unwrap().contains("anonymous_id"), "{operations:?}");
}
