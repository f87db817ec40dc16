//! Single values in the store.

use rusqlite::OptionalExtension;

use super::{Store, StoreFault};

impl Store {
    /// The bytes kept under `name`.
    pub fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        let reader = self.reader();
        let mut statement = reader.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    /// Keeps `value` under `name` unless something is kept there, and says whether it did.
    pub fn keep_first_value(&self, name: &str, value: &[u8]) -> Result<bool, StoreFault> {
        let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        Ok(self.writer()?.execute(sql, (name, value))? == 1)
    }

    /// Keeps `value` under `name` instead of what was there.
    pub fn replace_value(&self, name: &str, value: &[u8]) -> Result<(), StoreFault> {
        let sql = "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";
        self.writer()?.execute(sql, (name, value))?;
        Ok(())
    }
}
