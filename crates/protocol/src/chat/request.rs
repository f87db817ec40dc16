//! A request for an answer.

use super::{Body, Dialect, Extra, Issuer, Json, Keep, Part, Signature, Text, ToolCall, ToolResult, Turn};

/// What a caller asks of a model.
///
/// Numbers stay as written: what a value may be is the target's to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Whose words it came in; what is carried along is in these.
    pub dialect: Dialect,
    pub model: Text<'a>,
    /// The system prompt: what the operator says before all turns.
    pub system: Vec<Part<'a>>,
    pub turns: Vec<Turn<'a>>,
    pub tools: Vec<Tool<'a>>,
    pub tool_choice: Option<ToolChoice<'a>>,
    pub parallel_tools: Option<bool>,
    pub format: Option<Format<'a>>,
    pub sampling: Sampling<'a>,
    /// Tokens of output, reasoning included.
    pub output_max: Option<u64>,
    pub stop: Vec<Text<'a>>,
    /// How many answers to the same prompt.
    pub choices: Option<u32>,
    pub reasoning: Option<Reasoning<'a>>,
    pub is_streaming: bool,
    /// Whether the caller of a chat stream asked for its usage chunk; `true` where the dialect always tells.
    pub wants_usage: bool,
    /// An opaque name of the end user.
    pub user: Option<Text<'a>>,
    pub metadata: Option<Json<'a>>,
    /// Requests with the same key are likely to share a cached prompt.
    pub cache_key: Option<Text<'a>>,
    /// The cache keeps the whole prompt.
    pub keep: Option<Keep>,
    pub service_tier: Option<Text<'a>>,
    /// `low`, `medium` or `high`.
    pub verbosity: Option<Text<'a>>,
    /// The stored answer that this goes on from.
    pub previous: Option<Text<'a>>,
    pub store: Option<bool>,
    /// The last turn is the beginning of the answer that is asked for, and the server has to be told so where it does
    /// not take that for granted.
    pub is_prefilled: bool,
    pub extra: Extra<'a>,
}

/// How words are drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sampling<'a> {
    pub temperature: Option<Json<'a>>,
    pub top_p: Option<Json<'a>>,
    pub top_k: Option<Json<'a>>,
    pub frequency_penalty: Option<Json<'a>>,
    pub presence_penalty: Option<Json<'a>>,
    pub seed: Option<Json<'a>>,
    pub logit_bias: Option<Json<'a>>,
    pub logprobs: Option<Json<'a>>,
    pub top_logprobs: Option<Json<'a>>,
}

impl Sampling<'_> {
    /// Whether the probabilities of tokens are asked for, and of how many beside each that is said.
    pub(crate) fn asked_logprobs(&self) -> Option<u64> {
        let top = self.top_logprobs.as_ref().and_then(Json::number).filter(|top| *top >= 1.0);
        let is_asked = self.logprobs.as_ref().is_some_and(|asked| asked.as_str() == "true");
        (is_asked || top.is_some()).then(|| top.unwrap_or_default() as u64)
    }
}

/// A tool the model may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool<'a> {
    pub body: ToolBody<'a>,
    pub keep: Option<Keep>,
    pub extra: Extra<'a>,
}

/// What kind of tool it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolBody<'a> {
    Function {
        name: Text<'a>,
        description: Option<Text<'a>>,
        /// A JSON schema; `None` for no arguments.
        schema: Option<Json<'a>>,
        strict: Option<bool>,
    },
    /// Its input is any text, or text by a grammar.
    Custom { name: Text<'a>, description: Option<Text<'a>>, format: Option<Json<'a>> },
    /// One that the vendor's servers run, or that only its dialect knows.
    Opaque { dialect: Dialect, json: Json<'a> },
}

/// Which tool must be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    Auto,
    None,
    /// Some tool.
    Required,
    Named(Text<'a>),
    /// Only these; `must` when one of them has to be used.
    Among {
        names: Vec<Text<'a>>,
        must: bool,
    },
    Opaque {
        dialect: Dialect,
        json: Json<'a>,
    },
}

/// The shape of the answer's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format<'a> {
    Text,
    /// Any JSON object.
    JsonObject,
    JsonSchema {
        name: Option<Text<'a>>,
        description: Option<Text<'a>>,
        schema: Json<'a>,
        strict: Option<bool>,
    },
    Opaque {
        dialect: Dialect,
        json: Json<'a>,
    },
}

/// How much the model thinks before it answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning<'a> {
    pub effort: Option<Effort>,
    /// Tokens.
    pub budget: Option<u64>,
    /// The model itself decides whether and how long.
    pub is_adaptive: bool,
    /// Whether its thoughts are shown; `None` for the dialect's own habit.
    pub is_shown: Option<bool>,
    /// `auto`, `concise` or `detailed`.
    pub summary: Option<Text<'a>>,
    /// Whether thoughts come sealed as well, to be sent back with the conversation.
    pub is_sealed: bool,
}

/// Steps of effort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl Effort {
    const NAMES: [(Self, &'static str); 7] = [
        (Self::None, "none"),
        (Self::Minimal, "minimal"),
        (Self::Low, "low"),
        (Self::Medium, "medium"),
        (Self::High, "high"),
        (Self::XHigh, "xhigh"),
        (Self::Max, "max"),
    ];

    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(effort, _)| *effort == self).map_or("medium", |(_, name)| name)
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(effort, _)| *effort)
    }

    /// The thinking budget that stands for it where only budgets are understood, in tokens.
    /// The steps are those of Google's OpenAI compatibility page (1,024, 8,192, 24,576), drawn on at both ends.
    pub fn budget(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Minimal | Self::Low => 1024,
            Self::Medium => 8192,
            Self::High => 24_576,
            Self::XHigh => 32_768,
            Self::Max => 65_536,
        }
    }

    /// The effort whose budget is nearest from above.
    pub fn of_budget(tokens: u64) -> Self {
        [Self::None, Self::Low, Self::Medium, Self::High, Self::XHigh]
            .into_iter()
            .find(|effort| tokens <= effort.budget())
            .unwrap_or(Self::Max)
    }
}

impl<'a> Request<'a> {
    /// An empty request in the words of `dialect`.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            model: Text::default(),
            system: Vec::new(),
            turns: Vec::new(),
            tools: Vec::new(),
            tool_choice: None,
            parallel_tools: None,
            format: None,
            sampling: Sampling::default(),
            output_max: None,
            stop: Vec::new(),
            choices: None,
            reasoning: None,
            is_streaming: false,
            wants_usage: dialect != Dialect::OpenaiChat,
            user: None,
            metadata: None,
            cache_key: None,
            keep: None,
            service_tier: None,
            verbosity: None,
            previous: None,
            store: None,
            is_prefilled: false,
            extra: Extra::default(),
        }
    }

    /// Whether a signature in this request may go to a deployment that speaks `to`.
    ///
    /// One with its issuer goes back to that one only. One without came from a caller who had it from a server of its
    /// own dialect, so it goes to those that sign alike: Claude's signatures hold at Anthropic and at Bedrock.
    pub fn may_replay(&self, signature: &Signature<'_>, to: Dialect, issuer: Option<Issuer>) -> bool {
        let is_claude = |dialect| matches!(dialect, Dialect::Anthropic | Dialect::Bedrock);
        match signature.issuer {
            Some(_) => signature.issuer == issuer,
            None => self.dialect == to || is_claude(self.dialect) && is_claude(to),
        }
    }

    /// Leaves out what models thought in earlier turns, and every signature.
    pub fn forget_thoughts(&mut self) {
        for turn in &mut self.turns {
            turn.parts.retain(|part| !matches!(part.body, Body::Thinking { .. } | Body::SealedThinking { .. }));
            for part in &mut turn.parts {
                match &mut part.body {
                    Body::Text { signature, .. } => *signature = None,
                    Body::ToolCall(call) => call.signature = None,
                    _ => {}
                }
            }
        }
        self.turns.retain(|turn| !turn.parts.is_empty());
    }

    /// Whether it says what models thought in earlier turns, or what they signed.
    pub(crate) fn holds_thoughts(&self) -> bool {
        self.turns.iter().flat_map(|turn| &turn.parts).any(|part| match &part.body {
            Body::Thinking { .. } | Body::SealedThinking { .. } => true,
            Body::Text { signature, .. } => signature.is_some(),
            Body::ToolCall(call) => call.signature.is_some(),
            _ => false,
        })
    }

    /// About as many bytes as it takes to write it down, so that the buffer is grown once.
    pub(crate) fn size(&self) -> usize {
        let parts = self.turns.iter().flat_map(|turn| &turn.parts).chain(&self.system);
        let parts: usize = parts.map(|part| PART_SIZE + part.body.size()).sum();
        let tools = self.tools.iter().map(|tool| match &tool.body {
            ToolBody::Function { description, schema, .. } => {
                let description = description.as_ref().map_or(0, |text| text.written().len());
                description + schema.as_ref().map_or(0, |schema| schema.as_str().len())
            }
            ToolBody::Custom { .. } => 0,
            ToolBody::Opaque { json, .. } => json.as_str().len(),
        });
        512 + parts + tools.map(|size| PART_SIZE + size).sum::<usize>()
    }

    /// The call that a result in turn `turn` answers. It stands in the turn before; a few more are looked through, not
    /// all, so that a conversation of results without calls takes no longer to write.
    pub fn call_of(&self, result: &ToolResult<'_>, turn: usize) -> Option<&ToolCall<'a>> {
        let before = &self.turns[..turn.min(self.turns.len())];
        let parts = before.iter().rev().take(TURNS_BACK).flat_map(|turn| &turn.parts);
        parts.into_iter().find_map(|part| match &part.body {
            Body::ToolCall(call) if call.id == result.id => Some(call),
            _ => None,
        })
    }
}

/// How far a result may stand behind its call, in turns.
const TURNS_BACK: usize = 16;

/// What stands around a part or a tool, in bytes.
const PART_SIZE: usize = 128;
