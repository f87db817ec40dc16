//! `logprobsResult`: the tokens that were chosen, and at each the likeliest ones.

use crate::{
    chat::{Json, Logprob, Token},
    json::{Array, Malformed, Object, Reader},
    wire,
};

/// Reads it: a place that only one of the two lists has is told without the other.
pub(super) fn read(raw: &str) -> Result<Vec<Logprob<'_>>, Malformed> {
    let (mut chosen, mut top) = (Vec::new(), Vec::new());
    wire::members(&mut Reader::of(raw), |reader, name| match name {
        "chosenCandidates" => tokens(reader, &mut chosen),
        "topCandidates" => wire::elements(reader, |reader| {
            let mut here = Vec::new();
            wire::members(reader, |reader, name| match name {
                "candidates" => tokens(reader, &mut here),
                _ => reader.pass(),
            })?;
            top.push(here);
            Ok(())
        }),
        _ => reader.pass(),
    })?;
    let mut top = top.into_iter();
    Ok(chosen.into_iter().map(|said| Logprob { said, top: top.next().unwrap_or_default() }).collect())
}

fn tokens<'a>(reader: &mut Reader<'a>, tokens: &mut Vec<Token<'a>>) -> Result<(), Malformed> {
    wire::elements(reader, |reader| {
        let (mut text, mut logprob, mut id) = (None, None, None);
        wire::members(reader, |reader, name| {
            match name {
                "token" => text = wire::text(reader)?,
                "logProbability" => logprob = wire::json(reader)?,
                "tokenId" => id = wire::json(reader)?,
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        // A zero is left out on this wire.
        let logprob = logprob.unwrap_or_else(|| Json::passed("0"));
        tokens.push(Token { text: text.unwrap_or_default(), logprob, bytes: None, id });
        Ok(())
    })
}

/// Writes it, where there is any.
pub(super) fn write<'a>(candidate: &mut Object<'_>, tokens: impl IntoIterator<Item = &'a Logprob<'a>>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    if tokens.is_empty() {
        return;
    }
    let mut result = candidate.object("logprobsResult");
    if tokens.iter().any(|token| !token.top.is_empty()) {
        let mut list = result.array("topCandidates");
        for token in &tokens {
            let mut here = list.object();
            let mut others = here.array("candidates");
            token.top.iter().for_each(|token| write_token(&mut others, token));
            others.end();
            here.end();
        }
        list.end();
    }
    let mut list = result.array("chosenCandidates");
    tokens.iter().for_each(|token| write_token(&mut list, &token.said));
    list.end();
    result.end();
}

fn write_token(list: &mut Array<'_>, token: &Token<'_>) {
    let mut object = list.object();
    object.text("token", &token.text);
    object.json_if("tokenId", token.id.as_ref());
    object.json("logProbability", &token.logprob);
    object.end();
}
