//! Bodies: requests, answers, errors.

use crate::{
    anthropic, bedrock,
    chat::{
        Answer, DecodeFault, Dialect, FreeTools, Losses, Problem, ProblemKind, Request, Target, WrittenAnswer,
        WrittenRequest,
    },
    gemini, openai_chat, openai_responses,
};

/// A dialect as one server speaks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    OpenaiChat(openai_chat::Quirks),
    OpenaiResponses(openai_responses::Quirks),
    Anthropic(anthropic::Quirks),
    Gemini(gemini::Quirks),
    Bedrock(bedrock::Quirks),
}

impl Manner {
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::OpenaiChat(_) => Dialect::OpenaiChat,
            Self::OpenaiResponses(_) => Dialect::OpenaiResponses,
            Self::Anthropic(_) => Dialect::Anthropic,
            Self::Gemini(_) => Dialect::Gemini,
            Self::Bedrock(_) => Dialect::Bedrock,
        }
    }

    /// Whether tools with free input are said as such; where not, [`crate::chat::FreeTools`] turns their calls back.
    pub fn takes_free_input(&self) -> bool {
        match self {
            Self::OpenaiChat(quirks) => quirks.custom_tools,
            Self::OpenaiResponses(quirks) => quirks.custom_tools,
            Self::Anthropic(_) | Self::Gemini(_) | Self::Bedrock(_) => false,
        }
    }

    /// How the dialect's own vendor speaks it.
    pub fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenaiChat => Self::OpenaiChat(openai_chat::Quirks::default()),
            Dialect::OpenaiResponses => Self::OpenaiResponses(openai_responses::Quirks::default()),
            Dialect::Anthropic => Self::Anthropic(anthropic::Quirks::default()),
            Dialect::Gemini => Self::Gemini(gemini::Quirks::default()),
            Dialect::Bedrock => Self::Bedrock(bedrock::Quirks::default()),
        }
    }
}

/// Reads the body of a request.
///
/// # Errors
/// When it is not what the dialect says; see the dialect.
pub fn decode_request(dialect: Dialect, body: &[u8]) -> Result<Request<'_>, DecodeFault> {
    match dialect {
        Dialect::OpenaiChat => openai_chat::decode_request(body),
        Dialect::OpenaiResponses => openai_responses::decode_request(body),
        Dialect::Anthropic => anthropic::decode_request(body),
        Dialect::Gemini => gemini::decode_request(body),
        Dialect::Bedrock => bedrock::decode_request(body),
    }
}

/// Writes the body of a request. What it cannot say is added to `losses`.
pub fn encode_request(request: &Request<'_>, target: &Target<'_>, manner: &Manner, losses: &mut Losses) -> Vec<u8> {
    write_request(request, target, manner, losses).body
}

/// As [`encode_request`], with the places of what only the model reads: who sends it need not look at that again.
pub fn write_request(
    request: &Request<'_>,
    target: &Target<'_>,
    manner: &Manner,
    losses: &mut Losses,
) -> WrittenRequest {
    let flat = match manner {
        Manner::OpenaiResponses(_) => None,
        _ => openai_responses::flattened(request, losses),
    };
    let request = flat.as_ref().unwrap_or(request);
    let written = match manner {
        Manner::OpenaiChat(quirks) => openai_chat::write_request(request, target, quirks, losses),
        Manner::Anthropic(quirks) => anthropic::write_request(request, target, quirks, losses),
        Manner::OpenaiResponses(quirks) => {
            WrittenRequest::unread(openai_responses::encode_request(request, target, quirks, losses))
        }
        Manner::Gemini(quirks) => WrittenRequest::unread(gemini::encode_request(request, target, quirks, losses)),
        Manner::Bedrock(quirks) => WrittenRequest::unread(bedrock::encode_request(request, target, quirks, losses)),
    };
    // Whether thoughts are among what was written is for its reader to find.
    if request.holds_thoughts() { WrittenRequest::unread(written.body) } else { written }
}

/// The tools of a request that are said in another way than their caller says them, to be turned back in the answer.
pub fn turned_tools(request: &Request<'_>, manner: &Manner) -> FreeTools {
    let tools = FreeTools::of(request, manner.takes_free_input());
    match manner {
        Manner::OpenaiResponses(_) => tools,
        _ => tools.with_renamed(openai_responses::renamed(request)),
    }
}

/// Reads the body of an answer; an error inside a success is given as such.
///
/// # Errors
/// When it is not a JSON object.
pub fn decode_answer(dialect: Dialect, body: &[u8]) -> Result<Result<Answer<'_>, Problem<'_>>, DecodeFault> {
    match dialect {
        Dialect::OpenaiChat => openai_chat::decode_answer(body),
        Dialect::OpenaiResponses => openai_responses::decode_answer(body),
        Dialect::Anthropic => anthropic::decode_answer(body),
        Dialect::Gemini => gemini::decode_answer(body),
        Dialect::Bedrock => bedrock::decode_answer(body),
    }
}

/// Writes the body of an answer. `model` is the name the caller asked for; empty keeps the answer's own.
pub fn encode_answer(answer: &Answer<'_>, dialect: Dialect, model: &str, losses: &mut Losses) -> Vec<u8> {
    match dialect {
        Dialect::OpenaiChat => openai_chat::encode_answer(answer, model, losses),
        Dialect::OpenaiResponses => openai_responses::encode_answer(answer, model, losses),
        Dialect::Anthropic => anthropic::encode_answer(answer, model, losses),
        Dialect::Gemini => gemini::encode_answer(answer, model, losses),
        Dialect::Bedrock => bedrock::encode_answer(answer, losses),
    }
}

/// As [`encode_answer`], with the place of the cost: who adds that need not read again what was written.
pub fn write_answer(answer: &Answer<'_>, dialect: Dialect, model: &str, losses: &mut Losses) -> WrittenAnswer {
    match dialect {
        Dialect::OpenaiChat => openai_chat::write_answer(answer, model, losses),
        Dialect::OpenaiResponses => openai_responses::write_answer(answer, model, None, losses),
        Dialect::Anthropic => anthropic::write_answer(answer, model, losses),
        Dialect::Gemini => gemini::write_answer(answer, model, losses),
        // It has no place for a cost.
        Dialect::Bedrock => WrittenAnswer { body: bedrock::encode_answer(answer, losses), cost_place: None },
    }
}

/// Reads the body of an error answer; `None` when it is not one.
pub fn decode_error(dialect: Dialect, body: &[u8]) -> Option<Problem<'_>> {
    match dialect {
        Dialect::OpenaiChat => openai_chat::decode_error(body),
        Dialect::OpenaiResponses => openai_responses::decode_error(body),
        Dialect::Anthropic => anthropic::decode_error(body),
        Dialect::Gemini => gemini::decode_error(body),
        Dialect::Bedrock => bedrock::decode_error(body),
    }
}

/// Writes the body of an error answer.
pub fn encode_error(problem: &Problem<'_>, dialect: Dialect) -> Vec<u8> {
    match dialect {
        Dialect::OpenaiChat => openai_chat::encode_error(problem),
        Dialect::OpenaiResponses => openai_responses::encode_error(problem),
        Dialect::Anthropic => anthropic::encode_error(problem),
        Dialect::Gemini => gemini::encode_error(problem),
        Dialect::Bedrock => bedrock::encode_error(problem),
    }
}

/// The HTTP status an error of this kind has in a dialect.
pub fn status(kind: ProblemKind, dialect: Dialect) -> u16 {
    match dialect {
        Dialect::OpenaiChat => openai_chat::status(kind),
        Dialect::OpenaiResponses => openai_responses::status(kind),
        Dialect::Anthropic => anthropic::status(kind),
        Dialect::Gemini => gemini::status(kind),
        Dialect::Bedrock => bedrock::status(kind),
    }
}
