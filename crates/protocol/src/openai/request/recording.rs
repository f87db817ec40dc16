//! How long a recording lasts, from its bytes.

use crate::openai::Service;

/// In milliseconds, as is likely and at most. Of WAV it is known (its head tells the bytes of a second); of all else it is
/// guessed.
pub(super) fn length_ms(bytes: &[u8]) -> (u64, u64) {
    wav_ms(bytes).map_or_else(|| Service::audio_ms(bytes.len() as u64), |ms| (ms, ms))
}

/// RIFF WAVE (Microsoft, "Multimedia Programming Interface and Data Specifications 1.0"): chunks of a name, a length and
/// so many bytes.
fn wav_ms(bytes: &[u8]) -> Option<u64> {
    let rest = bytes.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let (mut rest, mut bytes_per_second) = (rest, None);
    for _ in 0..CHUNKS_MAX {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        match name {
            b"fmt " => {
                let rate = after.get(..length)?.get(8..12)?.first_chunk::<4>()?;
                bytes_per_second = Some(u64::from(u32::from_le_bytes(*rate)));
            }
            // A recorder that was streaming did not know the length.
            b"data" => {
                let length = length.min(after.len()) as u64;
                return (length * 1_000).checked_div(bytes_per_second?).map(|ms| ms.max(1));
            }
            _ => {}
        }
        // Chunks of an odd length have a byte more.
        rest = after.get(length + length % 2..)?;
    }
    None
}

/// Chunks before the sound; there are two or three.
const CHUNKS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(chunks: &[(&[u8; 4], &[u8])], announced: Option<u32>) -> Vec<u8> {
        let mut wav = b"RIFF\0\0\0\0WAVE".to_vec();
        for (name, bytes) in chunks {
            wav.extend_from_slice(*name);
            let length = announced.filter(|_| *name == b"data").unwrap_or(bytes.len() as u32);
            wav.extend_from_slice(&length.to_le_bytes());
            wav.extend_from_slice(bytes);
            wav.extend(std::iter::repeat_n(0, bytes.len() % 2));
        }
        wav
    }

    /// One channel of 16 bits at 8 kHz.
    const FORMAT: &[u8] = &[1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0];

    #[test]
    fn a_wav_tells_its_length_and_nothing_else_does() {
        let half_a_second = vec![0; 8_000];
        assert_eq!(length_ms(&wav(&[(b"fmt ", FORMAT), (b"data", &half_a_second)], None)), (500, 500));
        let listed = [(b"fmt ", FORMAT), (b"LIST", &b"odd"[..]), (b"data", &half_a_second[..])];
        assert_eq!(length_ms(&wav(&listed, Some(u32::MAX))), (500, 500));
        for broken in [
            wav(&[(b"data", &half_a_second)], None),
            wav(&[(b"fmt ", &[0; 16]), (b"data", &half_a_second)], None),
            wav(&[(b"fmt ", &FORMAT[..4]), (b"data", &half_a_second)], None),
            wav(&[(b"fmt ", FORMAT)], None),
            b"RIFF".to_vec(),
            vec![0xff; 8_044],
        ] {
            let bytes = broken.len() as u64;
            assert_eq!(length_ms(&broken), (bytes.div_ceil(16), bytes));
        }
    }
}
