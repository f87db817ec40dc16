//! API keys in the store: what is known of them, and the keyed hash of each.

use roundelay_ledger::{AccountId, ApiKey, KeyId};
use rusqlite::{ErrorCode, OptionalExtension, Row};

use super::{Store, StoreFault};

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// What is known of it.
    pub key: ApiKey,
    /// The keyed hash of the whole key.
    pub hash: [u8; 32],
}

impl Store {
    /// Adds a key. Errors with `Exists` when its id is taken, with `Missing` when its account is not there.
    pub fn create_key(&self, row: &KeyRow) -> Result<(), StoreFault> {
        let key = &row.key;
        let allowed = key.allowed.as_ref().map(|list| serde_json::json!(list).to_string());
        let added = self.writer().execute(
            "INSERT INTO api_keys (id, account, name, hash, allowed, created_at, expires_at, revoked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            (
                key.id.as_str(),
                key.account.as_str(),
                &key.name,
                &row.hash,
                allowed,
                key.created_at,
                key.expires_at,
                key.revoked_at,
            ),
        );
        match added {
            Ok(0) => Err(StoreFault::Exists { what: "key", name: key.id.to_string() }),
            Ok(_) => Ok(()),
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
        rows.map(|row| row?.key_row()).collect()
    }

    /// Revokes a key at `now` (unix seconds) and says what is known of it now. A key that was revoked before keeps
    /// its first time. Errors with `Missing` when there is no such key.
    pub fn revoke_key(&self, id: &KeyId, now: i64) -> Result<ApiKey, StoreFault> {
        let writer = self.writer();
        writer
            .execute("UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1", (id.as_str(), now))?;
        let row = writer.query_row(&format!("{SELECT} WHERE id = ?1"), [id.as_str()], Columns::read).optional()?;
        match row {
            Some(columns) => Ok(columns.key_row()?.key),
            None => Err(StoreFault::Missing { what: "key", name: id.to_string() }),
        }
    }
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
        })
    }

    fn key_row(self) -> Result<KeyRow, StoreFault> {
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
        Ok(KeyRow { key, hash: self.hash })
    }
}

const SELECT: &str = "SELECT id, account, name, hash, allowed, created_at, expires_at, revoked_at FROM api_keys";
