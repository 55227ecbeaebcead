//! What became of every value of the input: carried over, changed, or not convertible.

use std::fmt::Write as _;

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::Source;
use super::value::Value;

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// the policy says the same
    Carried,
    /// the policy says something near to it
    Changed,
    /// nothing stands for it
    NotConvertible,
}

impl Fate {
    /// In words, as the report and the documentation have it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Carried => "carried over",
            Self::Changed => "changed",
            Self::NotConvertible => "not convertible",
        }
    }
}

/// A value of the input and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// where it stands, such as `Providers[0].models[1]`
    pub path: String,
    /// what became of it
    pub fate: Fate,
    /// as what, how it changed, or why not; never a value that may be a key
    pub note: String,
}

/// An environment variable that the policy reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// its name
    pub name: String,
    /// what has to be in it
    pub holds: String,
}

/// The whole report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// which program the input is of
    pub source: Source,
    /// one line for every value of the input, in its order
    pub lines: Vec<Line>,
    /// behaviour of the other program that was mended on the way
    pub mended: Vec<String>,
    /// what somebody should look at: what may be a mistake of the file, or was changed so that it may
    /// not work as before, and what `check` would warn of, which the policy allows with a comment
    pub advice: Vec<String>,
    /// variables to set before serving
    pub variables: Vec<Variable>,
    /// the variable that holds what clients have to send; None when everybody is served
    pub client_key: Option<String>,
    /// rules without a test: no example of a request was found
    pub untested: Vec<String>,
    /// what this version does not carry out yet, once for each place
    pub unserved: Vec<String>,
    /// whether that stands in the policy as comments
    pub served_only: bool,
}

impl Report {
    /// How many values have this fate.
    #[must_use]
    pub fn count(&self, fate: Fate) -> usize {
        self.lines.iter().filter(|line| line.fate == fate).count()
    }

    /// The report for people, with a line feed at its end.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let width = self.lines.iter().map(|line| line.path.chars().count()).max().unwrap_or(0).min(48);
        for line in &self.lines {
            let sign = match line.fate {
                Fate::Carried => "  ",
                Fate::Changed => "~ ",
                Fate::NotConvertible => "✗ ",
            };
            let _ = writeln!(out, "{sign}{:width$}  {}: {}", line.path, line.fate.words(), line.note);
        }
        section(&mut out, "mended on the way", self.mended.iter().cloned());
        section(
            &mut out,
            "worth a look (what `check` would say of it is allowed by a comment in the policy)",
            self.advice.iter().cloned(),
        );
        let title = if self.served_only {
            "not served yet (left in the policy as comments, or as what is served)"
        } else {
            "not served yet (`serve` refuses the policy; run again with --served-only)"
        };
        section(&mut out, title, counted(&self.unserved));
        section(&mut out, "rules without a test", self.untested.iter().cloned());
        let variables =
            self.variables.iter().map(|variable| format!("export {}=…  # {}", variable.name, variable.holds));
        section(&mut out, "set before serving", variables);
        let _ = writeln!(
            out,
            "\n{}: {} values: {} carried over, {} changed, {} not convertible{}",
            self.source.name(),
            self.lines.len(),
            self.count(Fate::Carried),
            self.count(Fate::Changed),
            self.count(Fate::NotConvertible),
            self.not_served()
        );
        out
    }

    /// The end of the summary: how much is not served, and what to do about it.
    fn not_served(&self) -> String {
        match (self.unserved.len(), self.served_only) {
            (0, _) => String::new(),
            (count, true) => format!("; {count} not served yet: left as comments"),
            (count, false) => format!("; {count} not served yet: run again with --served-only"),
        }
    }
}

/// Each text once, with how often it stands there.
fn counted(texts: &[String]) -> impl Iterator<Item = String> {
    let mut counts: Vec<(&String, usize)> = Vec::new();
    for text in texts {
        match counts.iter_mut().find(|(known, _)| *known == text) {
            Some((_, count)) => *count += 1,
            None => counts.push((text, 1)),
        }
    }
    counts.into_iter().map(|(text, count)| if count == 1 { text.clone() } else { format!("{text} ({count} times)") })
}

fn section(out: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    for (number, line) in lines.enumerate() {
        if number == 0 {
            let _ = writeln!(out, "\n{title}:");
        }
        let _ = writeln!(out, "  {line}");
    }
}

/// A row of a source's table: what becomes of a key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// where it stands: `[]` is any element, `*` any key
    pub path: &'static str,
    /// what becomes of it as a rule
    pub fate: Fate,
    /// as what, how it changes, or why not
    pub note: &'static str,
    /// whether it stands for what is below it too, which has no row of its own
    pub whole: bool,
}

/// Shortens the tables. What is carried over is carried over itself: what stands below it and is
/// not read is not known.
pub(super) const fn key(path: &'static str, fate: Fate, note: &'static str) -> Key {
    Key { path, fate, note, whole: !matches!(fate, Fate::Carried) }
}

/// A row for what is carried over with everything below it.
pub(super) const fn tree(path: &'static str, note: &'static str) -> Key {
    Key { path, fate: Fate::Carried, note, whole: true }
}

/// What is noted while the input is read. A note on a path holds for everything below it that has
/// no note of its own.
#[derive(Debug, Default)]
pub(super) struct Notes {
    entries: FxHashMap<String, (Fate, String)>,
    pub(super) mended: Vec<String>,
    pub(super) looks: Vec<String>,
    pub(super) variables: Vec<Variable>,
}

impl Notes {
    pub(super) fn carried(&mut self, path: &str, note: impl Into<String>) {
        self.entries.insert(path.to_owned(), (Fate::Carried, note.into()));
    }

    pub(super) fn changed(&mut self, path: &str, note: impl Into<String>) {
        self.entries.insert(path.to_owned(), (Fate::Changed, note.into()));
    }

    /// Notes what is worth a look although it was carried over in some way; the report shows it apart.
    pub(super) fn look(&mut self, what: String) {
        if !self.looks.contains(&what) {
            self.looks.push(what);
        }
    }

    /// What this version does not carry out yet is a comment: the notes say so.
    pub(super) fn unserved_are_comments(&mut self) {
        for (_, note) in self.entries.values_mut() {
            *note =
                note.replace("which this version does not carry out yet", "left as a comment: it is not served yet");
        }
    }

    pub(super) fn lost(&mut self, path: &str, note: impl Into<String>) {
        self.entries.insert(path.to_owned(), (Fate::NotConvertible, note.into()));
    }

    /// Notes once that another behaviour was mended.
    pub(super) fn mend(&mut self, what: &str) {
        if !self.mended.iter().any(|known| known == what) {
            self.mended.push(what.to_owned());
        }
    }

    /// Notes once that a variable has to be set.
    pub(super) fn needs(&mut self, name: &str, holds: String) {
        if !self.variables.iter().any(|known| known.name == name) {
            self.variables.push(Variable { name: name.to_owned(), holds });
        }
    }

    /// One line for every value: the nearest note, else the table's row, else that nobody knows it.
    pub(super) fn lines(&self, input: &Value, table: &[Key]) -> Vec<Line> {
        let mut lines = Vec::new();
        self.walk(input, &mut vec![Step { path: String::new(), pattern: String::new() }], table, &mut lines);
        lines
    }

    fn walk(&self, value: &Value, steps: &mut Vec<Step>, table: &[Key], lines: &mut Vec<Line>) {
        let above = steps.last().cloned().unwrap_or_default();
        match value {
            Value::List(items) if !items.is_empty() => {
                for (number, item) in items.iter().enumerate() {
                    let path = element(&above.path, number);
                    steps.push(Step { path, pattern: format!("{}[]", above.pattern) });
                    self.walk(item, steps, table, lines);
                    steps.pop();
                }
            }
            Value::Map(members) if !members.is_empty() => {
                for (key, member) in members {
                    steps.push(Step { path: child(&above.path, key), pattern: child(&above.pattern, key) });
                    self.walk(member, steps, table, lines);
                    steps.pop();
                }
            }
            _ => lines.push(self.line(steps, table)),
        }
    }

    fn line(&self, steps: &[Step], table: &[Key]) -> Line {
        let path = steps.last().map(|step| step.path.clone()).unwrap_or_default();
        // What is left out as a whole is left out in every part, whatever was read of a part before.
        let mut noted = steps.iter().rev().filter_map(|step| self.entries.get(&step.path));
        let left_out =
            steps.iter().filter_map(|step| self.entries.get(&step.path)).find(|entry| entry.0 == Fate::NotConvertible);
        if let Some((fate, note)) = left_out.or_else(|| noted.next()) {
            return Line { path, fate: *fate, note: note.clone() };
        }
        for (above, step) in steps.iter().rev().enumerate() {
            let stands = |row: &&Key| (above == 0 || row.whole) && fits(row.path, &step.pattern);
            if let Some(row) = table.iter().find(stands) {
                return Line { path, fate: row.fate, note: row.note.to_owned() };
            }
        }
        Line { path, fate: Fate::NotConvertible, note: "not known to this program".to_owned() }
    }
}

#[derive(Clone, Debug, Default)]
struct Step {
    path: String,
    /// the path with `[]` for every index
    pattern: String,
}

/// Whether a path without indices is what a table's row names. What stands below `targets` has the
/// keys of the whole.
fn fits(row: &str, pattern: &str) -> bool {
    let mut pattern = pattern;
    while let Some(inner) = pattern.strip_prefix("targets[].") {
        pattern = inner;
    }
    if !row.contains('*') {
        return row == pattern;
    }
    let (rows, patterns): (Vec<&str>, Vec<String>) = (row.split('.').collect(), segments(pattern));
    rows.len() == patterns.len()
        && rows.iter().zip(&patterns).all(|(row, found)| *row == "*" && !found.ends_with("[]") || row == found)
}

/// The parts of a path; dots inside a quoted key do not count.
fn segments(path: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for letter in path.chars() {
        quoted ^= letter == '"';
        if letter == '.' && !quoted {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(letter);
        }
    }
    parts
}

/// The path of a member.
pub(super) fn child(path: &str, key: &str) -> String {
    let plain = !key.is_empty()
        && key.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '$' | '@'));
    let shown = if plain {
        key.to_owned()
    } else {
        let safe: String =
            key.chars().map(|letter| if letter.is_control() || letter == '"' { '?' } else { letter }).collect();
        format!("\"{safe}\"")
    };
    if path.is_empty() { shown } else { format!("{path}.{shown}") }
}

/// The path of an element.
pub(super) fn element(path: &str, number: usize) -> String {
    format!("{path}[{number}]")
}
