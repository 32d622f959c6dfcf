//! Queries that take long: they keep neither other projects nor the end of the process waiting.
//!
//! A segment becomes a pipe that nobody writes to: a query that reads it lasts until somebody does.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::thread::{ScopedJoinHandle, scope};

use crate::support::{ALWAYS, Instance, Project, Response, Server, ServerProcess, eventually, files, shop};

/// The segment of a project, as long as queries that read it do not end.
struct Stuck {
    segment: PathBuf,
    events: Vec<u8>,
}

impl Stuck {
    /// Of the only project that has events.
    fn new(server: &Instance, project: &Project) -> Self {
        shop(server, project);
        server.flush();
        let [segment] = &files(&server.dir.join("segments"))[..] else { panic!("one month is one segment") };
        let events = fs::read(segment).unwrap();
        fs::remove_file(segment).unwrap();
        assert!(Command::new("mkfifo").arg(segment).status().unwrap().success());
        Self { segment: segment.clone(), events }
    }

    fn release(self) {
        let writer = File::options().read(true).write(true).open(&self.segment).unwrap();
        fs::remove_file(&self.segment).unwrap();
        fs::write(&self.segment, &self.events).unwrap();
        drop(writer);
    }
}

fn sources(server: &Instance, project: &Project) -> Response {
    server.get(&format!("/v1/sources?{ALWAYS}"), &project.rk)
}

/// The value of a figure of the store.
fn figure(server: &Instance, name: &str) -> f64 {
    let page = server.get("/metrics", "metrics-token-of-the-test").text;
    let line = page.lines().find(|line| line.starts_with(&format!("store_{name} ")));
    line.unwrap_or_else(|| panic!("{name}: {page}")).rsplit(' ').next().unwrap().parse().unwrap()
}

fn runs_queries(server: &Instance, count: f64) {
    eventually("queries run", || (figure(server, "query_threads") >= count).then_some(()));
}

#[test]
fn one_project_has_half_of_the_slots_and_others_are_answered_meanwhile() {
    let flags = ["--query-slots", "2", "--metrics-token", "metrics-token-of-the-test"];
    let server = Server::start_with(&flags);
    let busy = server.default_project();
    let other = server.project("Other", &[]);
    let stuck = Stuck::new(&server, &busy);
    scope(|threads| {
        let first = threads.spawn(|| sources(&server, &busy));
        runs_queries(&server, 1.0);
        let responses: Vec<ScopedJoinHandle<'_, Response>> =
            (0..3).map(|_| threads.spawn(|| sources(&server, &busy))).collect();
        assert_eq!(sources(&server, &other).status, 200, "another project is answered");
        for response in responses {
            let response = response.join().unwrap();
            assert_eq!(response.error(), (503, "overloaded".to_owned()));
            assert!(response.header("retry-after").is_some());
        }
        stuck.release();
        // It has read a file that ended at once.
        assert_eq!(first.join().unwrap().error(), (500, "internal_error".to_owned()));
    });
    assert_eq!(sources(&server, &busy).status, 200, "the slots are free again");
}

#[test]
fn a_query_beyond_its_time_says_how_to_narrow_it() {
    let server = Server::start_with(&["--query-timeout", "1"]);
    let project = server.default_project();
    let stuck = Stuck::new(&server, &project);
    let refused = sources(&server, &project);
    assert_eq!(refused.error(), (503, "query_too_large".to_owned()));
    let details = refused.json()["details"].clone();
    assert_eq!(details["exceeded"], "time");
    assert!(details["narrow"].as_str().unwrap().contains("range"), "{details}");
    stuck.release();
    assert_eq!(sources(&server, &project).status, 200);
}

#[test]
fn the_process_ends_when_asked_to_whatever_runs() {
    let server = ServerProcess::start_with(&["--metrics-token", "metrics-token-of-the-test"]);
    let project = server.default_project();
    let _stuck = Stuck::new(&server, &project);
    let (url, key) = (server.url.clone(), project.rk.clone());
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let (url, key) = (url.clone(), key.clone());
            std::thread::spawn(move || {
                let request = ureq::get(format!("{url}/v1/sources?{ALWAYS}"));
                let _ = request.header("authorization", format!("Bearer {key}")).call();
            })
        })
        .collect();
    runs_queries(&server, 1.0);
    // It waits for a minute at the most: a process that never ends fails here.
    let (status, _) = server.terminate();
    assert!(status.success());
    for client in clients {
        client.join().unwrap();
    }
}
