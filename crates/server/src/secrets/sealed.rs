//! What the server encrypts before it stores it, and the entity tags that it signs.

use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce};

use super::{Secrets, random_bytes};

/// Bytes of a nonce, which begins a sealed text.
const NONCE_BYTES: usize = 12;
/// Bytes of an entity tag, of which each is two hexadecimal characters.
const TAG_BYTES: usize = 16;

impl Secrets {
    /// Encrypts a text (ChaCha20-Poly1305). The key is derived from the pepper and from `known_to_client`, of
    /// which the database has a hash at most: neither the database alone nor the database with the pepper
    /// suffices to decrypt it.
    pub fn seal(&self, known_to_client: &[u8], text: &[u8]) -> Result<Vec<u8>, getrandom::Error> {
        let nonce: [u8; NONCE_BYTES] = random_bytes()?;
        let sealed = self.cipher(known_to_client).encrypt(&Nonce::from(nonce), text);
        let sealed = sealed.expect("only texts of more than 256 GiB cannot be encrypted");
        Ok([&nonce[..], &sealed].concat())
    }

    /// Decrypts what [`Secrets::seal`] returned; `None` under another pepper, or if it was changed.
    pub fn unseal(&self, known_to_client: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        self.cipher(known_to_client).decrypt(&Nonce::from(*nonce), sealed).ok()
    }

    /// The strong entity tag of a text, in quotes: a keyed hash, from which nothing of the text can be guessed.
    pub fn entity_tag(&self, text: &[u8]) -> String {
        let hash = self.mac(&[b"entity tag\0", text].concat());
        format!("\"{}\"", hex::encode(&hash[..TAG_BYTES]))
    }

    fn cipher(&self, known_to_client: &[u8]) -> ChaCha20Poly1305 {
        ChaCha20Poly1305::new(&self.mac(&[b"sealed\0", known_to_client].concat()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millimetric_core::ingest::enrich::IpSalt;
    use millimetric_core::key::Pepper;

    fn secrets(byte: u8) -> Secrets {
        Secrets {
            pepper: Pepper::new(vec![byte; 32]).unwrap(),
            pepper_previous: None,
            ip_salt: IpSalt::new(vec![1; 32]),
            mac_key: vec![byte; 32],
        }
    }

    #[test]
    fn what_was_sealed_is_read_with_the_same_pepper_and_words_alone() {
        let sealed = secrets(1).seal(b"words", b"sk_live_a").unwrap();
        assert_eq!(secrets(1).unseal(b"words", &sealed).as_deref(), Some(&b"sk_live_a"[..]));
        assert_eq!(secrets(2).unseal(b"words", &sealed), None);
        assert_eq!(secrets(1).unseal(b"other words", &sealed), None);
        assert_ne!(secrets(1).seal(b"words", b"sk_live_a").unwrap(), sealed);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(secrets(1).unseal(b"words", &changed), None, "{at}");
            assert_eq!(secrets(1).unseal(b"words", &sealed[..at]), None, "{at}");
        }
    }

    #[test]
    fn an_entity_tag_depends_on_the_text_and_the_server() {
        let tag = secrets(1).entity_tag(b"text");
        assert_eq!((tag.len(), tag.starts_with('"'), tag.ends_with('"')), (34, true, true));
        assert_eq!(secrets(1).entity_tag(b"text"), tag);
        assert_ne!(secrets(1).entity_tag(b"texts"), tag);
        assert_ne!(secrets(2).entity_tag(b"text"), tag);
    }
}
