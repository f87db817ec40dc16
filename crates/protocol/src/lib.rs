//! Reads what callers and providers send: requests, answers, streams, usage and failures.
//!
//! Pure: bytes in, facts out. This crate knows no socket, no clock, no thread and no environment; what
//! depends on the time takes it as an argument. It does not know where a request should go (routing) nor
//! what it costs (ledger). It never fails on a field it does not know, and never drops one.

pub mod anthropic;
pub mod balance;
pub mod bedrock;
pub mod chat;
mod civil;
pub mod estimate;
pub mod failure;
pub mod gemini;
pub mod handover;
mod json;
pub mod openai;
pub mod openai_chat;
pub mod openai_responses;
pub mod seam;
pub mod sse;
pub mod translate;
pub mod usage;
mod wire;

pub use json::Malformed;
