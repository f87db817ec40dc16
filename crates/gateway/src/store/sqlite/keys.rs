//! API keys in the store: what is known of them, and the keyed hash of each.

use roundelay_ledger::{AccountId, ApiKey, KeyId, Limits};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};

use super::{
    Store, StoreFault,
    limits::{self, LimitsReader},
};
use crate::{common::network::Network, config::OnDisconnect};

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// What is known of it.
    pub key: ApiKey,
    /// What may be used with it.
    pub limits: Limits,
    /// What becomes of an answer whose caller has gone; `None` is what the gateway does otherwise.
    pub on_disconnect: Option<OnDisconnect>,
    /// Where it may be used from; `None` is anywhere.
    pub networks: Option<Vec<Network>>,
    /// The keyed hash of the whole key.
    pub hash: [u8; 32],
}

/// All that can be changed of a key, as it is to be from now on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyChange {
    /// The models and pools it may ask for; `None` allows all.
    pub allowed: Option<Vec<String>>,
    /// The first second, since 1970-01-01 UTC, at which it no longer works; `None` is never.
    pub expires_at: Option<i64>,
    /// What may be used with it.
    pub limits: Limits,
    /// What becomes of an answer whose caller has gone.
    pub on_disconnect: Option<OnDisconnect>,
    /// Where it may be used from; `None` is anywhere.
    pub networks: Option<Vec<Network>>,
}

impl Store {
    /// Adds a key. Errors with `Exists` when its id is taken, with `Missing` when its account is not there.
    pub fn create_key(&self, row: &KeyRow) -> Result<(), StoreFault> {
        let key = &row.key;
        let writer = self.writer()?;
        let transaction = writer.unchecked_transaction()?;
        let added = transaction.execute(
            "INSERT INTO api_keys
                 (id, account, name, hash, allowed, created_at, expires_at, revoked_at, limits, on_disconnect,
                  networks)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING",
            (
                key.id.as_str(),
                key.account.as_str(),
                &key.name,
                &row.hash,
                list_text(key.allowed.as_deref()),
                key.created_at,
                key.expires_at,
                key.revoked_at,
                limits::text(&row.limits),
                row.on_disconnect.map(OnDisconnect::label),
                networks_text(row.networks.as_deref()),
            ),
        );
        match added {
            Ok(0) => Err(StoreFault::Exists { what: "key", name: key.id.to_string() }),
            Ok(_) => {
                self.tell_done(&transaction)?;
                Ok(transaction.commit()?)
            }
            // The foreign key is the only constraint a well-formed row can break.
            Err(rusqlite::Error::SqliteFailure(fault, _)) if fault.code == ErrorCode::ConstraintViolation => {
                Err(StoreFault::Missing { what: "account", name: key.account.to_string() })
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Every key, revoked ones too, oldest first.
    pub fn keys(&self) -> Result<Vec<KeyRow>, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached(&format!("{SELECT} ORDER BY created_at, id"))?;
        let rows = statement.query_map([], Columns::read)?;
        let mut limits = LimitsReader::default();
        rows.map(|row| row?.key_row(&mut limits)).collect()
    }

    /// The key of that id. Errors with `Missing` when there is none.
    pub fn key(&self, id: &KeyId) -> Result<KeyRow, StoreFault> {
        key_in(&self.reader(), id)
    }

    /// Changes a key and says what is known of it now; a revoked key stays revoked. Errors with `Missing` when there
    /// is no such key.
    pub fn change_key(&self, id: &KeyId, change: &KeyChange) -> Result<KeyRow, StoreFault> {
        let writer = self.writer()?;
        let transaction = writer.unchecked_transaction()?;
        transaction.execute(
            "UPDATE api_keys SET allowed = ?2, expires_at = ?3, limits = ?4, on_disconnect = ?5, networks = ?6
             WHERE id = ?1",
            (
                id.as_str(),
                list_text(change.allowed.as_deref()),
                change.expires_at,
                limits::text(&change.limits),
                change.on_disconnect.map(OnDisconnect::label),
                networks_text(change.networks.as_deref()),
            ),
        )?;
        let row = key_in(&transaction, id)?;
        self.tell_done(&transaction)?;
        transaction.commit()?;
        Ok(row)
    }

    /// Revokes a key at `now` (unix seconds) and says what is known of it now. A key that was revoked before keeps
    /// its first time. Errors with `Missing` when there is no such key.
    pub fn revoke_key(&self, id: &KeyId, now: i64) -> Result<ApiKey, StoreFault> {
        let writer = self.writer()?;
        let transaction = writer.unchecked_transaction()?;
        transaction
            .execute("UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1", (id.as_str(), now))?;
        let key = key_in(&transaction, id)?.key;
        self.tell_done(&transaction)?;
        transaction.commit()?;
        Ok(key)
    }
}

fn key_in(connection: &Connection, id: &KeyId) -> Result<KeyRow, StoreFault> {
    let row = connection.query_row(&format!("{SELECT} WHERE id = ?1"), [id.as_str()], Columns::read).optional()?;
    let columns = row.ok_or_else(|| StoreFault::Missing { what: "key", name: id.to_string() })?;
    columns.key_row(&mut LimitsReader::default())
}

fn list_text(list: Option<&[String]>) -> Option<String> {
    list.map(|list| serde_json::json!(list).to_string())
}

fn networks_text(networks: Option<&[Network]>) -> Option<String> {
    networks.map(|networks| networks.iter().map(Network::to_string).collect::<serde_json::Value>().to_string())
}

fn read_networks(text: &str) -> Option<Vec<Network>> {
    let networks: Vec<String> = serde_json::from_str(text).ok()?;
    networks.iter().map(|network| network.parse().ok()).collect()
}

struct Columns {
    id: String,
    account: String,
    name: String,
    hash: [u8; 32],
    allowed: Option<String>,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    limits: Option<String>,
    on_disconnect: Option<String>,
    networks: Option<String>,
}

impl Columns {
    fn read(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            id: row.get(0)?,
            account: row.get(1)?,
            name: row.get(2)?,
            hash: row.get(3)?,
            allowed: row.get(4)?,
            created_at: row.get(5)?,
            expires_at: row.get(6)?,
            revoked_at: row.get(7)?,
            limits: row.get(8)?,
            on_disconnect: row.get(9)?,
            networks: row.get(10)?,
        })
    }

    fn key_row(self, limits: &mut LimitsReader) -> Result<KeyRow, StoreFault> {
        let account = AccountId::new(&self.account).map_err(|_| StoreFault::Corrupt { what: "account id" })?;
        let list = |text: String| serde_json::from_str(&text).map_err(|_| StoreFault::Corrupt { what: "model list" });
        let key = ApiKey {
            id: KeyId::new(self.id),
            account,
            name: self.name,
            allowed: self.allowed.map(list).transpose()?,
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
        };
        let word = |text: String| OnDisconnect::from_label(&text).ok_or(StoreFault::Corrupt { what: "word of a key" });
        let on_disconnect = self.on_disconnect.map(word).transpose()?;
        // One that cannot be read must not let in the whole world.
        let networks = |text: String| read_networks(&text).ok_or(StoreFault::Corrupt { what: "network of a key" });
        let networks = self.networks.map(networks).transpose()?;
        Ok(KeyRow { key, limits: limits.read(self.limits.as_deref())?, on_disconnect, networks, hash: self.hash })
    }
}

const SELECT: &str = "
    SELECT id, account, name, hash, allowed, created_at, expires_at, revoked_at, limits, on_disconnect, networks FROM api_keys";
