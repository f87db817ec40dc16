//! Base64 that stands in a URL or a header as it is: RFC 4648, section 5, without padding.

/// The bytes in letters.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        out.extend((0..=three.len()).map(|place| char::from(ALPHABET[(word >> (18 - 6 * place) & 63) as usize])));
    }
    out
}

/// The bytes that [`encode`] writes so; `None` for what it never writes.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for four in text.as_bytes().chunks(4) {
        let mut word = 0_u32;
        for letter in four {
            word = word << 6 | u32::from(value(*letter)?);
        }
        let bytes = four.len().checked_sub(1).filter(|bytes| *bytes > 0)?;
        let word = word << (6 * (4 - four.len()));
        // Bits behind the last byte say nothing, and one text stands for one row of bytes.
        if word & (0xff_ffff >> (8 * bytes)) != 0 {
            return None;
        }
        out.extend_from_slice(&word.to_be_bytes()[1..=bytes]);
    }
    Some(out)
}

fn value(letter: u8) -> Option<u8> {
    Some(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    })
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_urls() {
        for (plain, coded) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("~~~?", "fn5-Pw")] {
            assert_eq!(encode(plain.as_bytes()), coded);
            assert_eq!(decode(coded).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(encode(&[0xff, 0xef]), "_-8");
        for foreign in ["Z", "Zg==", "Zh", "Zm9", "Z+8", "Z/8", "Zm8\n", "Zm9vZ"] {
            assert_eq!(decode(foreign), None, "{foreign}");
        }
    }
}
