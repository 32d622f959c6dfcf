//! Changes of a body as bytes, and of how it is encoded.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::abuse::http::Draft;
use crate::random::Random;

/// Bytes that are no UTF-8, or none that JSON admits.
const BAD: &[&[u8]] =
    &[b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00", b"\xef\xbb\xbf", b"\x1f"];

/// Cuts, repeats, inserts or changes bytes.
pub(super) fn bytes(random: &mut Random, draft: &mut Draft) {
    let body = &mut draft.body;
    let at = random.below(body.len() as u64 + 1) as usize;
    match random.below(7) {
        0 => body.truncate(at),
        1 => drop(body.splice(at..at, random.of(BAD).iter().copied())),
        2 => {
            let part = body[at..].to_vec();
            body.extend(part);
        }
        3 => body.extend(vec![b' '; random.of(&[1, 1000, 65_536, 100_000])]),
        4 => body.extend_from_slice(b"{}"),
        5 => {
            let (first, second) = (body[..at].to_vec(), body[at..].to_vec());
            *body = [second, first].concat();
        }
        _ => {
            if let Some(byte) = body.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
    }
}

/// Compresses the body, or only says so.
pub(super) fn encoding(random: &mut Random, draft: &mut Draft) {
    let (name, body) = match random.below(5) {
        0 => ("gzip", gzip(&draft.body)),
        1 => ("zstd", zstd::encode_all(&*draft.body, 1).unwrap_or_default()),
        2 => ("gzip", half(gzip(&draft.body))),
        3 => ("zstd", gzip(&draft.body)),
        _ => (random.of(&["gzip", "br", "deflate", "identity", "gzip, gzip", "x-gzip"]), draft.body.clone()),
    };
    draft.body = body;
    draft.headers.push(("content-encoding".to_owned(), name.into()));
}

fn half(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 2);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}
