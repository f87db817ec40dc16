//! A whole gateway on ports of its own, a provider for it that misbehaves on request, and a client small enough to trust.

mod client;
mod gateway;
mod paced;
mod scripted;
mod upstream;

pub(crate) use client::{Answer, Request};
pub(crate) use gateway::TestGateway;
pub(crate) use paced::{Paced, Told};
pub(crate) use scripted::{Asked, Said, Scripted};
pub(crate) use upstream::Upstream;
