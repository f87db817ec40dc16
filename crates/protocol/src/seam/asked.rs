//! What the next model is asked.

use super::Way;
use crate::{
    chat::{Effort, Format, Part, Request, Role, Text, ToolChoice, Turn},
    openai_chat::Prefill,
    translate::Manner,
};

/// What a user's turn says to a model that is to go on by [`Way::Prompt`].
const GO_ON: &str = "Your answer broke off here. Go on with it from exactly where it stops, in the same language, tone and format. Do not repeat any of it, do not begin anew, and do not say anything about the interruption.";

/// Why the answer to such a request is not carried on; `None` where it may be.
pub fn unfit_request(request: &Request<'_>) -> Option<&'static str> {
    let forces_tool = match &request.tool_choice {
        None | Some(ToolChoice::Auto | ToolChoice::None | ToolChoice::Among { must: false, .. }) => false,
        Some(_) => true,
    };
    let wants = |json: &Option<crate::chat::Json<'_>>| {
        json.as_ref().is_some_and(|json| !matches!(json.as_str(), "null" | "false" | "0"))
    };
    if request.turns.last().is_some_and(|turn| turn.role == Role::Assistant) {
        // Where the next server gives the beginning back, it gives the caller's as well, who never saw it come.
        Some("its caller began the answer")
    } else if request.choices.is_some_and(|choices| choices > 1) {
        Some("more than one choice was asked for")
    } else if !matches!(request.format, None | Some(Format::Text)) {
        Some("a format was asked for")
    } else if forces_tool {
        Some("a tool was demanded")
    } else if wants(&request.sampling.logprobs) || wants(&request.sampling.top_logprobs) {
        Some("probabilities were asked for")
    } else if wants_audio(request) {
        Some("audio was asked for")
    } else {
        None
    }
}

/// Whether the answer may be more than words, by the members that say so: `modalities` and `audio` in chat completions,
/// `responseModalities` of Gemini's `generationConfig`.
fn wants_audio(request: &Request<'_>) -> bool {
    let has_more = |json: &str| {
        let json = json.to_ascii_lowercase();
        json.contains("audio") || json.contains("image")
    };
    request.extra.iter().any(|(name, value)| match name {
        "audio" => !value.is_null(),
        "modalities" | "responseModalities" => has_more(value.as_str()),
        "generationConfig" => value.as_str().contains("responseModalities") && has_more(value.as_str()),
        _ => false,
    })
}

/// Whether a request can be asked at a server with the beginning of its answer; whether its model goes on from that is
/// another matter.
///
/// No model goes on while it thinks: Claude refuses a beginning beside thinking (Anthropic, "Extended thinking": "you cannot
/// pre-fill responses"), Alibaba's "Partial mode" is for the other mode. OpenAI and Gemini take the beginning for an earlier
/// answer, and give another.
pub fn takes_prefill(request: &Request<'_>, manner: &Manner) -> bool {
    let thinks = request.reasoning.as_ref().is_some_and(|reasoning| {
        let has_effort = reasoning.effort.is_some_and(|effort| effort != Effort::None);
        has_effort || reasoning.budget.is_some_and(|budget| budget > 0) || reasoning.is_adaptive
    });
    let goes_on = match manner {
        Manner::OpenaiResponses(_) | Manner::Gemini(_) => false,
        Manner::OpenaiChat(quirks) => quirks.prefill != Prefill::Never,
        Manner::Anthropic(_) | Manner::Bedrock(_) => true,
    };
    goes_on && !thinks
}

/// The way by prefill at a server.
pub fn prefill_of(manner: &Manner) -> Way {
    let echoes = match manner {
        Manner::OpenaiChat(quirks) => quirks.echoes_prefill,
        Manner::OpenaiResponses(_) | Manner::Anthropic(_) | Manner::Gemini(_) | Manner::Bedrock(_) => false,
    };
    Way::Prefill { echoes }
}

/// Makes of a request what the next model is asked. `left` are the tokens of output that are left.
///
/// A beginning ends before the white space that was shown last: Anthropic refuses "trailing whitespace" in it, chat
/// templates cut it off, and the model says it again; [`super::Seam`] knows what of that is new.
/// A request that is asked once more keeps its limit, since its answer has to repeat what was shown.
pub fn carry_on(request: &mut Request<'_>, shown: &str, way: Way, left: Option<u64>) {
    match way {
        Way::Again => return,
        Way::Prefill { .. } => {
            say(request, shown);
            request.is_prefilled = true;
        }
        Way::Prompt => {
            say(request, shown);
            let parts = vec![Part::text(GO_ON.into())];
            request.turns.push(Turn { role: Role::User, parts, extra: Default::default() });
        }
    }
    if let Some(left) = left {
        request.output_max = Some(request.output_max.map_or(left, |max| max.min(left)));
    }
}

/// Adds what was shown as the assistant's word.
fn say(request: &mut Request<'_>, shown: &str) {
    let parts = vec![Part::text(Text::plain(shown.trim_end().to_owned()))];
    request.turns.push(Turn { role: Role::Assistant, parts, extra: Default::default() });
}
