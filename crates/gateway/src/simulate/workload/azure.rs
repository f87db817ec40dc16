//! Azure's public traces of LLM inference: a time, input tokens and output tokens a line.

use std::io::BufRead;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::{Kind, Lines, Request, Workload, WorkloadFault, tokens};

/// Reads what follows the heading. Times without a zone are UTC.
pub(super) fn read<R: BufRead>(lines: &mut Lines<'_, R>, limit: usize) -> Result<Workload, WorkloadFault> {
    let mut requests = Vec::new();
    let mut first: Option<Timestamp> = None;
    let mut earliest: Option<Timestamp> = None;
    while requests.len() < limit
        && let Some(line) = lines.next_written()?
    {
        let (at, input_tokens, output_tokens) = row(&line).map_err(|message| lines.fault(message))?;
        let start = *first.get_or_insert(at);
        earliest = Some(earliest.map_or(at, |earliest| earliest.min(at)));
        // A day before the first line is room enough for lines that are not in order.
        let since = at.as_nanosecond() - start.as_nanosecond() + DAY_NANOSECONDS;
        let since = u64::try_from(since).map_err(|_| lines.fault("this time is far before the first line's"))?;
        requests.push(Request {
            at: std::time::Duration::from_nanos(since),
            input_tokens,
            output_tokens,
            is_stream: true,
            ..Request::default()
        });
    }
    Ok(Workload { kind: Kind::Azure, requests, began: earliest.map(Timestamp::as_second), ..Workload::default() })
}

fn row(line: &str) -> Result<(Timestamp, u32, u32), String> {
    let mut cells = line.split(',');
    let (Some(at), Some(input), Some(output), None) = (cells.next(), cells.next(), cells.next(), cells.next()) else {
        return Err("this is not `TIMESTAMP,ContextTokens,GeneratedTokens`".to_owned());
    };
    let count = |cell: &str| match cell.trim().parse() {
        Ok(count) => tokens(count),
        Err(_) => Err(format!("`{cell}` is not a number of tokens")),
    };
    Ok((time(at.trim()).ok_or_else(|| format!("`{at}` is not a time"))?, count(input)?, count(output)?))
}

/// `2023-11-16 18:15:46.6805900` as in 2023, or with `+00:00` as in 2024.
fn time(text: &str) -> Option<Timestamp> {
    match text.parse::<Timestamp>() {
        Ok(at) => Some(at),
        Err(_) => Some(text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp()),
    }
}

const DAY_NANOSECONDS: i128 = 86_400_000_000_000;
