//! A newcomer's first minutes: start, paste the printed line, read it back.

use std::process::Command;

use serde_json::json;

use crate::support::{ALWAYS, Server, ServerProcess, cannot_run, cli};

#[test]
fn the_printed_curl_line_gets_a_202_and_the_event_reads_back_classified() {
    let server = ServerProcess::start();
    let line =
        server.greeting.lines().find(|line| line.contains("curl") && line.contains("/v1/track")).unwrap();
    let output =
        Command::new("sh").args(["-c", &format!("{line} -sS -w ' %{{http_code}}'")]).output().unwrap();
    let response = String::from_utf8(output.stdout).unwrap();
    assert!(
        response.ends_with(" 202") && response.starts_with("{\"ok\":true,\"event_id\":\"evt_"),
        "{response}"
    );

    let rk = server.default_project().rk;
    let sources = server.get(&format!("/v1/sources?{ALWAYS}"), &rk).json();
    let expected = json!({ "breakdown": "source_medium", "rows": [
        { "source": "facebook", "medium": "paid", "events": 1, "uniques": 1, "paid_share": 1.0 }] });
    assert_eq!(sources, expected);
    let rows = server.get(&format!("/v1/query?{ALWAYS}"), &rk).json();
    assert_eq!(rows["rows"][0]["source_rule_id"], "paid_utm_facebook");
    assert_eq!(rows["rows"][0]["url"], "https://shop.example/?utm_source=facebook&utm_medium=cpc");
}

#[test]
fn the_keys_are_shown_once_and_never_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = ServerProcess::start_on(folder.path(), &[]);
    for kind in ["pk_live_", "sk_live_", "rk_live_"] {
        assert!(first.greeting.contains(kind), "{kind}");
    }
    drop(first);
    let second = ServerProcess::start_on(folder.path(), &[]);
    for kind in ["pk_live_", "sk_live_", "rk_live_"] {
        assert!(!second.greeting.contains(kind), "{kind}");
    }
    let keys = second.cli(&["key", "list", "--project", "default"]);
    let mut kinds: Vec<_> =
        keys.as_array().unwrap().iter().map(|key| key["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["pk", "rk", "sk"]);
}

#[test]
fn whole_keys_go_to_a_terminal_alone_unless_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let first = ServerProcess::try_start_as(folder.path(), &["serve"]).unwrap();
    let greeting = first.greeting.clone();
    let keys = first.cli(&["key", "list", "--project", "default"]);
    for key in keys.as_array().unwrap() {
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        let prefix = format!("{}_live_{}…", text("kind"), text("prefix"));
        assert!(greeting.contains(&prefix), "{prefix}: {greeting}");
        assert!(!greeting.contains(&prefix.replace('…', "_")), "{greeting}");
    }
    assert!(!greeting.contains("Bearer"), "{greeting}");
    assert!(greeting.contains("millimetric key mint --project default --kind sk"), "{greeting}");
    assert!(greeting.contains("/setup/"), "the link is printed: {greeting}");
    drop(first);
    let again = ServerProcess::try_start_as(folder.path(), &["serve", "--print-keys"]).unwrap();
    assert!(!again.greeting.contains("_live_"), "a later start has none to show: {}", again.greeting);

    let folder = tempfile::tempdir().unwrap();
    let asked = ServerProcess::try_start_as(folder.path(), &["serve", "--print-keys"]).unwrap();
    asked.track(&asked.default_project().sk, json!({ "event": "a" }));
}

#[test]
fn a_first_start_on_a_terminal_shows_the_keys() {
    // `script` gives the program a terminal; without it there is nothing to try this with.
    let Ok(found) = Command::new("script").arg("--version").output() else {
        return cannot_run("`script` is not installed (on Debian: `apt-get install util-linux`)");
    };
    assert!(found.status.success());
    let folder = tempfile::tempdir().unwrap();
    let line = format!(
        "{} serve --listen 127.0.0.1:0 --data-dir {}",
        crate::support::PROGRAM,
        folder.path().display()
    );
    let mut child = Command::new("script")
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    for line in std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap())) {
        said += &line.unwrap();
        if said.contains("listens on") {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let whole = |word: &str| word.starts_with("sk_live_") && word.len() > 60;
    assert!(said.split_whitespace().any(whole), "{said}");
}

#[test]
fn no_secret_lies_in_the_data_folder_or_is_readable_by_others() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start();
    let project = server.default_project();
    let secrets = [&project.pk, &project.sk, &project.rk]
        .map(|key| key.split('_').skip(3).collect::<Vec<_>>().join("_"));
    for entry in std::fs::read_dir(&server.dir).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.metadata().unwrap();
        assert_eq!(
            metadata.permissions().mode() & 0o077 & if metadata.is_dir() { 0o007 } else { 0o077 },
            0,
            "{path:?}"
        );
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for secret in &secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{path:?}");
        }
    }
}

#[test]
fn a_project_made_before_the_first_start_is_the_only_one() {
    let folder = tempfile::tempdir().unwrap();
    let made =
        cli(folder.path(), &["project", "create", "--name", "My Shop", "--origin", "https://shop.example"]);
    assert_eq!(made["slug"], "my-shop");
    let server = Server::start_on(folder.path(), &[]);
    assert!(!server.greeting.contains("_live_"), "{}", server.greeting);
    server.track(made["keys"]["sk"].as_str().unwrap(), json!({ "event": "signup" }));
}
