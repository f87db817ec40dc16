//! What this crate promises, checked from outside.
#![expect(clippy::unwrap_used, reason = "in a test, what is not there is a failure")]

mod balance;
mod corpus;
mod dialects;
mod failure_table;
mod failure_total;
mod fixtures;
mod handover;
mod openai_bodies;
mod openai_chunk;
mod openai_request;
mod openai_rewrite;
mod seam;
mod sse;
mod usage_goldens;
