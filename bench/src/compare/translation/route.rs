//! From which dialect to which.

use std::fmt;

use super::super::roundelay::{MESSAGES_POOL, POOL};
use crate::script::Dialect;

/// The order is the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Route {
    /// What all others are compared with.
    ChatPassed,
    MessagesPassed,
    ChatToMessages,
    MessagesToChat,
    ResponsesToChat,
}

pub(super) const ROUTES: [Route; 5] =
    [Route::ChatPassed, Route::MessagesPassed, Route::ChatToMessages, Route::MessagesToChat, Route::ResponsesToChat];

impl Route {
    pub(super) fn caller(self) -> Dialect {
        match self {
            Self::ChatPassed | Self::ChatToMessages => Dialect::Chat,
            Self::MessagesPassed | Self::MessagesToChat => Dialect::Messages,
            Self::ResponsesToChat => Dialect::Responses,
        }
    }

    pub(super) fn pool(self) -> &'static str {
        match self {
            Self::ChatPassed | Self::MessagesToChat | Self::ResponsesToChat => POOL,
            Self::MessagesPassed | Self::ChatToMessages => MESSAGES_POOL,
        }
    }

    /// The name in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ChatPassed => "chat_passed",
            Self::MessagesPassed => "messages_passed",
            Self::ChatToMessages => "chat_to_messages",
            Self::MessagesToChat => "messages_to_chat",
            Self::ResponsesToChat => "responses_to_chat",
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChatPassed => "chat, passed through",
            Self::MessagesPassed => "Messages, passed through",
            Self::ChatToMessages => "chat → Messages",
            Self::MessagesToChat => "Messages → chat",
            Self::ResponsesToChat => "Responses → chat",
        })
    }
}
