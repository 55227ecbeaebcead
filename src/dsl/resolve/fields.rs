//! Reads the fields of one block: each at most once, none unknown.

use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Edit, Span};
use crate::dsl::ast::Field;
use crate::dsl::fields::{self, Block, FieldEntry};

/// The fields of one block. What is never asked for is reported by [`Self::finish`].
pub(crate) struct Fields<'v> {
    /// such as "provider `ark`"
    owner: String,
    fields: Vec<(&'v Field, bool)>,
    block: Block,
    /// false: some fields could not be read, so none is missing for certain
    pub(crate) whole: bool,
    /// keys that stand under another name, already reported
    given_otherwise: Vec<&'static str>,
}

impl<'v> Fields<'v> {
    /// Takes the fields of a block; a repeated one is reported and its first value counts.
    pub(crate) fn new(owner: String, block: Block, fields: &'v [Field], findings: &mut Vec<Diagnostic>) -> Self {
        let mut first: rustc_hash::FxHashMap<&str, Span> = rustc_hash::FxHashMap::default();
        let mut kept = Vec::with_capacity(fields.len());
        for field in fields {
            let key = field.key.text.as_str();
            if let Some(earlier) = first.get(key) {
                findings.push(
                    Diagnostic::new(Code::P0111, field.key.span, format!("`{key}` is set twice"))
                        .label("again here")
                        .also(*earlier, "first here")
                        .help("remove one of them"),
                );
                continue;
            }
            first.insert(key, field.key.span);
            kept.push((field, false));
        }
        Self { owner, fields: kept, block, whole: true, given_otherwise: Vec::new() }
    }

    /// The field with this key, which stands in the table.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<&'v Field> {
        debug_assert!(fields::field(self.block, key).is_some(), "`{key}` is missing in the table of fields");
        let (field, asked) = self.fields.iter_mut().find(|(field, _)| field.key.text == key)?;
        *asked = true;
        Some(field)
    }

    /// Like [`Self::get`], and reports a field that is missing.
    pub(crate) fn needed(
        &mut self,
        key: &'static str,
        at: Span,
        example: &str,
        findings: &mut Vec<Diagnostic>,
    ) -> Option<&'v Field> {
        let found = self.get(key);
        if found.is_none() && self.whole && !self.given_otherwise.contains(&key) {
            findings.push(
                Diagnostic::new(Code::P0110, at, format!("{} has no `{key}`", self.owner))
                    .help(format!("add `{key}: {example}`")),
            );
        }
        found
    }

    /// Reports fields that are known but not carried out by this version.
    pub(crate) fn unserved(&mut self, findings: &mut Vec<Diagnostic>) {
        for row in fields::fields(self.block).filter(|row| !row.served) {
            if let Some(field) = self.get(row.key) {
                findings.push(super::unserved(field.key.span, &format!("`{}`", row.key)));
            }
        }
    }

    /// Reports fields that stand elsewhere.
    pub(crate) fn misplaced(&mut self, rows: &[FieldEntry], place: &str, findings: &mut Vec<Diagnostic>) {
        for FieldEntry { key, .. } in rows {
            if let Some((field, asked)) = self.fields.iter_mut().find(|(field, _)| field.key.text == *key) {
                *asked = true;
                let message = format!("{} does not take `{key}`", self.owner);
                findings.push(
                    Diagnostic::new(Code::P0109, field.key.span, message).help(format!("`{key}` stands in {place}")),
                );
            }
        }
    }

    /// Reports a key that is a common other word for `key`; its value counts as nothing, and `key`
    /// is then not missing.
    pub(crate) fn renamed(&mut self, key: &'static str, others: &[&str], findings: &mut Vec<Diagnostic>) {
        if self.fields.iter().any(|(field, _)| field.key.text == key) {
            return;
        }
        let other = self.fields.iter_mut().find(|(field, _)| others.contains(&field.key.text.as_str()));
        let Some((field, asked)) = other else { return };
        *asked = true;
        self.given_otherwise.push(key);
        let word = &field.key;
        let finding = Diagnostic::new(Code::P0109, word.span, format!("{} has no field `{}`", self.owner, word.text));
        let edit = Edit { span: word.span, text: key.to_owned() };
        let finding = finding.label("not known here").help(format!("did you mean `{key}`?"));
        findings.push(finding.fix(format!("replace it by `{key}`"), false, vec![edit]));
    }

    /// Reports what nobody asked for.
    pub(crate) fn finish(self, findings: &mut Vec<Diagnostic>) {
        let known = || fields::fields(self.block).map(|row| row.key);
        for (field, asked) in self.fields {
            if asked {
                continue;
            }
            let key = &field.key.text;
            let finding = Diagnostic::new(Code::P0109, field.key.span, format!("{} has no field `{key}`", self.owner))
                .label("not known here");
            findings.push(match nearest(key, known()) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(format!("it takes: {}", known().collect::<Vec<_>>().join(", "))),
            });
        }
    }
}
