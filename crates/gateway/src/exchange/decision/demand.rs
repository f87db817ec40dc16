//! What a request asked of routing, as the record keeps it: enough to plan such a request again, and no word of it.

use std::time::Duration;

use roundelay_routing::{Capabilities, Demand};
use serde::{Serialize, Serializer};

/// The demand of an exchange.
#[derive(Serialize)]
pub(super) struct ShownDemand {
    /// Estimated from the size of the prompt; an upper bound, more than most prompts have.
    input_tokens: u64,
    /// The most that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_max: Option<u64>,
    #[serde(serialize_with = "names")]
    needs: Capabilities,
    /// A keyed hash in hexadecimal digits; another after each start of the gateway.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "digits")]
    conversation: Option<u64>,
    first_turn: bool,
    /// Whether the caller named the conversation itself.
    explicit: bool,
    /// From the request's arrival.
    deadline_ms: u64,
}

impl ShownDemand {
    /// `deadline` counts from the arrival of the request.
    pub(super) fn of(demand: &Demand, deadline: Duration) -> Self {
        let conversation = demand.conversation;
        Self {
            input_tokens: demand.input_tokens,
            output_tokens_max: Some(demand.output_tokens).filter(|&tokens| tokens > 0),
            needs: demand.needs,
            conversation: conversation.map(|turn| turn.id),
            first_turn: conversation.is_some_and(|turn| turn.is_first_turn),
            explicit: conversation.is_some_and(|turn| turn.is_explicit),
            deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

fn names<S: Serializer>(needs: &Capabilities, serializer: S) -> Result<S::Ok, S::Error> {
    // That most requests are conversations need not be said.
    let usual = Capabilities { chat: true, ..Capabilities::NONE };
    serializer.collect_seq(usual.missing(*needs))
}

fn digits<S: Serializer>(conversation: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match conversation {
        Some(id) => serializer.collect_str(&format_args!("{id:016x}")),
        None => serializer.serialize_none(),
    }
}
