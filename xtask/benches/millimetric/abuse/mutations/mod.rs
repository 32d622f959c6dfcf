//! Mutated requests: a seed decides which valid request is taken and what is changed in it.
//!
//! Most stay valid HTTP, so that their contents reach the routes and a response can be demanded; one in
//! ten is changed as raw bytes, after which anything may be refused or left without a response.

mod body;
pub(crate) mod check;
mod json;
mod nasty;
mod parts;
mod raw;
mod templates;

use std::net::SocketAddr;

use self::templates::Templates;
use super::http::Draft;
use super::target::Target;
use crate::random::Random;

/// One in so many requests is changed as raw bytes.
const RAW: u64 = 10;
/// Bytes of a request that are shown.
const SHOWN: usize = 600;

/// A request that is ready to be sent.
pub(crate) enum Mutated {
    /// Valid HTTP: there must be a response.
    Framed(Draft),
    /// Anything.
    Raw(Vec<u8>),
}

/// The requests of one connection.
pub(crate) struct Generator {
    random: Random,
    templates: Templates,
    host: SocketAddr,
}

impl Generator {
    /// Those that a seed decides for the connection of this number.
    pub(crate) fn new(seed: u64, connection: u64, target: &Target) -> Self {
        let random = Random::new(seed.wrapping_mul(0x1_0000_0001).wrapping_add(connection));
        Self { random, templates: Templates::new(target), host: target.address }
    }

    /// The next one.
    pub(crate) fn next(&mut self) -> Mutated {
        let random = &mut self.random;
        let mut draft = self.templates.any(random).clone();
        let changes = random.of(&[0, 1, 1, 1, 2, 2, 3, 5]);
        for _ in 0..changes {
            match random.below(16) {
                0 => parts::method(random, &mut draft),
                1 | 2 => {
                    let other = self.templates.any(random);
                    parts::path(random, &mut draft, other);
                }
                3..=5 => parts::query(random, &mut draft),
                6 | 7 => parts::headers(random, &mut draft),
                8 => parts::key(random, &mut draft, self.templates.keys()),
                9 | 10 => body::bytes(random, &mut draft),
                11 => body::encoding(random, &mut draft),
                _ if parts::is_form(&draft) => parts::form(random, &mut draft),
                _ => json::structure(random, &mut draft),
            }
        }
        if random.once_in(RAW) {
            return Mutated::Raw(raw::changed(random, &draft, self.host));
        }
        parts::make_valid(&mut draft);
        Mutated::Framed(draft)
    }
}

/// A request as it can be printed: without keys and cookies, and not too long.
pub(crate) fn readable(bytes: &[u8]) -> String {
    let text = bytes[..bytes.len().min(SHOWN)].escape_ascii().to_string();
    let secret = |word: &str| {
        let lower = word.to_ascii_lowercase();
        ["pk_", "sk_", "rk_", "ak_", "session="].iter().any(|start| lower.contains(start))
    };
    let words = text.split(' ').map(|word| if secret(word) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}
