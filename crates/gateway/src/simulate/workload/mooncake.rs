//! Mooncake's trace: who shares the beginning of a prompt with whom.

use std::{collections::HashSet, io::BufRead, time::Duration};

use serde::Deserialize;

use super::{Kind, Lines, Request, Turn, Workload, WorkloadFault, tokens};

/// Tokens of one block of a prefix (Mooncake, FAST'25, section 4.2).
pub(in super::super) const BLOCK_TOKENS: u32 = 512;

#[derive(Deserialize)]
struct Row {
    timestamp: u64,
    input_length: u64,
    output_length: u64,
    hash_ids: Box<[u64]>,
}

/// Reads the first line and those that follow.
///
/// The trace names no conversations. Block 0 is one system prompt shared by all, so the block after it is the first that
/// tells conversations apart: requests with the same first two blocks are turns of one.
pub(super) fn read<R: BufRead>(
    first: String,
    lines: &mut Lines<'_, R>,
    limit: usize,
) -> Result<Workload, WorkloadFault> {
    let mut requests = Vec::new();
    let mut heads = HashSet::new();
    let mut line = Some(first);
    while requests.len() < limit
        && let Some(text) = line
    {
        let row: Row = serde_json::from_str(&text).map_err(|fault| lines.fault(fault))?;
        let conversation = head(&row.hash_ids);
        requests.push(Request {
            at: Duration::from_millis(row.timestamp),
            input_tokens: tokens(row.input_length).map_err(|message| lines.fault(message))?,
            output_tokens: tokens(row.output_length).map_err(|message| lines.fault(message))?,
            turn: Some(Turn { conversation, is_first: heads.insert(conversation), is_explicit: false }),
            prefix: row.hash_ids,
            is_stream: true,
            ..Request::default()
        });
        line = lines.next_written()?;
    }
    Ok(Workload { kind: Kind::Mooncake, requests, began: None, ..Workload::default() })
}

/// Two blocks in one word: names of blocks are small numbers, counted from 0 by the order of their first use.
fn head(blocks: &[u64]) -> u64 {
    let block = |index: usize| blocks.get(index).map_or(0, |block| block + 1);
    block(0).rotate_left(32) ^ block(1)
}
