//! Random text for credentials.

/// `len` characters drawn evenly from `alphabet` by the operating system's generator.
pub(super) fn random(alphabet: &[u8], len: usize) -> Result<String, getrandom::Error> {
    let fair = 256 - 256 % alphabet.len(); // bytes from here on would favour the first letters
    let mut text = String::with_capacity(len);
    let mut bytes = [0; 64];
    while text.len() < len {
        getrandom::fill(&mut bytes)?;
        let letters = bytes.iter().map(|&byte| usize::from(byte)).filter(|&byte| byte < fair);
        text.extend(letters.take(len - text.len()).map(|byte| char::from(alphabet[byte % alphabet.len()])));
    }
    Ok(text)
}

/// 43 of these carry 256 bits.
pub(super) const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
pub(super) const SECRET_LEN: usize = 43;
/// Nothing in it is mistaken for another when read aloud.
pub(super) const BASE32: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";
