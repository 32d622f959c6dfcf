//! Passwords: which ones are taken, and how they are hashed and compared (argon2id with the
//! parameters that OWASP recommends), away from the threads that serve requests.
//!
//! No password is kept, shown or logged. Comparing with nothing takes as long as comparing with a
//! real hash.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::limits::busy::Busy;
use crate::secrets::random_bytes;

/// Hashes of a lane at once: each takes 19 MiB and a thread.
const AT_ONCE: usize = 2;
/// Those of a lane that are computed or waited for; more are refused.
const AT_MOST: usize = 32;
/// How long somebody waits for their turn.
const TURN_WITHIN: Duration = Duration::from_secs(10);
/// Memory of a hash in KiB, passes and lanes (OWASP, Password Storage Cheat Sheet).
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// A hash of no password that anybody knows, with the parameters above.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5cyBzYWx0IQ$Yb1N5Zc0n5hQ2mUe6w7QXl8o3m4e1JvR9tKcT0sDqLw";

/// The fewest characters of a password.
const MIN_CHARS: usize = 12;
/// The most bytes of one.
const MAX_BYTES: usize = 256;

/// A password that somebody may choose.
pub struct NewPassword(String);

/// Why a password is not taken. The sentence is for the person who typed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Fewer than 12 characters.
    #[error("a password must have at least 12 characters: several random words make a strong password")]
    TooShort,
    /// More than 256 bytes.
    #[error("a password must have at most 256 bytes")]
    TooLong,
    /// One of those that are tried first.
    #[error("this password is too easy to guess: several random words make a strong password")]
    TooEasy,
}

/// Why no hash was computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many are computed or waited for.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The random generator, the hash function or its thread failed.
    #[error("{0}")]
    Failed(String),
}

impl NewPassword {
    /// Checks what somebody with this e-mail address chose.
    pub fn of(text: &str, email: &str) -> Result<Self, PasswordError> {
        if text.chars().count() < MIN_CHARS {
            return Err(PasswordError::TooShort);
        }
        if text.len() > MAX_BYTES {
            return Err(PasswordError::TooLong);
        }
        if is_easy(&text.to_lowercase(), email) {
            return Err(PasswordError::TooEasy);
        }
        Ok(Self(text.to_owned()))
    }
}

/// The address itself, something again and again, or one of those that are tried first.
fn is_easy(lower: &str, email: &str) -> bool {
    lower == email || is_repetition(lower) || COMMON.lines().any(|common| common == lower)
}

/// Whether a part of the text, again and again, is all of it: `aaaa`, `passwordpassword`, `121212`.
fn is_repetition(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    let repeats = |length: usize| characters.iter().zip(&characters[length..]).all(|(a, b)| a == b);
    (1..=characters.len() / 2).any(repeats)
}

/// Of the passwords that people choose most often, those long enough to be taken otherwise; where
/// they come from stands beside them.
const COMMON: &str = include_str!("../../data/passwords/common.txt");

/// On whose behalf a hash is computed: strangers, however many, do not hold up anybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Clients that have proven nothing yet.
    Strangers,
    /// Known devices, and holders of sessions and links.
    Known,
}

/// Hashes and compares, a few at once in each lane.
#[derive(Debug, Default)]
pub struct Passwords {
    strangers: Queue,
    known: Queue,
}

/// The slots of a lane, and those of its queue.
#[derive(Debug)]
struct Queue {
    places: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(AT_ONCE)), all: Arc::new(Semaphore::new(AT_MOST)) }
    }
}

impl Passwords {
    /// The hash to store, in the PHC format, for somebody who may choose a password.
    pub async fn hash(&self, password: NewPassword) -> Result<String, HashError> {
        let salt = random_bytes::<16>().map_err(failed)?;
        self.known
            .in_turn(move || {
                let hash = hasher()?.hash_password_with_salt(password.0.as_bytes(), &salt).map_err(failed)?;
                Ok(hash.to_string())
            })
            .await
    }

    /// Whether this is the password behind the stored hash; of nobody's hash it never is.
    pub async fn matches(&self, password: &str, stored: Option<&str>, lane: Lane) -> Result<bool, HashError> {
        let (password, real) = (password.to_owned(), stored.is_some());
        let hash = stored.unwrap_or(NOBODYS).to_owned();
        let queue = match lane {
            Lane::Strangers => &self.strangers,
            Lane::Known => &self.known,
        };
        let same =
            queue.in_turn(move || Ok(hasher()?.verify_password(password.as_bytes(), &*hash).is_ok())).await?;
        Ok(same && real)
    }
}

impl Queue {
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let busy = Busy { what: "too many sign-ins at once", retry_after_s: 5 };
        let places = self.place().await.ok_or(HashError::Busy(busy))?;
        let work = move || {
            let done = work();
            drop(places);
            done
        };
        spawn_blocking(work).await.map_err(failed)?
    }

    /// A slot of the queue, and one of the lane.
    async fn place(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let waiting = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let turn = tokio::time::timeout(TURN_WITHIN, Arc::clone(&self.places).acquire_owned()).await;
        Some([waiting, turn.ok()?.ok()?])
    }
}

fn hasher() -> Result<Argon2<'static>, HashError> {
    let parameters = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
}

fn failed(cause: impl ToString) -> HashError {
    HashError::Failed(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_not_easy() {
        let check = |text: &str| NewPassword::of(text, "ann@example.com").err();
        assert_eq!(check("correct horse battery"), None);
        assert_eq!(check("größe über alles"), None);
        assert_eq!(check("eleven char"), Some(PasswordError::TooShort));
        assert_eq!(check(&"x1".repeat(129)), Some(PasswordError::TooLong));
        let easy = [
            "Ann@Example.com",
            "aaaaaaaaaaaa",
            "1212121212121",
            "PasswordPassword",
            "Password1234",
            "q1w2e3r4t5y6",
        ];
        for easy in easy {
            assert_eq!(check(easy), Some(PasswordError::TooEasy), "{easy}");
        }
    }

    #[tokio::test]
    async fn a_hash_is_salted_argon2id_and_matches_its_password_alone() {
        let passwords = Passwords::default();
        let new = || NewPassword::of("correct horse battery", "ann@example.com").unwrap();
        let (one, two) = (passwords.hash(new()).await.unwrap(), passwords.hash(new()).await.unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two);
        for (password, stored, expected) in [
            ("correct horse battery", Some(&*one), true),
            ("correct horse batterY", Some(&*one), false),
            ("", Some(&*one), false),
            ("correct horse battery", None, false),
            ("correct horse battery", Some("not a hash"), false),
        ] {
            for lane in [Lane::Strangers, Lane::Known] {
                let matches = passwords.matches(password, stored, lane).await.unwrap();
                assert_eq!(matches, expected, "{password} {stored:?}");
            }
        }
    }

    #[tokio::test]
    async fn strangers_wait_in_a_bounded_line_and_hold_up_nobody_who_is_known() {
        let passwords = Passwords::default();
        // Two compute for as long as this test likes, and the others of the line wait for them.
        let running: Vec<_> = [passwords.strangers.place().await, passwords.strangers.place().await].into();
        assert!(running.iter().all(Option::is_some));
        let waiting =
            Arc::clone(&passwords.strangers.all).acquire_many_owned((AT_MOST - AT_ONCE) as u32).await;
        let refused = passwords.matches("x", None, Lane::Strangers).await.unwrap_err();
        assert!(matches!(refused, HashError::Busy(Busy { retry_after_s: 5, .. })), "{refused}");
        assert!(!passwords.matches("x", None, Lane::Known).await.unwrap());
        drop((running, waiting));
        assert!(!passwords.matches("x", None, Lane::Strangers).await.unwrap());
    }

    #[test]
    fn comparing_with_nobodys_hash_is_real_work() {
        let hash = argon2::password_hash::phc::PasswordHash::new(NOBODYS).unwrap();
        assert_eq!(hash.params.to_string(), "m=19456,t=2,p=1");
        assert_eq!(hash.hash.unwrap().len(), 32);
    }
}
