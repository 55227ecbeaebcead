//! Reads `src/` and holds the house rules that a compiler does not: rooms look only downwards,
//! pure rooms stay pure, files and functions stay small.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest file in lines, its tests left out.
const MAX_FILE_LINES: usize = 500;
/// Longest function in lines.
const MAX_FUNCTION_LINES: usize = 70;

/// Every room and its level. A room may use rooms of lower levels, and itself.
const ROOMS: &[(&str, u8)] = &[
    ("bounds", 0),
    ("diag", 0),
    ("facts", 0),
    ("dsl", 1),
    ("compile", 2),
    ("engine", 3),
    ("protocol", 3),
    ("prove", 4),
    ("record", 4),
    ("files", 4),
    ("cache", 4),
    ("sessions", 4),
    ("mock", 4),
    ("metrics", 4),
    ("upstream", 4),
    ("lint", 5),
    ("graph", 5),
    ("trial", 6),
    ("import", 6),
    ("gateway", 6),
    ("lsp", 6),
    ("cli", 7),
];

/// Rooms that do no I/O, read no clock and hold no lock.
const PURE: &[&str] = &[
    "bounds", "diag", "facts", "dsl", "compile", "engine", "protocol", "prove", "record", "lint", "graph", "trial",
    "import",
];

/// What a pure room never names.
const IMPURE: &[&str] = &[
    "tokio::",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread::spawn",
    "Instant::now",
    "SystemTime::now",
    "Utc::now",
    "Local::now",
    "Mutex",
    "RwLock",
    "async fn",
    ".await",
    "rand::",
];

struct SourceFile {
    path: PathBuf,
    room: String,
    /// the lines, in-file tests left out
    code: Vec<String>,
}

fn sources() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut pending = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(dir) = pending.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("tests") {
                    pending.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                found.push(read(&root, path));
            }
        }
    }
    assert!(found.len() > 20, "the walk over src/ found only {} files", found.len());
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn read(root: &Path, path: PathBuf) -> SourceFile {
    let text = fs::read_to_string(&path).unwrap();
    let code = without_tests(&text);
    let first = path.strip_prefix(root).unwrap().components().next().unwrap().as_os_str();
    let room = Path::new(first).file_stem().unwrap().to_str().unwrap().to_owned();
    SourceFile { path: path.strip_prefix(root.parent().unwrap()).unwrap().to_owned(), room, code }
}

/// The lines before the file's own tests. `#[cfg(test)]` before anything else (`mod tests;`, a `use`)
/// takes only what it stands before.
fn without_tests(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let opens = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{');
    let end = lines.windows(2).position(opens).unwrap_or(lines.len());
    lines[..end].iter().map(|line| (*line).to_owned()).collect()
}

/// The code part of a line: no comment, no doc.
fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or("")
}

/// The rooms that the code names through `crate::`, with their lines; `use crate::{a, b::c}` too.
fn rooms_named(code: &[String]) -> Vec<(usize, String)> {
    let text = code.iter().map(|line| without_comment(line)).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, path) in text.match_indices("crate::") {
        let line = text[..at].matches('\n').count() + 1;
        let rest = &text[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(first_names(group).into_iter().map(|name| (line, name))),
            None => found.push((line, word(rest))),
        }
    }
    found
}

/// The first word of each member of a group whose opening brace has been read.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut begins, mut names) = (1, true, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => begins = true,
            _ if begins && !letter.is_whitespace() => {
                names.push(word(&group[at..]));
                begins = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect()
}

fn report(problems: &[String]) {
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn every_room_has_a_level() {
    let levels: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    let unknown: Vec<_> = sources()
        .iter()
        .filter(|file| !["lib", "main"].contains(&file.room.as_str()) && !levels.contains_key(file.room.as_str()))
        .map(|file| format!("{}: room `{}` has no level in tests/tidy.rs", file.path.display(), file.room))
        .collect();
    report(&unknown);
}

#[test]
fn rooms_look_only_downwards() {
    let levels: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    let mut problems = Vec::new();
    for file in sources() {
        let Some(own) = levels.get(file.room.as_str()) else { continue };
        for (line, named) in rooms_named(&file.code) {
            let Some(level) = levels.get(named.as_str()) else { continue };
            if named != file.room && level >= own && !(*own == 0 && named == "bounds") {
                problems.push(format!("{}:{line}: `{}` may not use `{named}`", file.path.display(), file.room));
            }
        }
    }
    report(&problems);
}

#[test]
fn pure_rooms_stay_pure() {
    let mut problems = Vec::new();
    for file in sources().iter().filter(|file| PURE.contains(&file.room.as_str())) {
        for (number, line) in file.code.iter().enumerate() {
            for word in IMPURE.iter().filter(|word| without_comment(line).contains(**word)) {
                problems.push(format!("{}:{}: `{word}` in a pure room", file.path.display(), number + 1));
            }
        }
    }
    report(&problems);
}

#[test]
fn only_the_command_line_prints_and_exits() {
    let mut problems = Vec::new();
    for file in sources().iter().filter(|file| !["cli", "main"].contains(&file.room.as_str())) {
        for (number, line) in file.code.iter().enumerate() {
            for word in ["println!", "eprintln!", "print!(", "process::exit"] {
                if without_comment(line).contains(word) {
                    problems.push(format!("{}:{}: `{word}`", file.path.display(), number + 1));
                }
            }
        }
    }
    report(&problems);
}

#[test]
fn files_are_small() {
    let long: Vec<_> = sources()
        .iter()
        .filter(|file| file.code.len() > MAX_FILE_LINES)
        .map(|file| format!("{}: {} lines", file.path.display(), file.code.len()))
        .collect();
    report(&long);
}

#[test]
fn functions_are_short() {
    let mut problems = Vec::new();
    for file in sources() {
        for (start, line) in file.code.iter().enumerate() {
            let Some(name) = function_name(line) else { continue };
            let closing = format!("{}}}", " ".repeat(line.len() - line.trim_start().len()));
            let Some(length) = file.code.iter().skip(start).position(|later| *later == closing) else { continue };
            if length + 1 > MAX_FUNCTION_LINES {
                problems.push(format!("{}:{}: `{name}` has {} lines", file.path.display(), start + 1, length + 1));
            }
        }
    }
    report(&problems);
}

/// The name of the function whose head starts on this line and whose body is not on one line.
fn function_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().peekable();
    while let Some(word) = words.peek() {
        if *word == "fn" {
            let name = words.nth(1)?;
            let one_line = line.trim_end().ends_with('}') || line.trim_end().ends_with(';');
            return (!one_line).then(|| name.split(['(', '<']).next().unwrap_or(name));
        }
        if !(word.starts_with("pub") || ["const", "async", "unsafe", "extern"].contains(word)) {
            return None;
        }
        words.next();
    }
    None
}

#[test]
fn the_reader_sees_grouped_imports_and_code_behind_a_test_module_s_name() {
    let code = without_tests(
        "use a;\n#[cfg(test)]\nmod tests;\nuse crate::{cli, dsl::{self, x}};\n#[cfg(test)]\nmod t {\n}\n",
    );
    let names: Vec<String> = rooms_named(&code).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["cli", "dsl"]);
}

#[test]
fn every_module_says_what_it_is() {
    let silent: Vec<_> = sources()
        .iter()
        .filter(|file| !file.code.first().is_some_and(|line| line.starts_with("//!")))
        .map(|file| format!("{}: no module doc", file.path.display()))
        .collect();
    report(&silent);
}
