//! The key of conversations that were compacted here: made from the pepper, and of no use for anything else.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use roundelay_ledger::AccountId;

use super::Pepper;
use crate::common::base64url;

/// Seals what a conversation was compacted to, so that its caller keeps it and cannot change it, and opens it again.
pub struct CompactionKey(LessSafeKey);

impl CompactionKey {
    /// The key of a data folder, which lasts as long as its pepper: BLAKE3's key derivation, in a context of its own.
    pub fn of(pepper: &Pepper) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, &pepper.derive(CONTEXT));
        Self(LessSafeKey::new(key.expect("32 bytes are a key of AES-256")))
    }

    /// The text, for who opens it for the same account. Nonces are random: of 2³² texts under one key, two have the same
    /// with a chance of 2⁻³² (NIST SP 800-38D, section 8.3).
    pub fn seal(&self, account: &AccountId, text: &str) -> String {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).expect("the system gives random bytes");
        let mut text = text.as_bytes().to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound_to(account), &mut text)
            .expect("notes are far shorter than the 64 GiB that one nonce is good for");
        base64url::encode(&[&nonce[..], &text].concat())
    }

    /// What was sealed for that account under this key; `None` for anything else.
    pub fn open(&self, account: &AccountId, sealed: &str) -> Option<String> {
        let mut sealed = base64url::decode(sealed)?;
        let (nonce, text) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.0.open_in_place(nonce, bound_to(account), text).ok()?;
        String::from_utf8(opened.to_vec()).ok()
    }
}

/// What was made for one account means nothing to another.
fn bound_to(account: &AccountId) -> Aad<&[u8]> {
    Aad::from(account.as_str().as_bytes())
}

impl fmt::Debug for CompactionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CompactionKey(***)")
    }
}

const CONTEXT: &str = "roundelay 2026 compacted conversations v1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_opened_for_its_account_under_its_key_alone() {
        let [dir, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let key = CompactionKey::of(&Pepper::open(dir.path()).unwrap());
        let (mine, others) = (AccountId::new("mine").unwrap(), AccountId::new("others").unwrap());
        let sealed = key.seal(&mine, "they agreed on blue");
        assert_ne!(sealed, key.seal(&mine, "they agreed on blue"), "a nonce is used once");
        let again = CompactionKey::of(&Pepper::open(dir.path()).unwrap());
        assert_eq!(again.open(&mine, &sealed).as_deref(), Some("they agreed on blue"));
        assert_eq!(key.open(&others, &sealed), None);
        assert_eq!(CompactionKey::of(&Pepper::open(other.path()).unwrap()).open(&mine, &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.open(&mine, std::str::from_utf8(&changed).unwrap()), None, "letter {at}");
            assert_eq!(key.open(&mine, &sealed[..at]), None, "cut at {at}");
        }
    }
}
