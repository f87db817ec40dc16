//! What is wrong with a configuration, where, and what to write instead.

use std::fmt;

use serde::Serialize;

/// One fault. Neither this nor its `Debug` ever holds a resolved value: what a variable or a file gave stays out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// The file as the operator named it, or `environment`.
    pub file: String,
    /// Line, from 1; 0 when the fault has no place in a file.
    pub line: usize,
    /// Column in characters, from 1; 0 when the fault has no place in a file.
    pub column: usize,
    /// The key: `pools.assistant.strategy`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead, where that can be said.
    pub instead: Option<String>,
}

/// Every fault of one configuration, in the order of the file. Never empty when returned as an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Complaints {
    faults: Vec<Complaint>,
    #[serde(skip)]
    warnings: Vec<Complaint>,
}

impl Complaint {
    /// A fault of a whole file or of the environment.
    pub(super) fn of_whole(file: &str, message: String, instead: Option<String>) -> Self {
        Self { file: file.to_owned(), line: 0, column: 0, path: String::new(), message, instead }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(instead) = &self.instead {
            write!(f, "\n  {instead}")?;
        }
        Ok(())
    }
}

impl Complaints {
    /// Puts the faults in the order of the file.
    pub(super) fn new(faults: Vec<Complaint>) -> Self {
        Self { faults: in_order(faults), warnings: Vec::new() }
    }

    /// The same, with what would be warned of besides; in the order of the file as well.
    pub(super) fn beside(self, warnings: Vec<Complaint>) -> Self {
        Self { warnings, ..self }
    }

    /// What deserves a second look besides the faults.
    pub fn warnings(&self) -> &[Complaint] {
        &self.warnings
    }

    /// The faults.
    pub fn iter(&self) -> std::slice::Iter<'_, Complaint> {
        self.faults.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.faults.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }
}

/// In the order of the file.
pub(super) fn in_order(mut complaints: Vec<Complaint>) -> Vec<Complaint> {
    complaints.sort_by_key(|complaint| (complaint.line, complaint.column));
    complaints
}

impl<'a> IntoIterator for &'a Complaints {
    type Item = &'a Complaint;
    type IntoIter = std::slice::Iter<'a, Complaint>;

    fn into_iter(self) -> Self::IntoIter {
        self.faults.iter()
    }
}

impl std::error::Error for Complaints {}

/// One paragraph a fault.
impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, complaint) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            complaint.fmt(f)?;
        }
        Ok(())
    }
}

/// The candidate that `word` was probably meant to be: at most a third of its letters wrong, swapped letters counting once.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
    let allowed = (word.len() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.chars().collect::<Vec<_>>()), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Whether one letter, or two neighbours that changed places, make one of the other.
pub(super) fn is_a_slip(a: &str, b: &str) -> bool {
    let [a, b] = [a, b].map(|word| word.chars().collect::<Vec<_>>());
    distance(&a, &b) == 1
}

/// Edit distance with neighbouring letters swapped as one edit (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}
