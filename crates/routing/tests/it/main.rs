//! What routing promises.

mod rotation;
mod scenarios;
mod simulation;
mod world;
