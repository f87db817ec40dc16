//! The key that receipts are signed with: made from the pepper, and of no use for anything else.

use std::fmt;

use aws_lc_rs::hmac;

use super::Pepper;

/// Signs receipts with HMAC-SHA256 (RFC 2104, FIPS 180-4). Whoever can check a receipt could have written it: the key
/// is for those alone who trust each other.
#[derive(Clone)]
pub struct ReceiptKey([u8; 32]);

impl ReceiptKey {
    /// The key of a data folder, which lasts as long as its pepper: BLAKE3's key derivation, in a context of its own,
    /// from the 32 bytes of the pepper.
    pub fn of(pepper: &Pepper) -> Self {
        Self(pepper.derive(CONTEXT))
    }

    /// Reads a key as [`ReceiptKey::to_hex`] writes it.
    pub fn from_hex(text: &str) -> Option<Self> {
        // `Hash` is used for its hexadecimal form only.
        blake3::Hash::from_hex(text.trim_ascii()).ok().map(|bytes| Self(*bytes.as_bytes()))
    }

    /// The key in 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// What tells it from other keys, and nothing of it: 16 hexadecimal digits.
    pub fn id(&self) -> String {
        self.sign(b"key id")[..16].to_owned()
    }

    /// The signature of these bytes, in 64 lower-case hexadecimal digits.
    pub fn sign(&self, bytes: &[u8]) -> String {
        use fmt::Write as _;
        let tag = hmac::sign(&self.key(), bytes);
        tag.as_ref().iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a String takes all");
            hex
        })
    }

    /// Whether that is the signature of these bytes; compared in constant time.
    pub fn is_signed(&self, bytes: &[u8], signature: &str) -> bool {
        let is_written_so = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let tag = blake3::Hash::from_hex(signature).ok().filter(|_| signature.bytes().all(is_written_so));
        tag.is_some_and(|tag| hmac::verify(&self.key(), bytes, tag.as_bytes()).is_ok())
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.0)
    }
}

impl fmt::Debug for ReceiptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiptKey(***)")
    }
}

const CONTEXT: &str = "roundelay 2026 receipt signature v1";
