//! How likely each token of an answer's text was.

use super::{Json, Text};

/// A token that was said, and others that might have stood in its place, the likeliest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logprob<'a> {
    pub said: Token<'a>,
    pub top: Vec<Token<'a>>,
}

/// One token and its natural logarithm of probability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    pub text: Text<'a>,
    pub logprob: Json<'a>,
    /// A list of its bytes, where the dialect gives it: a token may be a part of a letter.
    pub bytes: Option<Json<'a>>,
    /// Its number in the model's vocabulary, where the dialect gives it.
    pub id: Option<Json<'a>>,
}

impl Logprob<'_> {
    pub fn into_owned(self) -> Logprob<'static> {
        Logprob { said: self.said.into_owned(), top: self.top.into_iter().map(Token::into_owned).collect() }
    }

    /// Bytes that it takes to keep it, about.
    pub(crate) fn kept_size(&self) -> usize {
        std::iter::once(&self.said).chain(&self.top).map(|token| token.text.written().len() + TOKEN_SIZE).sum()
    }
}

impl Token<'_> {
    /// Bytes of the answer's text that it is.
    pub(crate) fn size(&self) -> usize {
        match &self.bytes {
            Some(bytes) if bytes.as_str().len() > "[]".len() => bytes.as_str().split(',').count(),
            _ => self.text.decode().len(),
        }
    }

    pub fn into_owned(self) -> Token<'static> {
        Token {
            text: self.text.into_owned(),
            logprob: self.logprob.into_owned(),
            bytes: self.bytes.map(Json::into_owned),
            id: self.id.map(Json::into_owned),
        }
    }
}

/// What a token takes beside its text, in bytes.
const TOKEN_SIZE: usize = 64;

/// OpenAI's form of tokens, which both of its dialects share.
pub(crate) mod openai {
    use super::{Logprob, Token};
    use crate::{
        chat::{Json, Text},
        json::{Array, Kind, Malformed, Object, Reader},
        wire,
    };

    /// Reads a list of tokens; passes anything else.
    pub(crate) fn read<'a>(reader: &mut Reader<'a>, tokens: &mut Vec<Logprob<'a>>) -> Result<(), Malformed> {
        wire::elements(reader, |reader| {
            let mut top = Vec::new();
            let said = token(reader, &mut top)?;
            tokens.extend(said.map(|said| Logprob { said, top }));
            Ok(())
        })
    }

    fn token<'a>(reader: &mut Reader<'a>, top: &mut Vec<Token<'a>>) -> Result<Option<Token<'a>>, Malformed> {
        let (mut text, mut logprob, mut bytes) = (None, None, None);
        wire::members(reader, |reader, name| {
            match name {
                "token" => text = wire::text(reader)?,
                "logprob" if reader.kind()? == Kind::Number => logprob = Some(Json::passed(reader.raw()?)),
                "bytes" if reader.kind()? == Kind::Array => bytes = Some(Json::passed(reader.raw()?)),
                "top_logprobs" => wire::elements(reader, |reader| {
                    top.extend(token(reader, &mut Vec::new())?);
                    Ok::<_, Malformed>(())
                })?,
                _ => reader.pass()?,
            }
            Ok::<_, Malformed>(())
        })?;
        // Some servers give the bytes of every token, and none where it has none.
        Ok(text.zip(logprob).map(|(text, logprob)| Token { text, logprob, bytes, id: None }))
    }

    /// Writes a list of tokens. Deltas of Responses have no bytes.
    pub(crate) fn write(list: &mut Array<'_>, tokens: &[Logprob<'_>], has_bytes: bool) {
        for Logprob { said, top } in tokens {
            let mut object = list.object();
            write_token(&mut object, said, has_bytes);
            let mut others = object.array("top_logprobs");
            for token in top {
                let mut object = others.object();
                write_token(&mut object, token, has_bytes);
                object.end();
            }
            others.end();
            object.end();
        }
    }

    fn write_token(object: &mut Object<'_>, token: &Token<'_>, has_bytes: bool) {
        object.text("token", &token.text);
        object.json("logprob", &token.logprob);
        if !has_bytes {
            return;
        }
        match &token.bytes {
            Some(bytes) => object.json("bytes", bytes),
            None => object.raw("bytes", &bytes_of(&token.text)),
        }
    }

    fn bytes_of(text: &Text<'_>) -> String {
        let bytes: Vec<String> = text.decode().bytes().map(|byte| byte.to_string()).collect();
        format!("[{}]", bytes.join(","))
    }
}
