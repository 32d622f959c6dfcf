//! A key that is about to be stored: valid by construction.
//!
//! Draws nothing and hashes nothing; the caller creates the text and passes what is stored of it.

use ipnet::IpNet;
use millimetric_core::ids::KeyId;
use millimetric_core::key::{Env, KeyKind, KeyPrefix, Scope, SecretHash};
use millimetric_core::time::Timestamp;

use super::{KeyOwner, StoredKey};
use crate::Name;

/// A key to be stored: an `ak` of an account or another kind of a project, with no more scopes
/// than its kind's default.
#[derive(Debug, Clone)]
pub struct NewKey {
    id: KeyId,
    owner: KeyOwner,
    kind: KeyKind,
    env: Env,
    prefix: KeyPrefix,
    hash: SecretHash,
    label: Option<Name>,
    scopes: Vec<Scope>,
    allowed_ips: Vec<IpNet>,
    expires_at: Option<Timestamp>,
}

/// Why such a key cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NewKeyError {
    /// An `ak` for a project.
    #[error("an ak key belongs to an account, not to a project")]
    NeedsAccount,
    /// Another kind for an account.
    #[error("a {0} key belongs to a project, not to an account")]
    NeedsProject(KeyKind),
    /// More than the kind may do.
    #[error("a {kind} key cannot have the scope {scope}")]
    ScopeTooWide {
        /// The kind of the key.
        kind: KeyKind,
        /// The scope that it cannot have.
        scope: Scope,
    },
    /// A key that may do nothing.
    #[error("a key needs at least one scope")]
    NoScope,
}

impl NewKey {
    /// A key with its kind's default scopes, usable from anywhere, that never expires.
    pub fn new(
        id: KeyId,
        owner: KeyOwner,
        kind: KeyKind,
        env: Env,
        prefix: KeyPrefix,
        hash: SecretHash,
    ) -> Result<Self, NewKeyError> {
        match (kind, owner) {
            (KeyKind::Ak, KeyOwner::Project(_)) => return Err(NewKeyError::NeedsAccount),
            (KeyKind::Pk | KeyKind::Sk | KeyKind::Rk, KeyOwner::Account(_)) => {
                return Err(NewKeyError::NeedsProject(kind));
            }
            _ => {}
        }
        let scopes = kind.default_scopes().to_vec();
        let (label, allowed_ips, expires_at) = (None, Vec::new(), None);
        Ok(Self { id, owner, kind, env, prefix, hash, label, scopes, allowed_ips, expires_at })
    }

    /// With these scopes instead; repeated ones count once.
    pub fn with_scopes(self, scopes: &[Scope]) -> Result<Self, NewKeyError> {
        let default = self.kind.default_scopes();
        if let Some(&scope) = scopes.iter().find(|scope| !default.contains(scope)) {
            return Err(NewKeyError::ScopeTooWide { kind: self.kind, scope });
        }
        if scopes.is_empty() {
            return Err(NewKeyError::NoScope);
        }
        // In the order of the contract, whatever the order they were asked in.
        let scopes = default.iter().copied().filter(|scope| scopes.contains(scope)).collect();
        Ok(Self { scopes, ..self })
    }

    /// With a name for people.
    #[must_use]
    pub fn with_label(self, label: Name) -> Self {
        Self { label: Some(label), ..self }
    }

    /// Usable from these networks only; host bits are cut. An empty list: from anywhere.
    #[must_use]
    pub fn with_allowed_ips(self, networks: &[IpNet]) -> Self {
        Self { allowed_ips: networks.iter().map(IpNet::trunc).collect(), ..self }
    }

    /// No longer working from this instant on.
    #[must_use]
    pub fn with_expiry(self, expires_at: Timestamp) -> Self {
        Self { expires_at: Some(expires_at), ..self }
    }

    /// The key as it is stored, created at this instant.
    pub fn stored(self, now: Timestamp) -> StoredKey {
        let Self { id, owner, kind, env, prefix, hash, label, scopes, allowed_ips, expires_at } = self;
        StoredKey {
            id,
            owner,
            kind,
            env,
            prefix,
            hash,
            label,
            scopes,
            allowed_ips,
            created_at: now,
            last_used_at: None,
            expires_at,
            revoked_at: None,
            exposed_at: None,
            replaced_by: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millimetric_core::ids::{AccountId, ProjectId};
    use uuid::Uuid;

    fn key(kind: KeyKind, owner: KeyOwner) -> Result<NewKey, NewKeyError> {
        let prefix = "00c0ffee".parse().unwrap();
        NewKey::new(KeyId::new(Uuid::nil()), owner, kind, Env::Live, prefix, SecretHash::from_bytes([7; 32]))
    }

    fn project() -> KeyOwner {
        KeyOwner::Project(ProjectId::new(Uuid::nil()))
    }

    #[test]
    fn an_ak_belongs_to_an_account_and_the_others_to_a_project() {
        let account = KeyOwner::Account(AccountId::new(Uuid::nil()));
        assert!(key(KeyKind::Ak, account).is_ok());
        assert_eq!(key(KeyKind::Ak, project()).unwrap_err(), NewKeyError::NeedsAccount);
        for kind in [KeyKind::Pk, KeyKind::Sk, KeyKind::Rk] {
            assert!(key(kind, project()).is_ok());
            assert_eq!(key(kind, account).unwrap_err(), NewKeyError::NeedsProject(kind));
        }
    }

    #[test]
    fn scopes_are_narrowed_and_never_widened() {
        use Scope::{Forget, Ingest, Read};
        let scopes =
            |kind, wanted: &[Scope]| key(kind, project()).unwrap().with_scopes(wanted).map(|key| key.scopes);
        assert_eq!(key(KeyKind::Sk, project()).unwrap().scopes, [Ingest, Read, Forget]);
        assert_eq!(scopes(KeyKind::Sk, &[Read, Ingest, Read]), Ok(vec![Ingest, Read]));
        assert_eq!(scopes(KeyKind::Sk, &[]), Err(NewKeyError::NoScope));
        for (kind, scope) in [(KeyKind::Pk, Read), (KeyKind::Pk, Forget), (KeyKind::Rk, Ingest)] {
            assert_eq!(scopes(kind, &[scope]), Err(NewKeyError::ScopeTooWide { kind, scope }));
        }
    }
}
