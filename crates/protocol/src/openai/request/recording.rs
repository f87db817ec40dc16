//! How long a recording lasts, from its bytes.

use crate::openai::Service;

/// In milliseconds, as is likely and at most. Of WAV it is known (its head tells how its samples lie); of all else it is
/// guessed.
pub(super) fn length_ms(bytes: &[u8]) -> (u64, u64) {
    wav_ms(bytes).map_or_else(|| Service::audio_ms(bytes.len() as u64), |ms| (ms, ms))
}

/// RIFF WAVE (Microsoft, "Multimedia Programming Interface and Data Specifications 1.0"): chunks of a name, a length and
/// so many bytes. Every chunk of sound counts: players go on with the next one.
fn wav_ms(bytes: &[u8]) -> Option<u64> {
    let mut rest = bytes.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    let (mut bytes_per_second, mut sound) = (None, None::<u64>);
    for _ in 0..CHUNKS_MAX {
        let Some((name, after)) = rest.split_first_chunk::<4>() else {
            return (sound? * 1_000).checked_div(bytes_per_second?).map(|ms| ms.max(1));
        };
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length);
        let is_known = *name != *b"data" || !matches!(length, 0 | u32::MAX);
        // A recorder that was streaming did not know the length.
        let length = if is_known { length as usize } else { after.len() };
        match name {
            b"fmt " if bytes_per_second.is_none() => {
                bytes_per_second = Some(samples_per_second(after.get(..length)?)?);
            }
            b"fmt " => return None,
            b"data" => sound = Some(sound.unwrap_or(0) + length.min(after.len()) as u64),
            _ => {}
        }
        // Chunks of an odd length have a byte more.
        rest = after.get(length.saturating_add(length % 2)..).unwrap_or_default();
    }
    None
}

/// How many bytes a second of sound has, where samples lie one after another as they are; the head's own word for that is
/// not asked, as players do not ask it either.
fn samples_per_second(format: &[u8]) -> Option<u64> {
    let number = |at: usize| format.get(at..at + 2).and_then(<[u8]>::first_chunk).map(|two| u16::from_le_bytes(*two));
    let tag = match number(0)? {
        EXTENSIBLE => number(24)?,
        tag => tag,
    };
    let rate = u32::from_le_bytes(*format.get(4..8)?.first_chunk()?);
    let (channels, bits) = (number(2)?, number(14)?);
    let is_sane = matches!((tag, bits), (PCM, 8 | 16 | 24 | 32) | (FLOAT, 32 | 64))
        && (1..=8).contains(&channels)
        && (1_000..=384_000).contains(&rate);
    is_sane.then(|| u64::from(rate) * u64::from(channels) * u64::from(bits / 8))
}

/// Format tags (Microsoft, `mmreg.h`); the extensible one has its own tag behind the channels' mask.
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xFFFE;

/// Chunks of one recording; there are three or four.
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

    fn forged(at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut format = FORMAT.to_vec();
        format[at..at + bytes.len()].copy_from_slice(bytes);
        format
    }

    #[test]
    fn a_forged_head_makes_no_recording_shorter() {
        let half_a_second = vec![0; 8_000];
        let hurried = forged(8, &[0xff; 4]);
        assert_eq!(length_ms(&wav(&[(b"fmt ", &hurried), (b"data", &half_a_second)], None)), (500, 500));
        for length in [0, u32::MAX, u32::MAX - 1] {
            let sound = [(b"fmt ", FORMAT), (b"data", &half_a_second[..])];
            assert_eq!(length_ms(&wav(&sound, Some(length))), (500, 500), "{length}");
        }
        let split =
            [(b"fmt ", FORMAT), (b"data", &half_a_second[..2]), (b"LIST", &b"x"[..]), (b"data", &half_a_second)];
        assert_eq!(length_ms(&wav(&split, None)), (500, 500));
        let extensible = [&forged(0, &[0xfe, 0xff])[..], &[22, 0, 16, 0, 4, 0, 0, 0, 1, 0], &[0; 14]].concat();
        assert_eq!(length_ms(&wav(&[(b"fmt ", &extensible), (b"data", &half_a_second)], None)), (500, 500));
    }

    #[test]
    fn a_wav_tells_its_length_and_nothing_else_does() {
        let half_a_second = vec![0; 8_000];
        assert_eq!(length_ms(&wav(&[(b"fmt ", FORMAT), (b"data", &half_a_second)], None)), (500, 500));
        let listed = [(b"fmt ", FORMAT), (b"LIST", &b"odd"[..]), (b"data", &half_a_second[..])];
        assert_eq!(length_ms(&wav(&listed, Some(u32::MAX))), (500, 500));
        for broken in [
            wav(&[(b"data", &half_a_second)], None),
            wav(&[(b"fmt ", FORMAT), (b"fmt ", FORMAT), (b"data", &half_a_second)], None),
            // Compressed, too many channels, an unheard-of rate, samples of 12 bits.
            wav(&[(b"fmt ", &forged(0, &[2, 0])), (b"data", &half_a_second)], None),
            wav(&[(b"fmt ", &forged(0, &[0xfe, 0xff])), (b"data", &half_a_second)], None),
            wav(&[(b"fmt ", &forged(2, &[0, 1])), (b"data", &half_a_second)], None),
            wav(&[(b"fmt ", &forged(4, &[0xff; 4])), (b"data", &half_a_second)], None),
            wav(&[(b"fmt ", &forged(14, &[12, 0])), (b"data", &half_a_second)], None),
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
