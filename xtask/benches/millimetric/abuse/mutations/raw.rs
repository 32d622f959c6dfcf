//! Changes of a request's bytes, after which it need not be HTTP any more.

use std::net::SocketAddr;

use crate::abuse::http::Draft;
use crate::random::Random;

/// What other programs send to a port.
const STRANGE: &[&[u8]] = &[
    b"",
    b"\r\n\r\n\r\n\r\n",
    b"\n\n\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    b"GET /\r\n",
    b"GET / HTTP/0.9\r\n\r\n",
    b"GET / HTTP/3.0\r\nhost: a\r\n\r\n",
    b"GET http://evil.example/v1/events HTTP/1.1\r\nhost: a\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\nhost: a\n\n",
    b"GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n folded\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost : a\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n",
    b"GET /\0 HTTP/1.1\r\nhost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.0\r\n",
];
/// Framings that disagree with the body or with themselves.
const FRAMINGS: &[&str] = &[
    "content-length: 0",
    "content-length: 5",
    "content-length: 99999999",
    "content-length: -1",
    "content-length: 18446744073709551616",
    "content-length: 5, 5",
    "content-length: 0x10",
    "content-length: 5\r\ncontent-length: 6",
    "transfer-encoding: chunked",
    "transfer-encoding: chunked\r\ncontent-length: 5",
    "transfer-encoding: gzip, chunked",
    "transfer-encoding: identity",
    "transfer-encoding: chunked, chunked",
];
/// Bodies in chunks that are none.
const CHUNKS: &[&[u8]] = &[
    b"0\r\n\r\n",
    b"5\r\n{\"a\"\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\n{}",
    b"-1\r\n{}\r\n",
    b"2;extension=\"a\nb\"\r\n{}\r\n0\r\n\r\n",
    b"2\r\n{}0\r\n\r\n",
    b"2\r\n{}\r\n0\r\ntrailer: a\r\n\r\n",
    b"\r\n\r\n",
];

/// The draft's bytes, changed.
pub(super) fn changed(random: &mut Random, draft: &Draft, host: SocketAddr) -> Vec<u8> {
    let mut bytes = draft.bytes(host);
    let at = random.below(bytes.len() as u64) as usize;
    match random.below(10) {
        0 => random.of(STRANGE).to_vec(),
        1 => bytes[..at].to_vec(),
        2 => reframed(random, draft, host),
        3 => [&bytes[..], &bytes[..]].concat(),
        4 => crowded(random, draft, host),
        5 => without_carriage_returns(&bytes),
        6 => {
            bytes.splice(at..at, *random.of(&[b"\r\n", b"\0\0", b"\xff\xff", b": ", b"\n\n"]));
            bytes
        }
        _ => {
            for _ in 0..=random.below(8) {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] = random.below(256) as u8;
            }
            bytes
        }
    }
}

fn reframed(random: &mut Random, draft: &Draft, host: SocketAddr) -> Vec<u8> {
    let framing = random.of(FRAMINGS);
    let (name, value) = framing.split_once(": ").unwrap_or_default();
    let body = if framing.contains("chunked") { random.of(CHUNKS).to_vec() } else { draft.body.clone() };
    Draft { body, ..draft.clone() }.header(name, value).bytes(host)
}

/// More or longer headers than a server reads, or a longer target.
fn crowded(random: &mut Random, draft: &Draft, host: SocketAddr) -> Vec<u8> {
    let mut draft = draft.clone();
    match random.below(3) {
        0 => draft.headers.extend((0..200).map(|number| (format!("x-{number}"), b"y".to_vec()))),
        1 => draft.headers.push(("x-long".to_owned(), vec![b'y'; 100_000])),
        _ => draft.target.push_str(&"/long".repeat(20_000)),
    }
    draft.bytes(host)
}

fn without_carriage_returns(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|byte| *byte != b'\r').collect()
}
