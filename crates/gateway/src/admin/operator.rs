//! Who acts on the operator's side, what each role may do, and how far it reaches.

use std::sync::{Arc, LazyLock};

use roundelay_ledger::AccountId;

use super::Fault;
use crate::store::{OperatorId, OperatorRow, Role, Scope, Store};

/// What a route asks of whoever calls it. There is no route without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Nothing: no token either.
    Open,
    /// Any token.
    Token,
    /// To read what belongs to accounts.
    Read,
    /// To read of the gateway as a whole: only without a limit to an account.
    ReadGateway,
    /// To make, change and revoke API keys.
    Keys,
    /// To make and change accounts.
    Accounts,
    /// To change balances: only without a limit to an account, which would be to make money for oneself.
    Money,
    /// To read what operators did.
    Acts,
    /// To change the gateway as a whole: only without a limit to an account.
    Gateway,
    /// To make and revoke operators.
    Operators,
}

impl Permission {
    /// The least role that has it; `None` is for whoever comes.
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Open => None,
            Self::Token | Self::Read | Self::ReadGateway => Some(Role::Viewer),
            Self::Keys => Some(Role::Member),
            Self::Accounts | Self::Money | Self::Acts | Self::Gateway => Some(Role::Admin),
            Self::Operators => Some(Role::Owner),
        }
    }

    /// Whether somebody who is limited to an account has it not, whatever the role.
    pub const fn is_unlimited(self) -> bool {
        matches!(self, Self::ReadGateway | Self::Gateway | Self::Money)
    }
}

/// Whoever asks for something: somebody with a token, or somebody who could open the socket or the folder itself.
#[derive(Debug, Clone)]
pub struct Operator {
    pub(super) id: Option<OperatorId>,
    /// The keyed hash of the token that was shown.
    hash: Option<[u8; 32]>,
    pub(super) name: Arc<str>,
    pub(super) role: Role,
    pub(super) account: Option<AccountId>,
    pub(super) scope: Scope,
}

impl Operator {
    /// Whoever has opened the data folder with a command: an owner.
    pub fn command() -> &'static Self {
        static COMMAND: LazyLock<Operator> = LazyLock::new(|| Operator::folder_owner("command"));
        &COMMAND
    }

    /// Whoever has opened the socket in the data folder: an owner.
    pub(super) fn socket() -> &'static Self {
        static SOCKET: LazyLock<Operator> = LazyLock::new(|| Operator::folder_owner("socket"));
        &SOCKET
    }

    fn folder_owner(name: &str) -> Self {
        Self { id: None, hash: None, name: name.into(), role: Role::Owner, account: None, scope: Scope::All }
    }

    /// Somebody with a token.
    pub(super) fn of(row: &OperatorRow, store: &Store) -> Result<Self, Fault> {
        Ok(Self {
            id: Some(row.id.clone()),
            hash: Some(row.hash),
            name: row.name.as_str().into(),
            role: row.role,
            account: row.account.clone(),
            scope: store.scope(row.account.as_ref())?,
        })
    }

    /// What it may see.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether its token is still one: a request may have begun before that was ended.
    ///
    /// # Errors
    /// As for a token that is none.
    pub(super) fn check(&self, store: &Store) -> Result<(), Fault> {
        let Some(id) = &self.id else { return Ok(()) };
        let row = store.operator(id)?;
        let is_so = row.revoked_at.is_none() && self.hash == Some(row.hash);
        if is_so { Ok(()) } else { Err(Fault::unauthorized()) }
    }

    pub(super) fn may(&self, permission: Permission) -> bool {
        let is_high_enough = permission.role().is_none_or(|least| self.role >= least);
        is_high_enough && !(permission.is_unlimited() && self.account.is_some())
    }
}
