//! The server's own secrets: the pepper of the keys and the salt of the addresses, from the
//! configuration or from 0600 files beside the databases, made on the first start.
//!
//! Never written anywhere else, never printed.

mod sealed;

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use hmac::{Hmac, KeyInit, Mac as _};
use millimetric_control::{Actor, Control};
use millimetric_core::ids::{ProjectId, UserId};
use millimetric_core::ingest::enrich::IpSalt;
use millimetric_core::key::Pepper;
use millimetric_core::time::Timestamp;
use millimetric_core::token::Token;
use millimetric_events::Subject;
use sha2::Sha256;

use crate::config::{Installation, Secret};

/// Under this name the control database remembers which pepper its keys were created with.
pub const PEPPER_FINGERPRINT: &str = "pepper_fingerprint";
/// The files that hold them, when the configuration does not.
pub const SECRET_FILES: [&str; 2] = ["pepper", "ip_salt"];
/// Bytes of a secret that the server makes, as hexadecimal text in its file.
const SECRET_BYTES: usize = 32;

/// The secrets of one installation.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// The pepper that keys are created and verified with.
    pub pepper: Pepper,
    /// Under which keys are verified too, during a planned change.
    pub pepper_previous: Option<Pepper>,
    /// With which addresses are hashed.
    pub ip_salt: IpSalt,
    mac_key: Vec<u8>,
}

impl Secrets {
    /// Takes each secret from the configuration, else from its file, else makes the file.
    ///
    /// A control database that other servers can use needs the same secrets on each of them, so they have to be
    /// configured.
    pub fn load(installation: &Installation) -> anyhow::Result<Self> {
        let is_shared = installation.control_url()?.is_shared();
        let bytes = |configured: &Option<Secret>, file: &str| match configured {
            Some(secret) => Ok(secret.reveal().as_bytes().to_vec()),
            None if is_shared => bail!(
                "a control database in PostgreSQL needs MILLIMETRIC_PEPPER and MILLIMETRIC_IP_SALT, each at least 16 \
                 characters and the same on all servers, like those that `openssl rand -hex 32` prints"
            ),
            None => read_or_make(&installation.data_dir.join(file)),
        };
        let pepper = bytes(&installation.pepper, "pepper")?;
        let previous = installation.pepper_previous.as_ref();
        Ok(Self {
            mac_key: pepper.clone(),
            pepper: Pepper::new(pepper)?,
            pepper_previous: previous.map(|secret| Pepper::new(secret.reveal().into())).transpose()?,
            ip_salt: IpSalt::new(bytes(&installation.ip_salt, "ip_salt")?),
        })
    }

    /// Compares the pepper with the one the keys were created with, and says what a change means.
    /// `Ok(Some(sentence))` is a warning for the operator. With a shared control database a change without the
    /// previous pepper is an error: the keys of the other servers would not work here.
    pub async fn check_pepper(
        &self,
        control: &Control,
        is_shared: bool,
        now: Timestamp,
    ) -> anyhow::Result<Option<String>> {
        let today = self.pepper.fingerprint();
        let known = control.meta_or(PEPPER_FINGERPRINT, &today, &Actor::Server, now).await?;
        if known == today {
            return Ok(None);
        }
        let is_planned = self.pepper_previous.as_ref().is_some_and(|pepper| pepper.fingerprint() == known);
        ensure!(
            is_planned || !is_shared,
            "MILLIMETRIC_PEPPER is not the pepper of this control database: use that of the other servers, or pass \
             the previous one as MILLIMETRIC_PEPPER_PREVIOUS to change it"
        );
        control.set_meta(PEPPER_FINGERPRINT, &today, &Actor::Server, now).await?;
        let sentence = if is_planned {
            "the pepper has changed; keys created with the previous one keep working while --pepper-previous is set"
        } else {
            "the pepper has changed: every key minted before is invalid now; restore the old pepper, or pass it as \
             --pepper-previous until the keys are rotated"
        };
        Ok(Some(sentence.to_owned()))
    }

    /// A token that every server with this pepper derives from the same text.
    pub fn shared_token(&self, text: &str) -> Token {
        Token::create(&self.mac(format!("token\0{text}").as_bytes()))
    }

    /// The number by which servers with this pepper name what they count together; strangers cannot choose who shares
    /// one with them.
    pub fn shared_cell(&self, text: &str) -> u16 {
        let hash = self.mac(format!("cell\0{text}").as_bytes());
        u16::from_be_bytes([hash[0], hash[1]])
    }

    /// A keyed hash by which the audit log can name a person without knowing them.
    pub fn hash_person(&self, project: ProjectId, subject: &Subject) -> String {
        let (kind, id) = match subject {
            Subject::User { user_id, .. } => ("user", user_id),
            Subject::Visitor { anonymous_id } => ("visitor", anonymous_id),
        };
        hex::encode(&self.mac(format!("person\0{project}\0{kind}\0{id}").as_bytes())[..16])
    }

    /// What makes the cookie of a known device genuine: for this user, under the password whose hash
    /// this is, on this installation.
    pub fn device_tag(&self, number: &[u8; 16], user: UserId, password_hash: &str) -> [u8; 32] {
        let about = format!("device\0{user}\0{password_hash}\0");
        self.mac(&[about.as_bytes(), number].concat())
    }

    /// HMAC-SHA256; each use begins its message with a word of its own.
    fn mac(&self, message: &[u8]) -> [u8; 32] {
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&self.mac_key).expect("HMAC takes keys of any length");
        mac.update(message);
        mac.finalize().into_bytes().into()
    }
}

/// Bytes of the operating system's generator.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// The secret in a file, or a new one written there first. A file that is there but is no secret
/// stops the start: making a new one would silently invalidate every key.
fn read_or_make(path: &Path) -> anyhow::Result<Vec<u8>> {
    match File::open(path) {
        Ok(file) => read(path, file),
        Err(error) if error.kind() == ErrorKind::NotFound => make(path),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn read(path: &Path, mut file: File) -> anyhow::Result<Vec<u8>> {
    let shown = path.display();
    let mode = file.metadata()?.permissions().mode() & 0o077;
    if mode != 0 {
        bail!("{shown} can be read by others: run `chmod 600 {shown}`");
    }
    let mut text = String::new();
    file.read_to_string(&mut text)
        .with_context(|| format!("{shown} is damaged: restore it from a backup"))?;
    let text = text.trim();
    if !is_file_secret(text) {
        bail!(
            "{shown} is damaged (it should hold {} hexadecimal characters): restore it from a backup; \
             deleting it makes a new one, which invalidates every key",
            SECRET_BYTES * 2
        );
    }
    Ok(text.as_bytes().to_vec())
}

fn make(path: &Path) -> anyhow::Result<Vec<u8>> {
    write_secret(path, &hex::encode(random_bytes::<SECRET_BYTES>()?))?;
    read(path, File::open(path)?)
}

/// Whether a text can be a secret in a file: hexadecimal digits, as many as the server makes.
pub fn is_file_secret(text: &str) -> bool {
    text.len() == SECRET_BYTES * 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Writes a secret to its file, whole before anybody can see it under its name, so that a crash in between
/// leaves no half of one. A file that is there stays as it is.
pub fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let temporary = path.with_extension("tmp");
    let written = || -> std::io::Result<()> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // A link, unlike a rename, fails when another process was faster.
        std::fs::hard_link(&temporary, path).or_else(|error| match error.kind() {
            ErrorKind::AlreadyExists => Ok(()),
            _ => Err(error),
        })?;
        std::fs::remove_file(&temporary)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    written().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pepper");
        let made = read_or_make(&path).unwrap();
        assert_eq!(made.len(), 64);
        assert_eq!(read_or_make(&path).unwrap(), made);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_or_open_file_stops_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pepper");
        read_or_make(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read_or_make(&path).unwrap_err().to_string().contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        for broken in [&b"abc"[..], b"", &[0xff; 64]] {
            std::fs::write(&path, broken).unwrap();
            assert!(read_or_make(&path).unwrap_err().to_string().contains("is damaged"));
        }
    }
}
