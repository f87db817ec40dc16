//! Frames of `application/vnd.amazon.eventstream`, as its specification has them.
//!
//! ```text
//! total length (4) │ headers length (4) │ CRC-32 of these (4) │ headers │ payload │ CRC-32 of all before (4)
//! ```

/// Appends a frame; `message_type` is `event` or `exception`.
pub(super) fn write(out: &mut Vec<u8>, message_type: &str, kind: &str, payload: &[u8]) {
    let mut headers = Vec::new();
    for (name, value) in [
        (format!(":{message_type}-type"), kind),
        (":content-type".to_owned(), "application/json"),
        (":message-type".to_owned(), message_type),
    ] {
        headers.push(u8::try_from(name.len()).expect("these names are short"));
        headers.extend_from_slice(name.as_bytes());
        headers.push(STRING);
        headers.extend_from_slice(&u16::try_from(value.len()).expect("these values are short").to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    put(out, &headers, payload);
}

fn put(out: &mut Vec<u8>, headers: &[u8], payload: &[u8]) {
    let length = |bytes: usize| u32::try_from(bytes).expect("answers here stay far below 4 GiB").to_be_bytes();
    let mut frame = length(AROUND + headers.len() + payload.len()).to_vec();
    frame.extend_from_slice(&length(headers.len()));
    frame.extend_from_slice(&crc32(&frame).to_be_bytes());
    frame.extend_from_slice(headers);
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&crc32(&frame).to_be_bytes());
    out.extend_from_slice(&frame);
}

/// A frame grown by an unknown member of its payload.
pub(in crate::rehearsal) fn padded(frame: &[u8], kib: u32, pad: impl Fn(&[u8], &str, u32) -> Vec<u8>) -> Vec<u8> {
    let headers = u32::from_be_bytes(frame[4..8].try_into().expect("four bytes")) as usize;
    let (headers, payload) = frame[PRELUDE..frame.len() - 4].split_at(headers);
    let mut out = Vec::new();
    put(&mut out, headers, &pad(payload, "}", kib));
    out
}

/// A frame whose bytes have changed on the way.
pub(in crate::rehearsal) fn garbled() -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, "event", "contentBlockDelta", br#"{"contentBlockIndex":0,"delta":{"text":"lost"}}"#);
    let place = out.len() - 8;
    out[place] ^= 1;
    out
}

/// CRC-32 as in Ethernet, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// The type of a header's value.
const STRING: u8 = 7;
const PRELUDE: usize = 12;
/// What is neither headers nor payload.
const AROUND: usize = PRELUDE + 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_everybody() {
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
