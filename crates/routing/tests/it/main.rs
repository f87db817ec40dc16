//! What routing promises.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say so at once")]

mod carrying_on;
mod choices;
mod costs;
mod exclusions;
mod handing_over;
mod hedging;
mod measuring;
mod previews;
mod properties;
mod recovery;
mod rotation;
mod scenarios;
mod simulation;
mod starvation;
mod storm;
mod traffic;
mod world;
