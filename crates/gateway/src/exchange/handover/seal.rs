//! Summaries under the operator's key, so that a copy of the store tells nothing of what was said.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use roundelay_ledger::AccountId;

use crate::common::secret::Secret;

/// Seals and opens.
pub(super) struct Seal {
    key: LessSafeKey,
    base: [u8; 32],
}

impl Seal {
    /// Of what the operator wrote.
    pub(super) fn of(secret: &Secret) -> Self {
        let derive = |context: &str| blake3::derive_key(context, secret.expose().as_bytes());
        let key = UnboundKey::new(&AES_256_GCM, &derive("roundelay: summaries, sealing"));
        let key = LessSafeKey::new(key.expect("32 bytes are a key of AES-256"));
        Self { key, base: derive("roundelay: summaries, prefixes") }
    }

    /// What the hashes of conversations are keyed with, so that they mean the same after a restart.
    pub(super) fn base(&self) -> [u8; 32] {
        self.base
    }

    /// A nonce, and the text behind it. Nonces are random: of 2³² texts under one key, two have the same with a chance
    /// of 2⁻³² (NIST SP 800-38D, section 8.3).
    pub(super) fn seal(&self, account: &AccountId, prefix: &[u8; 32], text: &str) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).expect("the system gives random bytes");
        let mut text = text.as_bytes().to_vec();
        let place = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(place, Aad::from(bound_to(account, prefix)), &mut text)
            .expect("a summary is far shorter than the 64 GiB that one nonce is good for");
        [&nonce[..], &text].concat()
    }

    /// What was sealed for that account and prefix under this key; `None` for anything else.
    pub(super) fn open(&self, account: &AccountId, prefix: &[u8; 32], sealed: &[u8]) -> Option<String> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let opened = self.key.open_in_place(nonce, Aad::from(bound_to(account, prefix)), &mut text).ok()?;
        String::from_utf8(opened.to_vec()).ok()
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(***)")
    }
}

/// A row that is moved to another account or conversation cannot be opened there.
fn bound_to(account: &AccountId, prefix: &[u8; 32]) -> Vec<u8> {
    [&prefix[..], account.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_opened_by_its_key_for_its_account_and_conversation_alone() {
        let seal = Seal::of(&Secret::new("k".repeat(32)));
        let (mine, other) = (AccountId::new("mine").unwrap(), AccountId::new("other").unwrap());
        let sealed = seal.seal(&mine, &[1; 32], "they agreed on blue");
        assert!(!sealed.windows(4).any(|bytes| bytes == b"blue"));
        assert_ne!(sealed, seal.seal(&mine, &[1; 32], "they agreed on blue"), "a nonce is used once");
        assert_eq!(seal.open(&mine, &[1; 32], &sealed).as_deref(), Some("they agreed on blue"));
        assert_eq!(seal.open(&other, &[1; 32], &sealed), None);
        assert_eq!(seal.open(&mine, &[2; 32], &sealed), None);
        assert_eq!(Seal::of(&Secret::new("x".repeat(32))).open(&mine, &[1; 32], &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open(&mine, &[1; 32], &changed), None, "byte {at}");
            assert_eq!(seal.open(&mine, &[1; 32], &sealed[..at]), None, "cut at {at}");
        }
    }
}
