//! Keys: created and rotated.
//!
//! The text of a key leaves this file once, when the key is created; only its hash is stored.

use ipnet::IpNet;
use millimetric_control::{
    Actor, Control, ControlError, KeyOwner, Name, NewKey, NewKeyError, StoredKey, StoredResponse,
};
use millimetric_core::ids::KeyId;
use millimetric_core::key::{Env, KEY_RANDOM_BYTES, KeyKind, KeyText, Pepper, Scope};
use millimetric_core::time::Timestamp;
use uuid::Uuid;

use crate::secrets::random_bytes;

/// The most tries to create a key whose random prefix is not taken: with a million keys the chance of a
/// collision is one in four thousand each time.
const TRIES: usize = 5;

/// A key to be created.
#[derive(Debug, Clone)]
pub struct KeyRequest {
    /// Whose it is.
    pub owner: KeyOwner,
    /// What it is for.
    pub kind: KeyKind,
    /// Live or test.
    pub env: Env,
    /// A name for people.
    pub label: Option<Name>,
    /// Fewer scopes than the kind's; empty: the kind's.
    pub scopes: Vec<Scope>,
    /// Where it may be used from; empty: anywhere.
    pub allowed_ips: Vec<IpNet>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// A key that was just created. Its text cannot be shown again later.
#[derive(Debug)]
pub struct CreatedKey {
    /// What is stored of it.
    pub stored: StoredKey,
    /// The text to hand to its owner.
    pub text: KeyText,
}

/// Why a key was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateKeyError {
    /// Such a key cannot be.
    #[error(transparent)]
    Invalid(#[from] NewKeyError),
    /// The database refused or failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The operating system gave no random bytes.
    #[error("the operating system's random generator failed: {0}")]
    Random(#[from] getrandom::Error),
}

impl KeyRequest {
    /// A key with its kind's scopes, for anybody from anywhere, without an end.
    pub const fn new(owner: KeyOwner, kind: KeyKind, env: Env) -> Self {
        Self { owner, kind, env, label: None, scopes: Vec::new(), allowed_ips: Vec::new(), expires_at: None }
    }
}

/// Creates a key.
pub async fn create_key(
    control: &Control,
    pepper: &Pepper,
    request: &KeyRequest,
    by: &Actor,
    now: Timestamp,
) -> Result<CreatedKey, CreateKeyError> {
    create_key_once(control, pepper, request, |_| Ok(None), by, now).await
}

/// Creates a key together with the response that is repeated if the request is sent again, which `respond` makes
/// of it before it is stored.
pub async fn create_key_once(
    control: &Control,
    pepper: &Pepper,
    request: &KeyRequest,
    respond: impl Fn(&CreatedKey) -> Result<Option<StoredResponse>, getrandom::Error> + Send,
    by: &Actor,
    now: Timestamp,
) -> Result<CreatedKey, CreateKeyError> {
    let mut taken = None;
    for _ in 0..TRIES {
        let (text, new) = draw(pepper, request)?;
        let created = CreatedKey { stored: new.clone().stored(now), text };
        let response = respond(&created)?;
        match control.insert_key_once(new, response.as_ref(), by, now).await {
            Ok(_) => return Ok(created),
            Err(error @ ControlError::KeyPrefixTaken(_)) => taken = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(taken.unwrap_or(ControlError::UnknownKey).into())
}

/// Creates a successor with the old key's label, scopes, addresses and expiry; the old key works
/// for `grace_millis` more.
pub async fn rotate(
    control: &Control,
    pepper: &Pepper,
    old: &StoredKey,
    grace_millis: i64,
    by: &Actor,
    now: Timestamp,
) -> Result<CreatedKey, CreateKeyError> {
    rotate_once(control, pepper, (old, now.plus_millis(grace_millis)), |_| Ok(None), by, now).await
}

/// The same together with the response that is repeated if the request is sent again; the old key comes with the
/// instant until which it works at most.
pub async fn rotate_once(
    control: &Control,
    pepper: &Pepper,
    (old, until): (&StoredKey, Timestamp),
    respond: impl Fn(&CreatedKey) -> Result<Option<StoredResponse>, getrandom::Error> + Send,
    by: &Actor,
    now: Timestamp,
) -> Result<CreatedKey, CreateKeyError> {
    let request = KeyRequest {
        owner: old.owner,
        kind: old.kind,
        env: old.env,
        label: old.label.clone(),
        scopes: old.scopes.clone(),
        allowed_ips: old.allowed_ips.clone(),
        expires_at: old.expires_at,
    };
    let (text, new) = draw(pepper, &request)?;
    let created = CreatedKey { stored: new.clone().stored(now), text };
    let response = respond(&created)?;
    control.rotate_key_once((old.id, until), new, response.as_ref(), by, now).await?;
    Ok(created)
}

/// The text of a new key, and what is stored of it.
pub(super) fn draw(pepper: &Pepper, request: &KeyRequest) -> Result<(KeyText, NewKey), CreateKeyError> {
    let text = KeyText::create(request.kind, request.env, &random_bytes::<KEY_RANDOM_BYTES>()?);
    let id = KeyId::new(Uuid::now_v7());
    let mut new =
        NewKey::new(id, request.owner, request.kind, request.env, text.prefix(), text.hash(pepper))?
            .with_allowed_ips(&request.allowed_ips);
    if !request.scopes.is_empty() {
        new = new.with_scopes(&request.scopes)?;
    }
    if let Some(label) = &request.label {
        new = new.with_label(label.clone());
    }
    if let Some(at) = request.expires_at {
        new = new.with_expiry(at);
    }
    Ok((text, new))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use futures_util::future::join_all;
    use millimetric_control::ControlUrl;
    use millimetric_core::ids::AccountId;

    use super::*;
    use crate::credentials::key_cache::KeyCache;
    use crate::refusals::Refusals;

    #[tokio::test]
    async fn many_first_requests_with_one_key_are_no_guesses() {
        let folder = tempfile::tempdir().unwrap();
        let control = Control::open(&ControlUrl::in_folder(folder.path())).await.unwrap();
        let (by, now) = (Actor::Server, Timestamp::from_millis(1_780_000_000_000).unwrap());
        let (id, name) = (AccountId::new(Uuid::now_v7()), "agency".parse().unwrap());
        let account = control.create_account(id, name, &by, now).await.unwrap();
        let pepper = Pepper::new(vec![1; 32]).unwrap();
        let request = KeyRequest::new(KeyOwner::Account(account.id), KeyKind::Ak, Env::Live);
        let key = create_key(&control, &pepper, &request, &by, now).await.unwrap();
        let cache = KeyCache::new(pepper, None, Refusals::default(), None);
        let from = Some(IpAddr::from(Ipv4Addr::LOCALHOST));
        let verified = join_all((0..300).map(|_| cache.verify(&control, key.text.reveal(), from, now))).await;
        let refused: Vec<_> = verified.into_iter().filter_map(Result::err).collect();
        assert!(refused.is_empty(), "{} of 300: {:?}", refused.len(), refused[0]);
    }
}
