//! Lists are read page by page, whatever is added and deleted in between.

use serde_json::{Value, json};

use super::client::{Script, person};
use crate::support::Server;

/// All entries of a list, read in pages of this size; `between` runs after each page.
fn all(script: &Script<'_>, path: &str, list: &str, limit: usize, mut between: impl FnMut()) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let more = cursor.map(|cursor: String| format!("&cursor={cursor}")).unwrap_or_default();
        let page = script.read(&format!("{path}?limit={limit}{more}"));
        let entries = page[list].as_array().unwrap();
        assert!(entries.len() <= limit);
        found.extend(entries.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return found,
        }
        between();
    }
}

#[test]
fn projects_and_keys_are_paged_while_others_write() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    for number in 0..7 {
        script.project(&format!("Shop {number}"));
    }
    let mut number = 0;
    let projects = all(&script, "/projects", "projects", 3, || {
        number += 1;
        script.project(&format!("Late {number}"));
        script.delete(&format!("/projects/shop-{number}?confirm=shop-{number}"));
    });
    let slugs: Vec<&str> = projects.iter().map(|project| project["slug"].as_str().unwrap()).collect();
    assert_eq!(slugs[..3], ["default", "shop-0", "shop-1"]);
    assert!(slugs.contains(&"shop-6") && slugs.contains(&"late-1"), "{slugs:?}");
    let distinct: std::collections::HashSet<&&str> = slugs.iter().collect();
    assert_eq!(distinct.len(), slugs.len(), "{slugs:?}");
    for _ in 0..5 {
        script.post("/projects/default/keys", &json!({ "kind": "rk" }));
    }
    let whole = script.read("/projects/default/keys")["keys"].as_array().unwrap().clone();
    assert_eq!(all(&script, "/projects/default/keys", "keys", 3, || {}), whole);
    assert_eq!(whole.len(), 8);
}

#[test]
fn members_usage_and_the_audit_log_are_paged() {
    let server = Server::start();
    let script = Script::of_owner(&server);
    for number in 0..4 {
        person(&server, &format!("person{number}@example.com"), "viewer");
        script.project(&format!("Shop {number}"));
    }
    for (path, list, count) in [
        ("/account/members", "members", 5),
        ("/account/usage", "projects", 5),
        ("/account/audit", "entries", 0),
    ] {
        let whole = script.read(&format!("{path}?limit=500"));
        let whole = whole[list].as_array().unwrap();
        assert!(whole.len() >= count.max(5), "{path}: {}", whole.len());
        assert_eq!(all(&script, path, list, 2, || {}), *whole, "{path}");
    }
    let members = script.read("/account/members");
    let first = &members["members"][0];
    assert_eq!((&first["email"], &first["role"]), (&json!("ann@example.com"), &json!("owner")));
    assert_eq!(first["two_factor"], json!(false));
}
