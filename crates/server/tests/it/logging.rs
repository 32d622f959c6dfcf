//! What the log says of requests that are not answered as asked: a failure of the server is an error
//! there, and what clients ask too much of is not.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use crate::support::{ALWAYS, Instance, Project, ServerProcess, eventually, files, shop};

/// Begins an export and waits for nothing.
fn begin_export(server: &Instance, project: &Project) -> TcpStream {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    let key = &project.sk;
    write!(
        stream,
        "GET /v1/export?{ALWAYS} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\r\n"
    )
    .unwrap();
    stream.set_nonblocking(true).unwrap();
    stream
}

/// The only segment becomes a pipe that nobody writes to, so that exports last.
fn with_exports_that_last(server: &Instance, project: &Project) {
    shop(server, project);
    server.flush();
    let [segment] = &files(&server.dir.join("segments"))[..] else { panic!("one month is one segment") };
    fs::remove_file(segment).unwrap();
    assert!(Command::new("mkfifo").arg(segment).status().unwrap().success());
    File::options().read(true).write(true).open(segment).unwrap();
}

#[test]
fn exports_that_are_refused_are_no_error_of_the_server() {
    let server = ServerProcess::start();
    let project = server.default_project();
    with_exports_that_last(&server, &project);
    let mut exports: Vec<TcpStream> = (0..20).map(|_| begin_export(&server, &project)).collect();
    let mut refused = [false; 20];
    eventually("exports are refused", || {
        for (at, export) in exports.iter_mut().enumerate() {
            let mut response = [0; 4096];
            let read = export.read(&mut response).unwrap_or_default();
            let response = String::from_utf8_lossy(&response[..read]);
            refused[at] |= response.starts_with("HTTP/1.1 503") && response.contains("\"overloaded\"");
        }
        (refused.iter().filter(|refused| **refused).count() >= 2).then_some(())
    });
    server.logged(&["overloaded"]);
    let log = server.log();
    assert_eq!(log.iter().filter(|line| line.contains("ERROR")).collect::<Vec<_>>(), [""; 0]);
    assert!(log[0].contains("WARN"), "{log:?}");
    let lines = log.iter().filter(|line| line.contains("overloaded")).count();
    assert_eq!(lines, 1, "many refusals do not fill the log: {log:?}");
}
