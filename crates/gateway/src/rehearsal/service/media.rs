//! Vectors, an image and speech that cost nothing to make, and the text form of bytes.

/// A picture of one transparent pixel.
pub(super) const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8,
    6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0, 1, 0, 0, 5, 0, 1,
    0x0d, 0x0a, 0x2d, 0xb4, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];

/// One channel of 8 bits at 8 kHz.
pub(super) const BYTES_PER_SECOND: usize = 8_000;
/// Bytes before the sound.
pub(super) const WAV_HEAD: usize = 44;

/// The vector of a text: the same for the same text, between -1 and 1.
pub(super) fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    // FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), then a step of `SplitMix64` for each number.
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let mut state = text.bytes().fold(0xcbf2_9ce4_8422_2325, hash);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        // Eight bits are exact in a float and in a decimal of it.
        (mixed >> 56) as f32 / 128.0 - 1.0
    };
    (0..dimensions).map(|_| next()).collect()
}

/// Silence of 50 ms for each token.
pub(super) fn wav(tokens: u64) -> Vec<u8> {
    let length = (tokens as usize).saturating_mul(BYTES_PER_SECOND / 20);
    let mut wav = Vec::with_capacity(WAV_HEAD + length);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + length as u32).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend_from_slice(&(BYTES_PER_SECOND as u32).to_le_bytes());
    wav.extend_from_slice(&(BYTES_PER_SECOND as u32).to_le_bytes());
    wav.extend_from_slice(b"\x01\0\x08\0data");
    wav.extend_from_slice(&(length as u32).to_le_bytes());
    wav.resize(WAV_HEAD + length, 0x80);
    wav
}

/// RFC 4648 §4.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * place) & 63) as usize];
            text.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_text_as_the_standard_has_it() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_text_has_one_vector_and_speech_has_a_length() {
        assert_eq!(vector("a", 3), vector("a", 3));
        assert_ne!(vector("a", 3), vector("b", 3));
        assert!(vector("a", 1_000).iter().all(|number| (-1.0..=1.0).contains(number)));
        assert_eq!(wav(20).len(), WAV_HEAD + BYTES_PER_SECOND);
    }
}
