//! Signatures and sealed reasoning: bytes that only the deployment that made them can read.

use super::Text;

/// Which deployment signed, as a hash of its identity that the gateway chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Issuer(pub u64);

/// An opaque mark of a model's own reasoning, with the deployment that made it where that is known.
///
/// Towards a caller of another dialect the issuer is written in front of it (`rl1-`, sixteen hex digits, `-`), so
/// that it comes back with the conversation and no table of the gateway has to remember it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    pub text: Text<'a>,
    pub issuer: Option<Issuer>,
}

const MARK: &str = "rl1-";
const MARK_AFTER: &str = "rl1p-";
const MARK_LENGTH: usize = MARK.len() + 16 + 1;

impl<'a> Signature<'a> {
    /// Reads one as it stands on the wire.
    pub fn read(text: Text<'a>) -> Self {
        match Self::mark_of(text.written()) {
            Some((issuer, mark)) => {
                let length = text.written().len();
                Self { text: text.slice(mark..length), issuer: Some(issuer) }
            }
            None => Self { text, issuer: None },
        }
    }

    /// The issuer that is written in front of one, and how many bytes that takes.
    pub(crate) fn mark_of(written: &str) -> Option<(Issuer, usize)> {
        let (digits, rest) = written.strip_prefix(MARK)?.split_at_checked(16)?;
        rest.strip_prefix('-')?;
        Some((Issuer(u64::from_str_radix(digits, 16).ok()?), MARK_LENGTH))
    }

    /// Writes it for whoever keeps the conversation.
    pub fn marked(&self) -> Text<'_> {
        match self.issuer {
            Some(Issuer(issuer)) => {
                let mut text = Text::plain(format!("{MARK}{issuer:016x}-"));
                text.push(&self.text);
                text
            }
            None => self.text.share(),
        }
    }

    /// Reads one that stands as a block of its own after the part it belongs to.
    pub(crate) fn read_after_part(text: &Text<'a>) -> Option<Self> {
        let (issuer, rest) = text.written().strip_prefix(MARK_AFTER)?.split_at_checked(16)?;
        let issuer = u64::from_str_radix(issuer, 16).ok()?;
        rest.strip_prefix('-')?;
        let text = text.slice(MARK_AFTER.len() + 17..text.written().len());
        Some(Self { text, issuer: (issuer != 0).then_some(Issuer(issuer)) })
    }

    /// Whether this is how a signature with its issuer begins, in whichever place.
    pub(crate) fn is_marked(written: &str) -> bool {
        written.starts_with(MARK) || written.starts_with(MARK_AFTER)
    }

    /// Writes it as a block of its own: for dialects that sign only thoughts, and tools and texts of others that do.
    pub(crate) fn marked_after_part(&self) -> Text<'static> {
        let mut text = Text::plain(format!("{MARK_AFTER}{:016x}-", self.issuer.map_or(0, |Issuer(issuer)| issuer)));
        text.push(&self.text);
        text.into_owned()
    }

    pub fn into_owned(self) -> Signature<'static> {
        Signature { text: self.text.into_owned(), issuer: self.issuer }
    }

    pub fn share(&self) -> Signature<'_> {
        Signature { text: self.text.share(), issuer: self.issuer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_signature_reads_back() {
        let signature = Signature { text: "Ep+/A==".into(), issuer: Some(Issuer(0xbeef)) };
        let marked = signature.marked().into_owned();
        assert_eq!(marked.written(), "rl1-000000000000beef-Ep+/A==");
        assert_eq!(Signature::read(marked), signature);
        for bare in ["", "rl1-", "rl1-000000000000beef", "rl1-00000000000zbeef-x", "rl1-0000000000é00beef-x"] {
            assert_eq!(Signature::read(bare.into()), Signature { text: bare.into(), issuer: None });
        }
    }
}
