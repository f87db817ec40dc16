//! The rules of the house that no compiler checks. What fails here says what to do.

use std::{
    fs,
    path::{Path, PathBuf},
};

mod configurations;
mod papers;
mod rooms;
mod sources;

/// A text file of the house.
struct Paper {
    /// From the house's root, with `/`.
    path: String,
    text: String,
}

impl Paper {
    fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }

    /// Its lines with their numbers, counted from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// The root of the repository.
fn house() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(house().join(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

/// Every text file of the house in order, but for what `.gitignore` names and hidden folders other than `.ci`.
fn papers() -> Vec<Paper> {
    let ignored = read(".gitignore");
    let ignored: Vec<&str> = ignored.lines().map(|line| line.trim_matches('/')).collect();
    let mut papers = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(house().join(&folder)).expect("a folder can be listed") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            if ignored.contains(&name.as_str()) || (name.starts_with('.') && name != ".ci") {
                continue;
            }
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if entry.path().is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(entry.path()) {
                papers.push(Paper { path, text });
            }
        }
    }
    papers.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(papers.len() > 100, "the walk found {} files only: {:?}", papers.len(), house());
    papers
}

/// Every file of that extension.
fn papers_of(extension: &str) -> Vec<Paper> {
    papers().into_iter().filter(|paper| paper.is(extension)).collect()
}

/// Fails with what to do about the faults, and where they are.
#[track_caller]
fn check(faults: &[String], what_to_do: &str) {
    assert!(faults.is_empty(), "{what_to_do}\n  {}", faults.join("\n  "));
}
