//! Why a choice ended.

/// The typed end of one choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finish {
    Stop,
    /// The length limit was reached: `length`, `max_tokens`.
    Length,
    ToolCalls,
    FunctionCall,
    /// A filter stopped the answer: `content_filter`, Zhipu's `sensitive`.
    ContentFilter,
    /// The upstream broke off: `error` (OpenRouter), `network_error` (Zhipu), `insufficient_system_resource`
    /// (DeepSeek). Never a whole answer.
    Error,
    /// A reason this crate does not know; the answer is whole all the same.
    Other,
}

impl Finish {
    /// Reads a `finish_reason`. Some servers write an empty string where they mean null.
    pub fn from_reason(reason: &str) -> Option<Self> {
        Some(match reason {
            "" => return None,
            "stop" | "eos" | "end_turn" => Self::Stop,
            "length" | "max_tokens" => Self::Length,
            "tool_calls" => Self::ToolCalls,
            "function_call" => Self::FunctionCall,
            "content_filter" | "sensitive" => Self::ContentFilter,
            "error" | "network_error" | "insufficient_system_resource" => Self::Error,
            _ => Self::Other,
        })
    }

    /// The stable label for records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::FunctionCall => "function_call",
            Self::ContentFilter => "content_filter",
            Self::Error => "error",
            Self::Other => "other",
        }
    }
}
