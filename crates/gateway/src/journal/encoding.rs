//! How records, and attempts that are about to be sent, are written to the journal: a frame that shows whether it is whole.
//!
//! ```text
//!  length u32 │ checksum u64 │ kind u8 │ fields in order: numbers as LEB128, texts and lists with their length,
//!             │  of the rest │         │ what may be missing after a 0 or a 1
//! ```

use roundelay_ledger::{
    AccountId, Conversion, Currency, EntryKind, ExchangeId, Factor, KeyId, ListCost, Money, OverrunCause, PriceId, Rate,
};

use crate::store::{AttemptRecord, EntryRow, Label, Part, Record, SentRow, Usage};

/// What a frame holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    /// A finished exchange.
    Record(Box<Record>),
    /// An attempt that was about to be sent.
    Sent(SentRow),
}

impl Frame {
    /// The exchange it belongs to.
    pub(super) fn exchange(&self) -> ExchangeId {
        match self {
            Self::Record(record) => record.id,
            Self::Sent(sent) => sent.exchange,
        }
    }
}

/// Appends the frame of a record.
pub(super) fn write_frame(record: &Record, out: &mut Vec<u8>) {
    framed(RECORD, out, |out| {
        write_record(record, out);
        number(record.entries.len() as u64, out);
        record.entries.iter().for_each(|entry| write_entry(entry, out));
        // Few exchanges have any: where there is none, the frame ends here.
        let parts = record.attempts.iter().filter_map(|attempt| Some((attempt.number, attempt.part.as_deref()?)));
        parts.for_each(|(attempt, part)| write_part(attempt, part, out));
    });
}

/// Appends the frame of an attempt that is about to be sent.
pub(super) fn write_sent(sent: &SentRow, out: &mut Vec<u8>) {
    let SentRow { exchange, attempt, at_us, key, deployment, price, conversion, held, delivered } = sent;
    framed(SENT, out, |out| {
        number(exchange.as_u64(), out);
        number((*attempt).into(), out);
        number(at_us.cast_unsigned(), out);
        text(key.as_str(), out);
        text(deployment, out);
        optional(price.map(PriceId::as_u64), out, number);
        number(conversion.multiplier().millionths(), out);
        number(conversion.rate().millionths(), out);
        cost(*held, out);
        cost(*delivered, out);
    });
}

fn framed(kind: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    out.push(kind);
    write(out);
    let body = &out[start + HEADER..];
    let length = u32::try_from(body.len()).expect("a record is bounded far below 4 GiB");
    let checksum = checksum(body);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + HEADER].copy_from_slice(&checksum);
}

/// The first frame that begins at or behind `from`, which may be within a damaged one: where it begins.
///
/// Hashes at most 256 MiB in search of it: bytes that look like many beginnings are given up.
pub(super) fn find_frame(bytes: &[u8], from: usize, frame_max: usize) -> Option<usize> {
    let mut to_hash = SEARCH_BYTES_MAX;
    (from..bytes.len().saturating_sub(HEADER)).find(|&start| {
        let rest = &bytes[start..];
        let length = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
        // One of another version would do, but anything is more likely to be mistaken for it.
        let is_likely = length <= frame_max && KINDS.contains(&rest[HEADER]) && length <= rest.len() - HEADER;
        if !is_likely || length > to_hash {
            return false;
        }
        to_hash -= length;
        read_frame(rest).is_some()
    })
}

/// Reads the first frame of `bytes` and how long it is; `None` when it is not whole. What it holds is `None` when the
/// frame is whole and this program cannot read it.
pub(super) fn read_frame(bytes: &[u8]) -> Option<(Option<Frame>, usize)> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let (length, sum) = header.split_first_chunk::<4>()?;
    let body = rest.get(..u32::from_le_bytes(*length) as usize)?;
    if checksum(body) != sum {
        return None;
    }
    let held = match body.split_first() {
        Some((&UNPAID_RECORD, fields)) => Reader(fields).record().map(Box::new).map(Frame::Record),
        Some((&RECORD, fields)) => Reader(fields).paid_record().map(Box::new).map(Frame::Record),
        Some((&SENT, fields)) => Reader(fields).sent().map(Frame::Sent),
        _ => None,
    };
    Some((held, HEADER + body.len()))
}

fn checksum(body: &[u8]) -> [u8; 8] {
    *blake3::hash(body).as_bytes().first_chunk().expect("a hash is longer than eight bytes")
}

fn write_record(record: &Record, out: &mut Vec<u8>) {
    number(record.id.as_u64(), out);
    number(record.started_at_ms.cast_unsigned(), out);
    number(record.duration_us, out);
    optional(record.first_content_us, out, number);
    text(record.account.as_str(), out);
    text(record.key.as_str(), out);
    text(&record.asked, out);
    optional(record.deployment.as_deref(), out, text);
    optional(record.model.as_deref(), out, text);
    number(record.status.into(), out);
    text(&record.outcome, out);
    optional(record.failure.as_deref(), out, text);
    number(record.stream.into(), out);
    write_usage(record.usage, out);
    optional(record.cost.map(|cost| cost.nano().cast_unsigned()), out, number);
    number(record.attempts.len() as u64, out);
    for attempt in &record.attempts {
        write_attempt(attempt, out);
    }
    text(&record.decision, out);
}

fn write_usage(usage: Usage, out: &mut Vec<u8>) {
    let Usage { input, cache_read, cache_write, output, reasoning, estimated } = usage;
    for tokens in [input, cache_read, cache_write, output, reasoning, estimated.into()] {
        number(tokens, out);
    }
}

fn write_part(attempt: u32, part: &Part, out: &mut Vec<u8>) {
    number(attempt.into(), out);
    text(&part.model, out);
    write_usage(part.usage, out);
    optional(part.cost.map(|cost| cost.nano().cast_unsigned()), out, number);
    number(part.unpriced.into(), out);
}

fn write_attempt(attempt: &AttemptRecord, out: &mut Vec<u8>) {
    number(attempt.number.into(), out);
    text(&attempt.deployment, out);
    text(&attempt.kind, out);
    text(&attempt.outcome, out);
    optional(attempt.status.map(u64::from), out, number);
    number(attempt.started_us, out);
    optional(attempt.headers_us, out, number);
    optional(attempt.first_content_us, out, number);
    number(attempt.duration_us, out);
}

fn write_entry(entry: &EntryRow, out: &mut Vec<u8>) {
    number(entry.at_us.cast_unsigned(), out);
    text(entry.kind.label(), out);
    optional(entry.account.as_ref().map(AccountId::as_str), out, text);
    money(entry.change, out);
    text(entry.currency.label(), out);
    money(entry.usd, out);
    number(entry.rate.millionths(), out);
    number(entry.multiplier.millionths(), out);
    optional(entry.exchange.map(ExchangeId::as_u64), out, number);
    number(entry.attempt.into(), out);
    optional(entry.key.as_ref().map(KeyId::as_str), out, text);
    optional(entry.price.map(PriceId::as_u64), out, number);
    money(entry.held, out);
    optional(entry.overrun.map(OverrunCause::label), out, text);
    number(entry.is_estimated.into(), out);
    optional(entry.reason.as_deref(), out, text);
    optional(entry.idempotency.as_deref(), out, text);
}

fn money(amount: Money, out: &mut Vec<u8>) {
    // Small amounts below zero stay short.
    number(((amount.nano() << 1) ^ (amount.nano() >> 63)).cast_unsigned(), out);
}

fn cost(cost: ListCost, out: &mut Vec<u8>) {
    out.extend_from_slice(&cost.parts().to_le_bytes());
}

fn number(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(0x80 | (value & 0x7f) as u8);
        value >>= 7;
    }
    out.push(value as u8);
}

fn text(value: &str, out: &mut Vec<u8>) {
    number(value.len() as u64, out);
    out.extend_from_slice(value.as_bytes());
}

fn optional<T>(value: Option<T>, out: &mut Vec<u8>, write: impl FnOnce(T, &mut Vec<u8>)) {
    out.push(value.is_some().into());
    if let Some(value) = value {
        write(value, out);
    }
}

/// Takes fields off the front; every step is `None` when the bytes are not what `write_record` writes.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn record(&mut self) -> Option<Record> {
        Some(Record {
            id: ExchangeId::from_u64(self.number()?),
            started_at_ms: self.number()?.cast_signed(),
            duration_us: self.number()?,
            first_content_us: self.optional(Self::number)?,
            account: AccountId::new(&self.text()?).ok()?,
            key: KeyId::new(self.text()?),
            asked: self.text()?,
            deployment: self.optional(Self::text)?,
            model: self.optional(Self::text)?,
            status: self.number()?.try_into().ok()?,
            outcome: self.label()?,
            failure: self.optional(Self::label)?,
            stream: self.number()? == 1,
            usage: self.usage()?,
            cost: self.optional(Self::number)?.map(|nano| Money::from_nano(nano.cast_signed())),
            entries: Vec::new(),
            attempts: (0..self.number()?).map(|_| self.attempt()).collect::<Option<_>>()?,
            decision: self.text()?,
        })
    }

    fn paid_record(&mut self) -> Option<Record> {
        let record = self.record()?;
        let entries = (0..self.number()?).map(|_| self.entry()).collect::<Option<_>>()?;
        let mut record = Record { entries, ..record };
        while !self.0.is_empty() {
            let number = self.number()?;
            let attempt = record.attempts.iter_mut().find(|attempt| u64::from(attempt.number) == number)?;
            attempt.part = Some(Box::new(self.part()?));
        }
        Some(record)
    }

    fn part(&mut self) -> Option<Part> {
        Some(Part {
            model: self.text()?,
            usage: self.usage()?,
            cost: self.optional(Self::number)?.map(|nano| Money::from_nano(nano.cast_signed())),
            unpriced: self.number()? == 1,
        })
    }

    fn usage(&mut self) -> Option<Usage> {
        Some(Usage {
            input: self.number()?,
            cache_read: self.number()?,
            cache_write: self.number()?,
            output: self.number()?,
            reasoning: self.number()?,
            estimated: self.number()? == 1,
        })
    }

    fn entry(&mut self) -> Option<EntryRow> {
        Some(EntryRow {
            at_us: self.number()?.cast_signed(),
            kind: EntryKind::from_label(&self.text()?)?,
            account: self.optional(|reader| AccountId::new(&reader.text()?).ok())?,
            change: self.money()?,
            currency: Currency::from_label(&self.text()?)?,
            usd: self.money()?,
            rate: Rate::from_millionths(self.number()?)?,
            multiplier: Factor::from_millionths(self.number()?),
            exchange: self.optional(Self::number)?.map(ExchangeId::from_u64),
            attempt: self.number()?.try_into().ok()?,
            key: self.optional(Self::text)?.map(KeyId::new),
            price: self.optional(Self::number)?.map(PriceId::from_u64),
            held: self.money()?,
            overrun: self.optional(|reader| OverrunCause::from_label(&reader.text()?))?,
            is_estimated: self.number()? == 1,
            reason: self.optional(Self::text)?,
            idempotency: self.optional(Self::text)?,
        })
    }

    fn sent(&mut self) -> Option<SentRow> {
        Some(SentRow {
            exchange: ExchangeId::from_u64(self.number()?),
            attempt: self.number()?.try_into().ok()?,
            at_us: self.number()?.cast_signed(),
            key: KeyId::new(self.text()?),
            deployment: self.text()?,
            price: self.optional(Self::number)?.map(PriceId::from_u64),
            conversion: Conversion::new(
                Factor::from_millionths(self.number()?),
                Rate::from_millionths(self.number()?)?,
            )?,
            held: self.cost()?,
            delivered: self.cost()?,
        })
    }

    fn money(&mut self) -> Option<Money> {
        let folded = self.number()?;
        Some(Money::from_nano((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed()))
    }

    fn cost(&mut self) -> Option<ListCost> {
        let (parts, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        ListCost::from_parts(u128::from_le_bytes(*parts)).ok()
    }

    fn attempt(&mut self) -> Option<AttemptRecord> {
        Some(AttemptRecord {
            number: self.number()?.try_into().ok()?,
            deployment: self.text()?,
            kind: self.label()?,
            outcome: self.label()?,
            status: self.optional(|reader| reader.number()?.try_into().ok())?,
            started_us: self.number()?,
            headers_us: self.optional(Self::number)?,
            first_content_us: self.optional(Self::number)?,
            duration_us: self.number()?,
            part: None,
        })
    }

    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn text(&mut self) -> Option<String> {
        let length = self.number()?.try_into().ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn label(&mut self) -> Option<Label> {
        self.text().map(Label::Owned)
    }

    /// The outer `None` is a fault, the inner one a value that is missing.
    #[expect(clippy::option_option, reason = "a fault is not a missing value")]
    fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }
}

/// A field added to what a frame holds is a new kind; older ones stay readable, since a segment may outlive the program.
const KINDS: std::ops::RangeInclusive<u8> = UNPAID_RECORD..=SENT;
/// A record without entries, as versions wrote it that knew no money.
const UNPAID_RECORD: u8 = 1;
const RECORD: u8 = 2;
const SENT: u8 = 3;
const HEADER: usize = 4 + 8;
/// Some tenths of a second.
const SEARCH_BYTES_MAX: usize = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Record {
        let attempt = |number, status| AttemptRecord {
            number,
            deployment: "openai/gpt-5.5".to_owned(),
            kind: Label::Borrowed("fallback"),
            outcome: Label::Borrowed("rate_limited"),
            status,
            started_us: u64::MAX,
            headers_us: status.map(|_| 128),
            first_content_us: None,
            duration_us: 127,
            part: status.map(|_| {
                let usage = Usage { input: 7, output: 300, ..Usage::default() };
                let (model, cost) = ("gpt-5.5".to_owned(), Some(Money::from_nano(-1)));
                Box::new(Part { model, usage, cost, unpriced: true })
            }),
        };
        Record {
            id: ExchangeId::from_u64(u64::MAX),
            started_at_ms: -1,
            duration_us: 0,
            first_content_us: Some(300),
            account: AccountId::default_account(),
            key: KeyId::new("k7m2q9xd"),
            asked: "助手".to_owned(),
            deployment: Some("openai/gpt-5.5".to_owned()),
            model: None,
            status: 200,
            outcome: Label::Borrowed("answered"),
            failure: Some(Label::Borrowed("")),
            stream: true,
            usage: Usage { input: 1, cache_read: 2, cache_write: 3, output: 4, reasoning: 5, estimated: true },
            cost: Some(Money::from_nano(i64::MIN)),
            entries: Vec::new(),
            attempts: vec![attempt(1, Some(429)), attempt(2, None)],
            decision: r#"{"candidates":[]}"#.to_owned(),
        }
    }

    fn frame(record: &Record) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_frame(record, &mut bytes);
        bytes
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let bare = Record {
            first_content_us: None,
            deployment: None,
            failure: None,
            stream: false,
            cost: None,
            attempts: Vec::new(),
            entries: Vec::new(),
            usage: Usage::default(),
            ..full()
        };
        for record in [full(), bare] {
            let bytes = frame(&record);
            let length = bytes.len();
            assert_eq!(read_frame(&bytes), Some((Some(Frame::Record(Box::new(record))), length)));
        }
    }

    #[test]
    fn a_frame_that_is_cut_or_changed_anywhere_is_not_whole() {
        let bytes = frame(&full());
        for end in 0..bytes.len() {
            assert_eq!(read_frame(&bytes[..end]), None, "cut after {end}");
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x10;
            assert_eq!(read_frame(&changed), None, "changed at {place}");
        }
        assert_eq!(read_frame(&[0; 64]), None, "zeros, as a file system may leave after a power loss");
    }

    #[test]
    fn a_whole_frame_of_another_version_is_stepped_over() {
        let mut bytes = frame(&full());
        bytes[HEADER] = SENT + 1;
        let sum = checksum(&bytes[HEADER..]);
        bytes[4..HEADER].copy_from_slice(&sum);
        assert_eq!(read_frame(&bytes), Some((None, bytes.len())));
    }
}
