//! Signatures in `thoughtSignature`, which is bytes here: clients decode its base64 and write it anew, in either
//! alphabet, so a mark inside must be base64 as a whole.

use crate::chat::{Signature, Text};

/// Reads one: the mark of a signature that this house gave out, or bytes of Gemini's own.
pub(super) fn read(text: Text<'_>) -> Signature<'_> {
    let marked = decode(text.written()).and_then(|bytes| String::from_utf8(bytes).ok());
    match marked.map(|marked| Signature::read(Text::plain(marked))) {
        Some(signature) if signature.issuer.is_some() => signature,
        _ => Signature { text, issuer: None },
    }
}

/// Writes one for a caller.
pub(super) fn write<'s>(signature: &'s Signature<'_>) -> Text<'s> {
    match signature.issuer {
        Some(_) => Text::plain(encode(signature.marked().decode().as_bytes())),
        None => signature.text.share(),
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, section 4.
fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let index = (word >> (18 - 6 * place) & 63) as usize;
            out.push(if place <= three.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    out
}

/// Either alphabet, with or without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut word, mut bits) = (0_u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        word = word << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((word >> bits) as u8);
            word &= (1 << bits) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Issuer;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(encode(plain.as_bytes()), coded);
            assert_eq!(decode(coded).unwrap(), plain.as_bytes());
        }
        assert_eq!(decode("-_8"), decode("+/8="));
        assert_eq!(decode("a b"), None);
    }

    #[test]
    fn a_marked_signature_survives_a_client_that_writes_it_anew() {
        for text in ["EpwBCioIDxgCEAEYASJA+/==", "gAAAAABp_-x", "é~"] {
            let signature = Signature { text: text.into(), issuer: Some(Issuer(7)) };
            let written = write(&signature).into_owned();
            let anew = written.decode().trim_end_matches('=').replace('+', "-").replace('/', "_");
            assert_eq!(read(written), signature);
            assert_eq!(read(Text::plain(anew)), signature);
        }
        let own = Signature { text: "EpwBCioIDxgCEAEYASJA+/==".into(), issuer: None };
        assert_eq!(read(write(&own)), own);
    }
}
