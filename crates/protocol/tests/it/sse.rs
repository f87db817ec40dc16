//! The same bytes are the same events, however they are cut.

use bytes::Bytes;
use proptest::prelude::*;
use roundelay_protocol::sse::{Event, Limits, Reader, SseFault};

/// Reads a stream that arrives in pieces.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: Limits) -> Result<Vec<Event>, SseFault> {
    let mut reader = Reader::new(limits);
    let mut events = Vec::new();
    for piece in pieces {
        reader.push(Bytes::copy_from_slice(piece));
        while let Some(event) = reader.next() {
            events.push(event?);
        }
    }
    if let Some(event) = reader.finish() {
        events.push(event?);
    }
    assert!(reader.finish().is_none());
    Ok(events)
}

/// Under every split in two and byte by byte, `stream` gives events with these names and data.
#[track_caller]
fn check(stream: &[u8], expected: &[(Option<&str>, Option<&str>)]) {
    let whole = read([stream], Limits::default()).unwrap();
    let seen: Vec<_> =
        whole.iter().map(|event| (event.name.as_deref().map(text), event.data.as_deref().map(text))).collect();
    assert_eq!(seen, expected);
    assert_eq!(whole.iter().flat_map(|event| event.raw.to_vec()).collect::<Vec<_>>(), stream);
    for cut in 0..=stream.len() {
        let (left, right) = stream.split_at(cut);
        assert_eq!(read([left, right], Limits::default()).unwrap(), whole, "cut at {cut}");
    }
    assert_eq!(read(stream.chunks(1), Limits::default()).unwrap(), whole, "byte by byte");
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn events_are_read_whichever_way_lines_end() {
    let two = [(None, Some("a")), (None, Some("[DONE]"))];
    check(b"data: a\n\ndata: [DONE]\n\n", &two);
    check(b"data: a\r\n\r\ndata: [DONE]\r\n\r\n", &two);
    check(b"data: a\r\rdata: [DONE]\r\r", &two);
    check(b"data:a\n\r\ndata:[DONE]\n\r", &two);
    check("data: é\n\n".as_bytes(), &[(None, Some("é"))]);
}

#[test]
fn fields_follow_the_standard() {
    check(b"event: error\ndata: {\"a\":1}\nid: 3\nretry: 5\n\n", &[(Some("error"), Some("{\"a\":1}"))]);
    check(b"data: a\ndata:  b\ndata\n\n", &[(None, Some("a\n b\n"))]);
    check(b"data:\n\n", &[(None, Some(""))]);
    check(b": keep-alive\n\n:\ndata: x\n\n", &[(None, None), (None, Some("x"))]);
    check(b"\xef\xbb\xbfdata: x\n\ndata: y\n\n", &[(None, Some("x")), (None, Some("y"))]);
    check(b"database: x\n\n", &[(None, None)]);
    check(b"\n\n\r\n", &[(None, None), (None, None), (None, None)]);
    check(b"", &[]);
}

#[test]
fn a_last_event_without_its_blank_line_is_given() {
    check(b"data: a\n\ndata: [DONE]", &[(None, Some("a")), (None, Some("[DONE]"))]);
    check(b"data: a\r\n\r", &[(None, Some("a"))]);
    check(b"data: a\r", &[(None, Some("a"))]);
}

#[test]
fn an_event_within_one_piece_is_not_copied() {
    let piece = Bytes::from_static(b"data: one\n\ndata: two\n\n");
    let range = piece.as_ptr_range();
    let mut reader = Reader::new(Limits::default());
    reader.push(piece.clone());
    for _ in 0..2 {
        let event = reader.next().unwrap().unwrap();
        assert!(range.contains(&event.raw.as_ptr()));
        assert!(range.contains(&event.data.unwrap().as_ptr()));
    }
    assert!(reader.next().is_none());
}

#[test]
fn a_crlf_event_is_whole_before_the_next_begins() {
    let mut reader = Reader::new(Limits::default());
    reader.push(Bytes::from_static(b"data: a\r\n\r\n"));
    assert_eq!(reader.next().unwrap().unwrap().raw, &b"data: a\r\n\r\n"[..]);
}

#[test]
fn lines_and_events_have_limits() {
    let limits = Limits { line: 10, event: 25 };
    assert!(read([&b"data: 1234\n\n"[..]], limits).is_ok());
    for size in [1, 3, 100] {
        let long_line = read(b"data: 12345\n\n".chunks(size), limits);
        assert_eq!(long_line, Err(SseFault::LineTooLong { limit: 10 }));
        let long_event = read(b"data: 123\ndata: 123\ndata: 1\n\n".chunks(size), limits);
        assert_eq!(long_event, Err(SseFault::EventTooLong { limit: 25 }));
    }
    let mut reader = Reader::new(limits);
    reader.push(Bytes::from_static(b"data: 12345"));
    assert!(reader.next().unwrap().is_err());
    assert!(reader.next().unwrap().is_err(), "a fault stays");
    assert!(reader.finish().unwrap().is_err());
}

proptest! {
    #[test]
    fn any_bytes_give_the_same_events_under_any_split(
        tokens in prop::collection::vec(
            prop::sample::select(vec!["data: ", "data", "event:", ":", "\n", "\r", "\r\n", "\n\n", "x", "é", "\u{feff}", " "]),
            0..40,
        ),
        cuts in prop::collection::vec(0_usize..120, 0..10),
    ) {
        let stream = tokens.concat().into_bytes();
        let whole = read([&*stream], Limits::default()).unwrap();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        prop_assert_eq!(read(pieces, Limits::default()).unwrap(), &*whole);
        let joined: Vec<u8> = whole.iter().flat_map(|event| event.raw.to_vec()).collect();
        prop_assert_eq!(joined, stream);
    }
}
