//! For code scanning: SARIF 2.1.0, the part that its readers use. Lines and columns count from 1,
//! columns in code points, as `columnKind` says.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::masked::Masked;
use super::position::Positions;
use crate::diag::pages;
use crate::diag::{Code, Diagnostic, Edit, Label, Severity, Sources, Span};

/// All findings as one SARIF log with one run, with a line feed behind it. Its rules are the codes
/// that occur, each with its page as help.
#[must_use]
pub fn sarif(findings: &[Diagnostic], sources: &Sources) -> String {
    let masked = Masked::new(findings, sources);
    let mut writer = Writer {
        // Columns are those of the author's text; what is hashed shows no key.
        positions: Positions::new(sources),
        shown: Positions::new(&masked.sources),
        rules: BTreeMap::new(),
        seen: FxHashMap::default(),
    };
    for code in findings.iter().map(|finding| finding.code) {
        writer.rules.insert(code, 0);
    }
    for (number, index) in writer.rules.values_mut().enumerate() {
        *index = number;
    }
    let results: Vec<Value> = masked.findings.iter().map(|finding| writer.result(finding)).collect();
    let rules: Vec<Value> = writer.rules.keys().map(|code| rule(*code)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": env!("CARGO_PKG_NAME"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    let mut out = serde_json::to_string_pretty(&log).unwrap_or_default();
    out.push('\n');
    out
}

fn rule(code: Code) -> Value {
    let title = code.entry().map_or("", |entry| entry.title);
    let page = pages::page(code.as_str()).unwrap_or(title);
    json!({
        "id": code.as_str(),
        "shortDescription": { "text": title },
        "help": { "text": page, "markdown": page },
        "defaultConfiguration": { "level": level(code.severity()) },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

struct Writer<'a> {
    positions: Positions<'a>,
    shown: Positions<'a>,
    rules: BTreeMap<Code, usize>,
    /// how often a fingerprint has been used, because equal lines may have equal findings
    seen: FxHashMap<String, usize>,
}

impl Writer<'_> {
    fn result(&mut self, finding: &Diagnostic) -> Value {
        let mut text = finding.message.clone();
        for line in finding.notes.iter().cloned().chain(finding.help.iter().map(|help| format!("help: {help}"))) {
            text.push('\n');
            text.push_str(&line);
        }
        let mut result = json!({
            "ruleId": finding.code.as_str(),
            "ruleIndex": self.rules.get(&finding.code).copied().unwrap_or_default(),
            "level": level(finding.severity),
            "message": { "text": text },
            "partialFingerprints": { "findingAndLine/v1": self.fingerprint(finding) },
        });
        let Some(members) = result.as_object_mut() else { return result };
        if let Some(primary) = &finding.primary {
            members.insert("locations".to_owned(), json!([self.location(primary, None)]));
        }
        if !finding.secondary.is_empty() {
            let related: Vec<Value> =
                finding.secondary.iter().zip(1..).map(|(label, id)| self.location(label, Some(id))).collect();
            members.insert("relatedLocations".to_owned(), json!(related));
        }
        if let Some(fix) = &finding.fix {
            let changes = self.changes(&fix.edits);
            members.insert(
                "fixes".to_owned(),
                json!([{ "description": { "text": fix.title }, "artifactChanges": changes }]),
            );
        }
        result
    }

    /// The same for a finding whose line only moved: code, file and the line's text, not its number.
    fn fingerprint(&mut self, finding: &Diagnostic) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut part = |text: &str| {
            hasher.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(text.as_bytes());
        };
        part(finding.code.as_str());
        match &finding.primary {
            Some(primary) => {
                part(&uri(self.shown.path(primary.span)));
                let line = self.shown.lines_around(Span { end: primary.span.start, ..primary.span });
                part(line.map_or("", |(text, ..)| text.trim()));
            }
            None => part(&finding.message),
        }
        let hash: String = hasher.finalize().to_hex().chars().take(16).collect();
        let count = self.seen.entry(hash.clone()).or_default();
        *count += 1;
        format!("{hash}:{count}")
    }

    fn location(&self, label: &Label, id: Option<usize>) -> Value {
        let mut location = json!({
            "physicalLocation": {
                "artifactLocation": { "uri": uri(self.positions.path(label.span)) },
                "region": self.region(label.span),
            },
        });
        if let Some(members) = location.as_object_mut() {
            if let Some(id) = id {
                members.insert("id".to_owned(), json!(id));
            }
            if !label.text.is_empty() {
                members.insert("message".to_owned(), json!({ "text": label.text }));
            }
        }
        location
    }

    fn region(&self, span: Span) -> Value {
        let (start, end) = (self.positions.start(span), self.positions.end(span));
        json!({
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
        })
    }

    /// The edits of a fix, file by file.
    fn changes(&self, edits: &[Edit]) -> Vec<Value> {
        let mut files: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for edit in edits {
            let replacement =
                json!({ "deletedRegion": self.region(edit.span), "insertedContent": { "text": edit.text } });
            files.entry(uri(self.positions.path(edit.span))).or_default().push(replacement);
        }
        let change = |(file, replacements): (String, Vec<Value>)| json!({ "artifactLocation": { "uri": file }, "replacements": replacements });
        files.into_iter().map(change).collect()
    }
}

/// A path as a reference: relative ones stay relative, an absolute one gets `file://`.
fn uri(path: &str) -> String {
    let path = path.replace('\\', "/");
    let mut out = String::with_capacity(path.len());
    if path.starts_with('/') {
        out.push_str("file://");
    }
    for byte in path.trim_start_matches("./").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            other => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().map_or('0', char::from);
                out.extend(['%', digit(other >> 4), digit(other & 15)]);
            }
        }
    }
    out
}
