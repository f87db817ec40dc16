//! How much is spoken in bytes of audio, from what they say they are.

/// Bytes of a token of 50 ms, about: 16-bit PCM at 24 kHz, FLAC at half of that, MP3 at 128 kbit/s, AAC at 64, Opus at 24.
pub(super) fn bytes_per_token(content_type: &str) -> u64 {
    let is = |names: &[&str]| names.iter().any(|name| content_type.contains(name));
    if is(&["wav", "pcm", "l16"]) {
        2_400
    } else if is(&["flac"]) {
        1_200
    } else if is(&["opus", "ogg"]) {
        150
    } else if is(&["aac", "mp4"]) {
        400
    } else {
        800
    }
}

/// As many bytes as the same would have in a stream of events, whose tokens are known: PCM in base64.
pub(super) fn as_streamed(bytes: usize, per_token: u64) -> u64 {
    (bytes as u64).saturating_mul(STREAMED_BYTES_PER_TOKEN) / per_token.max(1)
}

/// See `ANSWER_AUDIO_BYTES_PER_TOKEN` of the estimate.
const STREAMED_BYTES_PER_TOKEN: u64 = 3_200;
