//! Inputs that programs choke on, one a file in `tests/corpus`: whatever is in there, every route
//! answers with a refusal or a success, never with an error of its own, and in bounded memory. An
//! input that once broke something is added there.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::path::Path;
use std::time::Duration;

use crate::bodies::peak_memory;
use crate::raw::connect;
use crate::support::{ServerProcess, files};

/// What all of the corpus may take in memory.
const MEMORY: u64 = 64 << 20;

/// The inputs of a kind, by the names of their files; `{sk}` in them is a key that works.
fn corpus(kind: &str, sk: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(kind);
    let inputs = files(&folder).into_iter().map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, replaced(&std::fs::read(&path).unwrap(), sk))
    });
    let inputs: Vec<_> = inputs.collect();
    assert!(inputs.len() > 10, "{} has {} inputs", folder.display(), inputs.len());
    inputs
}

fn replaced(bytes: &[u8], sk: &str) -> Vec<u8> {
    match bytes.windows(4).position(|window| window == b"{sk}") {
        Some(at) => [&bytes[..at], sk.as_bytes(), &bytes[at + 4..]].concat(),
        None => bytes.to_vec(),
    }
}

#[test]
fn no_body_breaks_a_route() {
    let server = ServerProcess::start();
    let project = server.default_project();
    let before = peak_memory(&server);
    for (name, body) in corpus("bodies", &project.sk) {
        for path in ["/v1/track", "/v1/batch", "/v1/identify", "/v1/forget", "/v1/stats", "/mcp"] {
            for encoding in ["identity", "gzip", "zstd"] {
                let bearer = format!("Bearer {}", project.sk);
                let headers = [
                    ("authorization", bearer.as_str()),
                    ("content-type", "application/json"),
                    ("content-encoding", encoding),
                ];
                let response = server.send("POST", path, &headers, &body);
                assert!(
                    (200..500).contains(&response.status),
                    "{name} as {encoding} to {path}: {}",
                    response.text
                );
                assert!(response.text.len() < 128 << 10, "{name} to {path}: {} bytes", response.text.len());
            }
        }
    }
    let grew = peak_memory(&server) - before;
    assert!(grew < MEMORY, "{grew} bytes of memory");
}

#[test]
fn no_head_breaks_the_listener() {
    let server = ServerProcess::start();
    let sk = server.default_project().sk;
    let before = peak_memory(&server);
    for (name, bytes) in corpus("heads", &sk) {
        for piece in [bytes.len(), 7] {
            let mut stream = connect(&server);
            // A client that has said everything; whoever waits for more is cut off later.
            let sent = bytes.chunks(piece).try_for_each(|piece| stream.write_all(piece));
            let _ = stream.shutdown(Shutdown::Write);
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut text = Vec::new();
            match stream.read_to_end(&mut text) {
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{name}"),
            }
            let text = String::from_utf8_lossy(&text);
            let statuses = text.split("HTTP/1.1 ").skip(1).map(|response| response.as_bytes()[0]);
            let bad = statuses.filter(|status| !(b'1'..=b'4').contains(status)).count();
            assert_eq!(bad, 0, "{name} in pieces of {piece}, {sent:?}: {text}");
        }
    }
    assert_eq!(server.send("GET", "/healthz", &[], b"").status, 200);
    let grew = peak_memory(&server) - before;
    assert!(grew < MEMORY, "{grew} bytes of memory");
}

#[test]
fn no_text_of_a_key_breaks_the_checks() {
    let server = ServerProcess::start();
    let project = server.default_project();
    for (name, key) in corpus("keys", &project.sk) {
        let escaped: Vec<String> = key.iter().map(|byte| format!("%{byte:02x}")).collect();
        let escaped = escaped.concat();
        let head =
            [b"POST /v1/track HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer ", &key[..]];
        let requests = [
            [&head.concat()[..], b"\r\ncontent-length: 0\r\n\r\n"].concat(),
            format!("POST /v1/track?key={escaped} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                .into_bytes(),
        ];
        for request in requests {
            let heard = crate::raw::exchange(&server, &request);
            assert!(matches!(heard.status(), 400 | 401), "{name}: {}", heard.text);
            let secret = &project.sk[17..40];
            assert!(!heard.text.contains(secret), "{name}: the response repeats the key");
        }
    }
}
