//! The pepper: the key of every stored hash, in a file of its own, so that a copy of the store alone is worth nothing.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// 32 random bytes, made at the first start. Losing the file makes every key unusable; no key can be recovered from it.
#[derive(Clone)]
pub struct Pepper([u8; LEN]);

impl Pepper {
    /// Reads `DATA/pepper`, making it first (and the folder) where it is missing, readable by its owner only.
    ///
    /// Errors when the file cannot be read or made, or is not 64 hexadecimal digits: a damaged one is never replaced,
    /// since that would end every key.
    pub fn open(dir: &Path) -> Result<Self, PepperFault> {
        let path = dir.join("pepper");
        let fault = |source| PepperFault::File { path: path.clone(), source };
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text).ok_or(PepperFault::Damaged { path }),
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => {
                create(dir, &path).map_err(fault)?;
                // Whoever was first decides, also when two programs start at once.
                let text = fs::read_to_string(&path).map_err(fault)?;
                Self::parse(&text).ok_or(PepperFault::Damaged { path })
            }
            Err(other) => Err(fault(other)),
        }
    }

    /// The keyed hash of a credential.
    pub(super) fn hash(&self, credential: &str) -> blake3::Hash {
        blake3::keyed_hash(&self.0, credential.as_bytes())
    }

    /// A key of its own for what the context names.
    pub(super) fn derive(&self, context: &str) -> [u8; LEN] {
        blake3::derive_key(context, &self.0)
    }

    fn parse(text: &str) -> Option<Self> {
        // `Hash` is used for its hexadecimal form only.
        blake3::Hash::from_hex(text.trim_ascii()).ok().map(|bytes| Self(*bytes.as_bytes()))
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(***)")
    }
}

/// Why there is no pepper.
#[derive(Debug, thiserror::Error)]
pub enum PepperFault {
    /// The file cannot be read or made.
    #[error("the pepper {} cannot be used: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not a pepper.
    #[error("the pepper {} is not 64 hexadecimal digits: restore it from a backup, or delete it and every key", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

/// Written whole under another name and linked into place, so that no crash leaves half a pepper and no second
/// program overwrites the first one's.
fn create(dir: &Path, path: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let mut bytes = [0; LEN];
    getrandom::fill(&mut bytes)?;
    // Process numbers would not do: in containers that share a folder each is 1.
    let mut name = [0; 8];
    getrandom::fill(&mut name)?;
    let draft = dir.join(format!("pepper.{:016x}", u64::from_le_bytes(name)));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    writeln!(file, "{}", blake3::Hash::from_bytes(bytes).to_hex())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

const LEN: usize = 32;
