//! Frames of the event stream: lengths, headers, a payload, and two checksums.
//!
//! ```text
//! total length (4) │ headers length (4) │ CRC-32 of these (4) │ headers │ payload │ CRC-32 of all before (4)
//! ```
//! Source: the specification of `application/vnd.amazon.eventstream`.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::chat::StreamFault;

/// One message of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// `event`, `exception` or `error`.
    pub message_type: String,
    /// The type of the event, the exception or the error.
    pub kind: String,
    pub payload: Bytes,
}

/// Reads frames from bytes that arrive in any pieces. At most one frame is held.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: BytesMut,
}

/// AWS allows 16 MiB of payload and 128 KiB of headers.
const FRAME_MAX: usize = (16 << 20) + (128 << 10) + OVERHEAD;
const PRELUDE: usize = 12;
const OVERHEAD: usize = PRELUDE + 4;

impl Reader {
    /// Takes the next bytes of the stream. Call [`Self::next`] until it gives `None` before the next push.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When a length or a checksum is wrong, or headers cannot be read. The stream cannot be read on then.
    #[expect(clippy::should_implement_trait, reason = "an empty reader is not at its end: more may be pushed")]
    pub fn next(&mut self) -> Result<Option<Frame>, StreamFault> {
        let Some(prelude) = self.bytes.get(..PRELUDE) else { return Ok(None) };
        let number = |at: usize| u32::from_be_bytes(prelude[at..at + 4].try_into().expect("four bytes"));
        let (total, headers) = (number(0) as usize, number(4) as usize);
        if crc32(&prelude[..8]) != number(8) {
            return Err(StreamFault::Frame("the checksum of its lengths"));
        }
        if !(OVERHEAD..=FRAME_MAX).contains(&total) || headers > total - OVERHEAD {
            return Err(StreamFault::Frame("its lengths"));
        }
        if self.bytes.len() < total {
            return Ok(None);
        }
        let message = self.bytes.split_to(total).freeze();
        let (body, mut sum) = (message.slice(..total - 4), message.slice(total - 4..));
        if crc32(&body) != sum.get_u32() {
            return Err(StreamFault::Frame("its checksum"));
        }
        let mut frame = Frame { payload: body.slice(PRELUDE + headers..), ..Frame::default() };
        read_headers(body.slice(PRELUDE..PRELUDE + headers), &mut frame).ok_or(StreamFault::Frame("its headers"))?;
        Ok(Some(frame))
    }

    /// Whether no part of a frame is left over.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Reads the headers; `None` when they do not end where they should.
fn read_headers(mut bytes: Bytes, frame: &mut Frame) -> Option<()> {
    while bytes.has_remaining() {
        let length = usize::from(bytes.try_get_u8().ok()?);
        let name = (bytes.len() >= length).then(|| bytes.split_to(length))?;
        let length = match bytes.try_get_u8().ok()? {
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            5 | 8 => 8,
            6 | 7 => usize::from(bytes.try_get_u16().ok()?),
            9 => 16,
            _ => return None,
        };
        let value = (bytes.len() >= length).then(|| bytes.split_to(length))?;
        let slot = match &name[..] {
            b":message-type" => &mut frame.message_type,
            b":event-type" | b":exception-type" | b":error-code" => &mut frame.kind,
            _ => continue,
        };
        *slot = String::from_utf8(value.into()).ok()?;
    }
    Some(())
}

/// Appends a frame.
pub fn write(out: &mut Vec<u8>, message_type: &str, kind: &str, payload: &[u8]) {
    let name = if message_type == "exception" { ":exception-type" } else { ":event-type" };
    let headers = [(name, kind), (":content-type", "application/json"), (":message-type", message_type)];
    let mut written = Vec::with_capacity(96);
    for (name, value) in headers {
        written.push(u8::try_from(name.len()).expect("these names are short"));
        written.extend_from_slice(name.as_bytes());
        written.push(7);
        written.extend_from_slice(&u16::try_from(value.len()).expect("these values are short").to_be_bytes());
        written.extend_from_slice(value.as_bytes());
    }
    let from = out.len();
    let total = OVERHEAD + written.len() + payload.len();
    out.extend_from_slice(&u32::try_from(total).expect("payloads stay far below 4 GiB").to_be_bytes());
    out.extend_from_slice(&u32::try_from(written.len()).expect("headers are short").to_be_bytes());
    out.extend_from_slice(&crc32(&out[from..]).to_be_bytes());
    out.extend_from_slice(&written);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32(&out[from..]).to_be_bytes());
}

/// CRC-32 as in Ethernet and zlib: reflected, polynomial 0xedb88320.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| (crc >> 8) ^ TABLE[usize::from((crc as u8) ^ byte)])
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(pieces: &[&[u8]]) -> Result<Vec<Frame>, StreamFault> {
        let mut reader = Reader::default();
        let mut frames = Vec::new();
        for piece in pieces {
            reader.push(piece);
            while let Some(frame) = reader.next()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_frame_reads_back_under_every_split() {
        let mut stream = Vec::new();
        write(&mut stream, "event", "messageStart", br#"{"role":"assistant"}"#);
        write(&mut stream, "exception", "throttlingException", b"{}");
        let whole = frames(&[&stream]).unwrap();
        assert_eq!(whole.len(), 2);
        assert_eq!((&*whole[0].message_type, &*whole[0].kind), ("event", "messageStart"));
        assert_eq!((&*whole[1].message_type, &*whole[1].kind), ("exception", "throttlingException"));
        for cut in 0..=stream.len() {
            assert_eq!(frames(&[&stream[..cut], &stream[cut..]]).unwrap(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_changed_bit_anywhere_is_found() {
        let mut stream = Vec::new();
        write(&mut stream, "event", "messageStop", br#"{"stopReason":"end_turn"}"#);
        for at in 0..stream.len() {
            let mut broken = stream.clone();
            broken[at] ^= 1;
            assert!(frames(&[&broken]).is_err(), "bit of byte {at}");
        }
        assert_eq!(frames(&[&stream[..stream.len() - 1]]).unwrap(), []);
    }
}
