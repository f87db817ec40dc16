//! `roundelay accounts`.

mod create;
mod entries;
mod list;
mod post;
mod reverse;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{Common, Failure};
use crate::{
    admin::{Books, operator::Operator},
    store::Store,
};

/// Make and change accounts, put money on them, and read what became of it.
#[derive(Debug, Args)]
pub(super) struct AccountsCommand {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Create(create::Create),
    Change(create::Change),
    List(list::List),
    Credit(post::Credit),
    Adjust(post::Adjust),
    Reverse(reverse::Reverse),
    Entries(entries::Entries),
}

impl AccountsCommand {
    pub(super) fn run(self, common: &Common) -> Result<ExitCode, Failure> {
        match self.act {
            Act::Create(create) => create.run(common),
            Act::Change(change) => change.run(common),
            Act::List(list::List {}) => list::List::run(common),
            Act::Credit(credit) => credit.run(common),
            Act::Adjust(adjust) => adjust.run(common),
            Act::Reverse(reverse) => reverse.run(common),
            Act::Entries(entries) => entries.run(common),
        }
    }
}

/// The books of a folder on which no gateway runs.
fn alone<'a>(store: &'a Store, common: &Common) -> Books<'a> {
    // Only yuan need the rate, and then its absence is complained about.
    let rate = common.load().ok().map(|config| config.rate());
    Books { store, running: None, rate, by: Operator::command() }
}

/// A name that is put into a path. What is no name is refused before it travels on.
fn checked(name: &str) -> Result<&str, Failure> {
    roundelay_ledger::AccountId::new(name)?;
    Ok(name)
}
