//! The command line as people and scripts use it: help, completions, man pages, tables, colours, progress, and
//! the addresses that it prints.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{PROGRAM, Server, ServerProcess, cannot_run, clean, cli, command, eventually};

/// Every command, as it is typed.
const COMMANDS: &[&str] = &[
    "",
    "migrate",
    "schema",
    "schema apply",
    "schema show",
    "serve",
    "project",
    "project create",
    "project list",
    "project show",
    "project update",
    "project rules",
    "project rules show",
    "project rules set",
    "project rules test",
    "project delete",
    "goal",
    "goal create",
    "goal list",
    "goal update",
    "goal delete",
    "key",
    "key mint",
    "key list",
    "key revoke",
    "key rotate",
    "user",
    "user create",
    "user list",
    "user reset-password",
    "user token",
    "user token create",
    "user token list",
    "user token revoke",
    "demo",
    "backup",
    "restore",
    "export",
    "import",
    "reclassify",
    "doctor",
    "completions",
    "man",
];

/// Standard output of a command that must succeed.
fn said(dir: &Path, args: &[&str]) -> String {
    let output = command(dir).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a command shows on a terminal; `None` where none can be had.
fn shown(dir: &Path, args: &str, variables: &[(&str, &str)]) -> Option<String> {
    if Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err() {
        cannot_run("`script` is not installed (on Debian: `apt-get install util-linux`)");
        return None;
    }
    let line = format!("stty cols 120; {PROGRAM} {args}");
    let mut script = clean(Command::new("script"), dir);
    script.args(["-q", "-e", "-c", &line, "/dev/null"]).stdin(Stdio::null());
    script.env("TERM", "xterm").env_remove("NO_COLOR").env_remove("CI");
    let output = script.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n");
    assert!(output.status.success(), "{args}: {text}");
    Some(text)
}

#[test]
fn help_says_what_the_repository_keeps_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut help = String::new();
    for typed in COMMANDS {
        let mut command = command(folder.path());
        command.env_remove("MILLIMETRIC_DATA_DIR").env("COLUMNS", "100");
        let output = command.args(typed.split_whitespace()).arg("--help").output().unwrap();
        assert!(output.status.success(), "{typed}");
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        write!(help, "$ millimetric {typed} --help\n{}\n\n", lines.join("\n")).unwrap();
    }
    insta::assert_snapshot!("help", help.replace("millimetric  --help", "millimetric --help"));
}

#[test]
fn help_of_serve_alone_shows_settings_and_secrets() {
    let folder = tempfile::tempdir().unwrap();
    for typed in COMMANDS {
        let args: Vec<&str> = typed.split_whitespace().chain(["--help"]).collect();
        let text = said(folder.path(), &args);
        for setting in ["--pepper", "--pepper-previous", "--ip-salt", "--listen", "--metrics-token"] {
            assert_eq!(text.contains(setting), *typed == "serve", "{setting} in: {text}");
        }
    }
    // Every command takes them anyway.
    let pepper = ["--pepper", "a secret of the tests"];
    cli(folder.path(), &[&pepper[..], &["project", "create", "--name", "Shop"]].concat());
    cli(folder.path(), &[&["key", "mint", "--project", "shop", "--kind", "rk"], &pepper[..]].concat());
    assert!(!folder.path().join("pepper").exists());
}

#[test]
fn a_setting_of_the_server_before_a_command_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(folder.path()).args(["--listen", "8787", "project", "list"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    let sentence =
        "--listen is a setting of the server: put it after the command, like `millimetric serve --listen …`";
    assert!(error.contains(sentence), "{error}");
    let data = folder.path().to_str().unwrap();
    cli(folder.path(), &["--data-dir", data, "project", "create", "--name", "Shop"]);
}

#[test]
fn bash_completes_commands_options_and_words() {
    let folder = tempfile::tempdir().unwrap();
    let script = said(folder.path(), &["completions", "bash"]);
    let file = folder.path().join("completions.bash");
    std::fs::write(&file, &script).unwrap();
    for (typed, expected) in [
        ("mill re", "reclassify restore"),
        ("mill project li", "list"),
        ("mill project update --pl", "--plan"),
        ("mill key mint --kind ", "ak pk rk sk"),
        ("mill export --format p", "parquet"),
        ("mill --pep", ""),
        ("mill project list --pep", ""),
        ("mill serve --pep", "--pepper --pepper-previous"),
    ] {
        let line = typed.replace("mill", "millimetric");
        let completed = format!(
            "set -eu; source {}; COMP_WORDS=({line}{}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _millimetric millimetric \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\" || true; \
             [ ${{#COMPREPLY[@]}} = 0 ] || printf '%s\\n' \"${{COMPREPLY[@]}}\" | sort | paste -sd ' '",
            file.display(),
            if line.ends_with(' ') { "''" } else { "" },
        );
        let output = Command::new("bash").args(["--norc", "-c", &completed]).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (error.as_ref(), String::from_utf8(output.stdout).unwrap().trim()),
            ("", expected),
            "{typed}"
        );
    }
}

#[test]
fn every_shell_gets_a_script_and_others_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = said(folder.path(), &["completions", shell]);
        assert!(script.contains("reset-password") && script.contains("millimetric"), "{shell}: {script}");
    }
    let output = command(folder.path()).args(["completions", "tcsh"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("[possible values: bash, elvish, fish, powershell, zsh]"), "{error}");
}

#[test]
fn there_is_a_man_page_for_each_command_and_groff_accepts_it() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("share/man1");
    said(folder.path(), &["man", pages.to_str().unwrap()]);
    let mut expected: Vec<String> = COMMANDS
        .iter()
        .map(|typed| {
            ["millimetric"].into_iter().chain(typed.split_whitespace()).collect::<Vec<_>>().join("-")
        })
        .map(|name| format!("{name}.1"))
        .collect();
    expected.sort();
    let mut written: Vec<String> = std::fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    written.sort();
    assert_eq!(written, expected);
    let secret = |page: &str| std::fs::read_to_string(pages.join(page)).unwrap().contains("pepper");
    assert!(secret("millimetric-serve.1") && !secret("millimetric.1") && !secret("millimetric-key-mint.1"));
    for page in written {
        // Minimal systems have no groff, and nothing else here needs it.
        let Ok(output) =
            Command::new("groff").args(["-man", "-ww", "-Tutf8"]).arg(pages.join(&page)).output()
        else {
            return;
        };
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{page}");
        assert!(output.status.success(), "{page}");
    }
}

/// A folder with two projects, a key with a label, a goal and a user.
fn filled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    cli(dir, &["project", "create", "--name", "A Shop with a long name", "--slug", "shop"]);
    cli(dir, &["project", "create", "--name", "B"]);
    cli(dir, &["key", "mint", "--project", "shop", "--kind", "rk", "--label", "for the reports"]);
    cli(dir, &["goal", "create", "sale", "--project", "shop", "--event", "purchase", "--value", "amount"]);
    cli(dir, &["user", "create", "ann@example.com", "--role", "admin"]);
    folder
}

const LISTS: [(&str, &str); 4] = [
    ("project list", "SLUG PLAN CREATED ID NAME"),
    ("key list --project shop", "ID KEY STATE EXPIRES LAST-USED LABEL"),
    ("goal list --project shop", "SLUG REACHED-BY VALUE FILTERS NAME"),
    ("user list", "EMAIL ROLE TWO-FACTOR SINCE ACCOUNT"),
];

#[test]
fn lists_in_a_pipe_are_titles_and_rows_between_tabs() {
    let folder = filled();
    for (list, titles) in LISTS {
        let text = said(folder.path(), &list.split(' ').collect::<Vec<_>>());
        let titles: Vec<String> =
            titles.split(' ').map(|title| title.replace("T-U", "T U").replace("D-B", "D B")).collect();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
        assert_eq!(lines[0], titles, "{list}");
        assert!(lines.len() >= 2 && lines.iter().all(|line| line.len() == titles.len()), "{list}: {text}");
        assert!(lines.iter().flatten().all(|cell| !cell.is_empty()), "no value is `-`: {text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    let goals = said(folder.path(), &["goal", "list", "--project", "shop"]);
    assert_eq!(goals, "SLUG\tREACHED BY\tVALUE\tFILTERS\tNAME\nsale\tevent purchase\tamount\t-\tsale\n");
}

#[test]
fn lists_on_a_terminal_are_aligned_below_bold_titles() {
    let folder = filled();
    let Some(text) = shown(folder.path(), "goal list --project shop", &[]) else { return };
    let expected = "\u{1b}[1mSLUG  REACHED BY      VALUE   FILTERS  NAME\u{1b}[0m\nsale  event purchase  amount  -        sale\n";
    assert_eq!(text, expected);
    for (list, titles) in LISTS {
        let text = shown(folder.path(), list, &[("NO_COLOR", "1")]).unwrap();
        assert!(!text.contains('\u{1b}') && !text.contains('\t'), "{list}: {text}");
        let lines: Vec<Vec<char>> = text.lines().map(|line| line.chars().collect()).collect();
        for title in titles.split(' ').skip(1) {
            let title = title.split('-').next().unwrap();
            let column = text.lines().next().unwrap().find(&format!(" {title}")).unwrap() + 1;
            let starts = |line: &Vec<char>| line[column] != ' ' && line[column - 1] == ' ';
            assert!(lines.iter().all(starts), "{title} of {list}:\n{text}");
        }
    }
}

#[test]
fn colours_are_for_terminals_without_no_color() {
    let folder = filled();
    let Some(coloured) = shown(folder.path(), "doctor", &[]) else { return };
    assert!(coloured.contains("\u{1b}[32mok  \u{1b}[0m data folder"), "{coloured}");
    for variables in [&[("NO_COLOR", "1")][..], &[("TERM", "dumb")]] {
        let plain = shown(folder.path(), "doctor", variables).unwrap();
        assert!(plain.contains("ok   data folder") && !plain.contains('\u{1b}'), "{plain}");
    }
    assert!(!said(folder.path(), &["doctor"]).contains('\u{1b}'));
}

#[test]
fn progress_is_for_terminals_and_for_what_takes_longer_than_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let events = "demo --days 3 --events ";
    let started = Instant::now();
    let Some(quick) = shown(folder.path(), &format!("{events}10"), &[]) else { return };
    assert!(!quick.contains("/10 events") || started.elapsed() > Duration::from_secs(1), "{quick}");
    let mut count = 30_000;
    let bar = eventually("a run takes longer than a second", || {
        count *= 2;
        let text = shown(folder.path(), &format!("{events}{count} --seed {count}"), &[]).unwrap();
        text.contains(" left").then_some(text)
    });
    assert!(bar.contains(&format!("/{},000 events", count / 1000)), "{bar}");
    let seed = (count + 1).to_string();
    let mut piped = command(folder.path());
    piped.args(["demo", "--days", "3", "--events", &count.to_string(), "--seed", &seed]);
    let output = piped.output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "nothing in a pipe");
}

#[test]
fn the_server_listens_on_a_port_alone() {
    let folder = tempfile::tempdir().unwrap();
    for listen in ["0", ":0", "localhost:0"] {
        let server = ServerProcess::try_start_as(folder.path(), &["serve", "--listen", listen]).unwrap();
        assert!(server.greeting.contains("http://localhost:"), "{}", server.greeting);
    }
    for (listen, sentence) in [
        ("70000", "a port is a number from 0 to 65535, like 8787"),
        ("0.0.0.0", "the port is missing: expected 0.0.0.0:8787"),
        ("nowhere", "expected an address and a port like 0.0.0.0:8787, or a port like 8787"),
    ] {
        let output = command(folder.path()).args(["serve", "--listen", listen]).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(sentence), "{listen}: {error}");
    }
}

#[test]
fn links_have_the_address_of_the_running_server() {
    let server = Server::start();
    let link = |dir: &Path, args: &[&str]| cli(dir, args)["link"].as_str().unwrap().to_owned();
    let create = ["user", "create", "ann@example.com"];
    let reset = ["user", "reset-password", "ann@example.com"];
    let port = server.url.rsplit_once(':').unwrap().1;
    let address = format!("http://localhost:{port}/password/");
    let made = link(&server.dir, &create);
    assert!(made.starts_with(&address), "{made}");
    assert!(link(&server.dir, &reset).starts_with(&address));
    let given = [&reset[..], &["--public-url", "https://stats.example.com/"]].concat();
    assert!(link(&server.dir, &given).starts_with("https://stats.example.com/password/"));
    let demo = said(&server.dir, &["demo", "--events", "10", "--days", "1"]);
    assert!(demo.contains(&format!("http://localhost:{port}/projects/demo\n")), "{demo}");
    drop(server);

    let public = Server::start_with(&["--public-url", "https://stats.example.com"]);
    assert!(link(&public.dir, &create).starts_with("https://stats.example.com/password/"));
}

#[test]
fn without_a_server_a_link_says_which_address_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(folder.path()).args(["user", "create", "ann@example.com"]).output().unwrap();
    let [printed, noted] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(printed.contains("\n  http://localhost:8787/password/"), "{printed}");
    let place = folder.path().display();
    let sentence =
        format!("No server runs on {place}, so the link has the default address http://localhost:8787");
    assert!(noted.contains(&sentence) && noted.contains("--public-url"), "{noted}");
}

#[test]
fn demo_says_what_it_added() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let args = ["demo", "--events", "2000", "--days", "10", "--until", "2026-06-11"];
    let first = said(dir, &args);
    let added = "2000 events of 10 days (2026-06-01 to 2026-06-10, UTC) added to the new project `demo`.\n";
    assert!(first.starts_with(added), "{first}");
    assert!(first.contains("Its read key (rk), shown only once:\n  rk_live_"), "{first}");
    assert!(
        first.ends_with(&format!("start the server:\n  millimetric serve --data-dir {}\n", dir.display())),
        "{first}"
    );
    let second = said(dir, &args);
    let known = "2000 events were in the project `demo` already, from an earlier run with this seed.\n";
    assert!(second.starts_with(known) && !second.contains("added"), "{second}");
    let other = cli(dir, &[&args[..], &["--seed", "2"]].concat());
    let project = other["project_id"].clone();
    let expected = json!({
        "project_id": project, "slug": "demo", "created": false, "stored": 2000, "duplicates": 0,
        "days": 10, "first_day": "2026-06-01", "last_day": "2026-06-10", "rk": null,
    });
    assert_eq!(other, expected);
}

#[test]
fn errors_are_one_line_and_say_what_to_do() {
    let folder = filled();
    let dir = folder.path();
    for (args, line) in [
        (
            &["project", "show", "shpo"][..],
            "error: there is no project `shpo`. Did you mean `shop`? See `millimetric project list`\n",
        ),
        (
            &["import", "none.csv", "--project", "shop"],
            "error: cannot read none.csv: No such file or directory (os error 2)\n",
        ),
        (
            &["goal", "update", "sale", "--project", "shop"],
            "error: nothing to change: pass what should, like --name or --event; see `millimetric goal update --help`\n",
        ),
        (
            &["project", "update", "shop"],
            "error: nothing to change: pass what should, like --name or --origin; see `millimetric project update --help`\n",
        ),
    ] {
        let output = command(dir).args(args).env("RUST_BACKTRACE", "1").output().unwrap();
        assert_eq!(
            (output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()),
            (Some(1), line)
        );
    }
    for (args, words) in [
        (&["demo", "--events", "0"][..], "expected a whole number of at least 1"),
        (
            &["export", "--project", "shop", "--from", "soon"],
            "expected a date like 2026-05-16 or a time like",
        ),
        (&["serve", "--query-slots", "none"], "expected a whole number of at least 1"),
    ] {
        let output = command(dir).args(args).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && error.contains(words), "{args:?}: {error}");
    }
}
