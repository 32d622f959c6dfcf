//! The cache of verified keys, and verification against the control database: here an unknown,
//! revoked or expired key is refused.
//!
//! An entry is found by the fingerprint of a key's text, never by the text. It is valid for five
//! minutes at most, and only as long as the database's revision of keys and projects is the one under
//! which it was verified: a revocation counts as soon as the revision is read again.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use millimetric_control::{Actor, Control, ControlError, KeyOwner, KeyRecord, Project};
use millimetric_core::ids::{AccountId, KeyId};
use millimetric_core::key::{Env, KeyKind, KeyPrefix, KeyText, Pepper, Scope, SecretHash};
use millimetric_core::time::{MINUTE_MILLIS, Timestamp};
use parking_lot::Mutex;
use quick_cache::sync::Cache;

use crate::limits::key_failures::KeyFailures;
use crate::refusals::{Refusals, Why};

/// Longest time that an entry is valid, in milliseconds (contract, section 1).
const VALID_MILLIS: i64 = 5 * MINUTE_MILLIS;
/// The most entries.
const MAX_ENTRIES: usize = 16_384;
/// How many keys are looked up at once, at most.
const LOOK_UPS: usize = 64;
/// Shortest time between two writes of one key's last use, in milliseconds.
const USE_WRITTEN_EVERY_MILLIS: i64 = MINUTE_MILLIS;

/// A key that proved itself, and what it may do.
#[derive(Debug)]
pub struct VerifiedKey {
    /// The key.
    pub id: KeyId,
    /// Its kind, as stored.
    pub kind: KeyKind,
    /// Live or test.
    pub env: Env,
    /// The part of its text that is shown, by which people recognise it.
    pub prefix: KeyPrefix,
    /// What it was created for.
    pub scopes: Vec<Scope>,
    /// Where it may be used from; empty: anywhere.
    pub allowed_ips: Vec<IpNet>,
    /// The account that the key or its project belongs to.
    pub account: AccountId,
    /// Whose events it reaches; `None` for an account's key.
    pub project: Option<Arc<Project>>,
    expires_at: Option<Timestamp>,
    use_noted_at: AtomicI64,
}

/// Why a key was not verified.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The text is not a key; with the reason, if it is known.
    #[error("the text is no key")]
    Malformed(Option<String>),
    /// The key is unknown, was revoked, or has expired.
    #[error("the key is not valid")]
    Invalid,
    /// The kind or environment in the text is not the stored one.
    #[error("the kind or environment in the text is not the stored one")]
    KindMismatch,
    /// Too many keys from this address were not valid.
    #[error("too many keys from this address were not valid")]
    TooManyFailures {
        /// When the next one is looked up, in seconds.
        retry_after_s: u64,
    },
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl KeyError {
    /// Whether the key itself is wrong, rather than the moment or the database.
    const fn is_about_key(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::Invalid | Self::KindMismatch)
    }
}

#[derive(Clone)]
struct Entry {
    key: Arc<VerifiedKey>,
    at: Timestamp,
    revision: i64,
}

/// Verifies keys, and caches those that are valid.
pub struct KeyCache {
    pepper: Pepper,
    pepper_previous: Option<Pepper>,
    entries: Cache<[u8; 32], Entry>,
    revision: AtomicI64,
    revision_read_at: Mutex<Instant>,
    trusted_for: Option<Duration>,
    uses: Mutex<Vec<(KeyId, Timestamp)>>,
    refusals: Refusals,
    failures: KeyFailures,
    /// Held by a fingerprint's look-up: of many requests with a key that is not cached, one looks it up, and the
    /// others find it in the cache. Fingerprints share them by their first byte.
    look_ups: [tokio::sync::Mutex<()>; LOOK_UPS],
}

impl KeyCache {
    /// A cache for keys created with either pepper. Uses of keys that ended are noted in `refusals`. With
    /// `trusted_for`, every key is refused once the revision was not read for so long: it may have been revoked by
    /// another server meanwhile.
    pub fn new(
        pepper: Pepper,
        pepper_previous: Option<Pepper>,
        refusals: Refusals,
        trusted_for: Option<Duration>,
    ) -> Self {
        Self {
            pepper,
            pepper_previous,
            entries: Cache::new(MAX_ENTRIES),
            revision: AtomicI64::new(0),
            revision_read_at: Mutex::new(Instant::now()),
            trusted_for,
            uses: Mutex::new(Vec::new()),
            refusals,
            failures: KeyFailures::default(),
            look_ups: std::array::from_fn(|_| tokio::sync::Mutex::default()),
        }
    }

    /// The pepper under which new keys are created.
    pub fn pepper(&self) -> &Pepper {
        &self.pepper
    }

    /// The key behind a text, or the code of the first check that it fails. Failures are rate-limited
    /// per client address; a key that was verified before is always verified again.
    pub async fn verify(
        &self,
        control: &Control,
        text: &str,
        from: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Arc<VerifiedKey>, KeyError> {
        let sent = parse(text)?;
        self.check_contact()?;
        let fingerprint = KeyText::fingerprint_of(text);
        if let Some(key) = self.cached(&fingerprint, now) {
            return Ok(key);
        }
        let _alone = self.look_ups[usize::from(fingerprint[0]) % LOOK_UPS].lock().await;
        // Those that waited for a look-up that ended without a response do not wait for another.
        self.check_contact()?;
        if let Some(key) = self.cached(&fingerprint, now) {
            return Ok(key);
        }
        let was_verified = self.entries.peek(&fingerprint).is_some();
        if !was_verified {
            self.failures.take(from).map_err(|wait| KeyError::TooManyFailures {
                retry_after_s: wait.as_millis().div_ceil(1000) as u64,
            })?;
        }
        let revision = self.revision.load(Ordering::Acquire);
        let proved = self.prove(control, &sent, now).await;
        if proved.as_ref().is_err_and(KeyError::is_about_key) {
            // It may have been revoked: from now on it counts like any other invalid key.
            self.entries.remove(&fingerprint);
        } else if !was_verified {
            self.failures.put_back(from);
        }
        let key = Arc::new(proved?);
        self.entries.insert(fingerprint, Entry { key: Arc::clone(&key), at: now, revision });
        Ok(key)
    }

    /// The time since the revision was last read.
    pub fn silent_for(&self) -> Duration {
        self.revision_read_at.lock().elapsed()
    }

    /// Whether the control database was reached lately. An error comes at once: a query that waits for a database that
    /// does not respond ends after seconds, and requests would pile up.
    fn check_contact(&self) -> Result<(), ControlError> {
        let Some(longest) = self.trusted_for else { return Ok(()) };
        let silent_for = self.silent_for();
        if silent_for > longest {
            return Err(ControlError::Unavailable(format!(
                "not reached for {} seconds",
                silent_for.as_secs()
            )));
        }
        Ok(())
    }

    /// The key of an entry that is still valid.
    fn cached(&self, fingerprint: &[u8; 32], now: Timestamp) -> Option<Arc<VerifiedKey>> {
        let found = self.entries.get(fingerprint)?;
        let age = now.millis() - found.at.millis();
        let fresh =
            (0..VALID_MILLIS).contains(&age) && found.revision == self.revision.load(Ordering::Acquire);
        (fresh && !expired(found.key.expires_at, now)).then_some(found.key)
    }

    async fn prove(
        &self,
        control: &Control,
        sent: &KeyText,
        now: Timestamp,
    ) -> Result<VerifiedKey, KeyError> {
        let found = control.key_by_prefix(&sent.prefix()).await?;
        // An unknown prefix costs the same hashes and comparisons as a wrong secret.
        let stored = found.as_ref().map_or(SecretHash::from_bytes([0; 32]), |found| found.hash);
        let peppers = std::iter::once(&self.pepper).chain(&self.pepper_previous);
        let right = peppers.fold(false, |right, pepper| stored.matches(&sent.hash(pepper)) | right);
        let found = found.filter(|_| right).ok_or(KeyError::Invalid)?;
        // Where a value of the key or its project cannot be read, the key opens nothing.
        let record = found.record?;
        if !is_live(&record, now) {
            self.note_ended(&record, now);
            return Err(KeyError::Invalid);
        }
        if (record.key.kind, record.key.env) != (sent.kind(), sent.env()) {
            return Err(KeyError::KindMismatch);
        }
        if let Some(project) = record.project.as_ref().filter(|project| !project.classifier.is_ready()) {
            // Requests find the rules ready.
            let classifier = project.classifier.clone();
            let compiled = tokio::task::spawn_blocking(move || drop(classifier.rules().clone())).await;
            if let Err(error) = compiled {
                tracing::error!(%error, "the rules of a project could not be compiled");
            }
        }
        Ok(VerifiedKey::from(record))
    }

    /// Somebody still uses a key that ended: its project's members may want to know.
    fn note_ended(&self, record: &KeyRecord, now: Timestamp) {
        if let Some(project) = &record.project {
            let key = (record.key.kind, record.key.prefix);
            self.refusals.note(project.id, key, Why::KeyEnded, now);
        }
    }

    /// Marks a key that stood in a URL as exposed, when it is a real one: a stranger who knows a
    /// prefix alone can mark nothing. Counts as a failed verification of the address.
    pub async fn flag_if_real(&self, control: &Control, text: &str, from: Option<IpAddr>, now: Timestamp) {
        let Ok(sent) = KeyText::parse(text) else { return };
        if self.failures.take(from).is_err() || self.prove(control, &sent, now).await.is_err() {
            return;
        }
        match control.flag_exposed(sent.prefix(), &Actor::Server, now).await {
            Ok(_) => {
                tracing::warn!(prefix = %sent.prefix(), "a key stood in a URL and is flagged as exposed");
            }
            Err(error) => tracing::error!(%error, "an exposed key could not be flagged"),
        }
    }

    /// Notes a successful use; it reaches the database with the next [`Self::take_uses`].
    pub fn used(&self, key: &VerifiedKey, now: Timestamp) {
        let noted = key.use_noted_at.load(Ordering::Relaxed);
        let due = now.millis() - noted >= USE_WRITTEN_EVERY_MILLIS;
        let swap =
            || key.use_noted_at.compare_exchange(noted, now.millis(), Ordering::Relaxed, Ordering::Relaxed);
        if due && swap().is_ok() {
            self.uses.lock().push((key.id, now));
        }
    }

    /// The uses noted since the last call, to be written in the background.
    pub fn take_uses(&self) -> Vec<(KeyId, Timestamp)> {
        std::mem::take(&mut *self.uses.lock())
    }

    /// Removes rate-limit buckets of addresses that have been quiet.
    pub fn forget_quiet(&self) {
        self.failures.forget_full();
    }

    /// Sets the database's revision of keys and projects; a new one makes every entry invalid.
    pub fn set_revision(&self, revision: i64) {
        self.revision.store(revision, Ordering::Release);
        *self.revision_read_at.lock() = Instant::now();
    }
}

impl std::fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyCache").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

impl From<KeyRecord> for VerifiedKey {
    fn from(record: KeyRecord) -> Self {
        let KeyRecord { key, account_id, project } = record;
        Self {
            id: key.id,
            kind: key.kind,
            env: key.env,
            prefix: key.prefix,
            scopes: key.scopes,
            allowed_ips: key.allowed_ips,
            account: account_id,
            project: project.map(Arc::new),
            expires_at: key.expires_at,
            use_noted_at: AtomicI64::new(key.last_used_at.map_or(i64::MIN / 2, Timestamp::millis)),
        }
    }
}

fn parse(text: &str) -> Result<KeyText, KeyError> {
    KeyText::parse(text).map_err(|_| KeyError::Malformed(None))
}

fn is_live(record: &KeyRecord, now: Timestamp) -> bool {
    let owned = record.project.is_some() || matches!(record.key.owner, KeyOwner::Account(_));
    owned && record.key.revoked_at.is_none() && !expired(record.key.expires_at, now)
}

fn expired(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_some_and(|at| at <= now)
}
