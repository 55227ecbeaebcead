//! `transform NAME { … }`: transforms of the policy's own.

use super::super::Lower;
use super::super::names::kebab;
use super::super::values::text_of;
use super::Declared;
use crate::diag::{Code, Diagnostic, Span};
use crate::dsl::ast::{Block, Field, Item, Value, ValueKind, Word};
use crate::dsl::expr::typed::Type;
use crate::dsl::fields;
use crate::dsl::transform::table::{self, MemberType};
use crate::dsl::transform::{Edit, EditAction, Template, UserTransform};
use crate::facts::CARRIES_KEY;

/// Deepest path of an edit: request bodies have few levels above their messages.
const MOST_LEVELS: usize = 8;

impl Lower<'_, '_> {
    /// Reads all blocks, before anything names them.
    pub(in super::super) fn transform_blocks(&mut self, items: &[Item]) {
        for item in items {
            let Item::Transform(block) = item else { continue };
            let name = &block.name;
            kebab(name, "transform", self.findings);
            if table::entry(&name.text).is_some() {
                let message = format!("`{}` is a transform of the language", name.text);
                self.report(Diagnostic::new(Code::P0107, name.span, message).help("give yours another name"));
            }
            if let Some(first) = self.transforms.iter().find(|declared| declared.name == name.text) {
                let finding = Diagnostic::new(Code::P0107, name.span, format!("`{}` is declared twice", name.text))
                    .label("again here")
                    .also(first.span, "first here");
                self.report(finding.help("rename one of them, or remove it"));
                continue;
            }
            let transform = self.transform_block(block);
            self.transforms.push(Declared { name: name.text.clone(), span: name.span, transform, used: false });
        }
    }

    fn transform_block(&mut self, block: &Block) -> Option<UserTransform> {
        let (name, before) = (&block.name, self.findings.len());
        let mut known = self.start(format!("transform `{}`", name.text), fields::Block::Transform, &block.fields);
        let mut user = UserTransform { name: name.text.clone(), edits: Vec::new(), headers: Vec::new() };
        let mut edits: Vec<Placed> = Vec::new();
        // In the order in which they are written: an edit sees what those before it have done.
        for field in &block.fields {
            match field.key.text.as_str() {
                "set" if known.get("set").is_some() => {
                    self.edits(field, &mut edits, |lower, path, value| lower.edit_set(path, value));
                }
                "append" if known.get("append").is_some() => {
                    self.edits(field, &mut edits, |lower, path, value| lower.edit_append(path, value));
                }
                "rename" if known.get("rename").is_some() => {
                    self.edits(field, &mut edits, |lower, path, value| lower.edit_rename(path, value));
                }
                "remove" if known.get("remove").is_some() => self.removes(field, &mut edits),
                "headers" if known.get("headers").is_some() => user.headers = self.computed_headers(field),
                _ => {}
            }
        }
        self.finish(known);
        self.in_vain(&edits);
        user.edits = edits.into_iter().map(|placed| placed.edit).collect();
        if user.edits.is_empty() && user.headers.is_empty() && self.findings.len() == before && block.whole {
            let finding = Diagnostic::new(Code::P0110, name.span, format!("transform `{}` does nothing", name.text));
            self.report(finding.help("add `set: { temperature: 0.2 }`"));
        }
        (self.findings.len() == before).then_some(user)
    }

    /// One edit a member of a group.
    fn edits(
        &mut self,
        field: &Field,
        edits: &mut Vec<Placed>,
        action: fn(&mut Self, &[String], &Value) -> Option<EditAction>,
    ) {
        let ValueKind::Map(members) = &field.value.kind else {
            self.wrong(&field.value, &format!("a group such as `{}`", example(&field.key.text)));
            return;
        };
        for member in members {
            let Some(path) = self.edit_path(&member.key) else { continue };
            if let Some(action) = action(self, &path, &member.value) {
                edits.push(Placed { edit: Edit { path, action }, span: member.key.span });
            }
        }
    }

    /// `metadata.team` as its members; None when the gateway writes it.
    fn edit_path(&mut self, word: &Word) -> Option<Vec<String>> {
        let path: Vec<String> = word.text.split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) || path.len() > MOST_LEVELS {
            let finding = Diagnostic::new(Code::P0203, word.span, "this is not the path of a member");
            self.report(finding.help("write the names with dots between: `\"metadata.team\"`"));
            return None;
        }
        (!self.owned(&path, word.span)).then_some(path)
    }

    fn edit_set(&mut self, path: &[String], value: &Value) -> Option<EditAction> {
        let template = self.template(value)?;
        self.member_type(path, &template, value.span);
        Some(EditAction::Set(template))
    }

    fn edit_append(&mut self, path: &[String], value: &Value) -> Option<EditAction> {
        let joined = path.join(".");
        let known = table::MEMBERS.iter().find(|(known, _)| *known == joined).map(|(_, ty)| *ty);
        if known.is_some_and(|ty| !matches!(ty, MemberType::List | MemberType::TextOrList)) {
            let finding = Diagnostic::new(Code::P0203, value.span, format!("`{joined}` is not a list"));
            self.report(finding.help("`append` puts a value behind the last one of a list; `set` gives a value"));
            return None;
        }
        self.template(value).map(EditAction::Append)
    }

    fn edit_rename(&mut self, path: &[String], value: &Value) -> Option<EditAction> {
        let Some(name) = text_of(value).filter(|name| !name.is_empty()) else {
            self.wrong(value, "the member's new name");
            return None;
        };
        if name.contains('.') {
            let finding = Diagnostic::new(Code::P0203, value.span, "a member is renamed where it stands");
            self.report(finding.help("write the last name only, without dots"));
            return None;
        }
        if path.last() == Some(&name) {
            let finding = Diagnostic::new(Code::P0203, value.span, format!("`{name}` is its name already"));
            self.report(finding.help("write the name that it should have, or remove this"));
            return None;
        }
        let owned = path.len() == 1 && self.owned(std::slice::from_ref(&name), value.span);
        (!owned).then_some(EditAction::Rename(name))
    }

    /// Reports edits that a later one of the block undoes.
    fn in_vain(&mut self, edits: &[Placed]) {
        for (number, later) in edits.iter().enumerate() {
            let before = edits.get(..number).unwrap_or_default();
            let Some(earlier) = before.iter().find(|earlier| undoes(&earlier.edit, &later.edit)) else { continue };
            let (first, second) = (earlier.edit.path.join("."), later.edit.path.join("."));
            if first == second && earlier.is_set() == later.is_set() {
                let what = if later.is_set() { "set" } else { "removed" };
                let finding = Diagnostic::new(Code::P0111, later.span, format!("`{second}` is {what} twice"));
                self.report(finding.label("again here").also(earlier.span, "first here").help("remove one of them"));
                continue;
            }
            let what = if later.is_set() { "set" } else { "removed" };
            let message = format!("`{first}` has been set in vain: `{second}` is {what} behind it");
            let finding = Diagnostic::new(Code::P0414, later.span, message).also(earlier.span, "undone");
            let into = first.len() > second.len() && later.is_set();
            self.report(finding.help(match into {
                true => format!("set `{second}` first, then `{first}` in it"),
                false => "remove one of them".to_owned(),
            }));
        }
    }

    fn removes(&mut self, field: &Field, edits: &mut Vec<Placed>) {
        let ValueKind::List(values) = &field.value.kind else {
            self.wrong(&field.value, &format!("a list such as `{}`", example("remove")));
            return;
        };
        for value in values {
            let Some(text) = text_of(value) else {
                self.wrong(value, "the name of a member");
                continue;
            };
            if let Some(path) = self.edit_path(&Word { text, span: value.span }) {
                edits.push(Placed { edit: Edit { path, action: EditAction::Remove }, span: value.span });
            }
        }
    }

    fn computed_headers(&mut self, field: &Field) -> Vec<(String, Template)> {
        let ValueKind::Map(members) = &field.value.kind else {
            self.wrong(&field.value, &format!("a group such as `{}`", example("headers")));
            return Vec::new();
        };
        let mut headers = Vec::new();
        for member in members {
            let Some(name) = self.header_name(&member.key, &headers) else { continue };
            let Some(value) = self.template(&member.value) else { continue };
            if text_of(&member.value).is_some_and(|text| !fits_a_header(&text)) {
                self.not_a_header(member.value.span);
                continue;
            }
            let text = match &value {
                Template::Json(json) => json.starts_with('"'),
                Template::Computed(computed) => computed.expr.ty == Type::String,
                Template::List(_) | Template::Map(_) => false,
            };
            if text {
                headers.push((name, value));
            } else {
                let finding = Diagnostic::new(Code::P0203, member.value.span, "the value of a header is a text");
                self.report(finding.help("write a string, or `string(…)`"));
            }
        }
        headers
    }

    /// The texts of `headers({ … })`, or of a provider's `headers: { … }`.
    pub(in super::super) fn header_texts(&mut self, fields: &[Field]) -> Vec<(String, String)> {
        let mut headers: Vec<(String, String)> = Vec::new();
        for field in fields {
            let Some(name) = self.header_name(&field.key, &headers) else { continue };
            match text_of(&field.value) {
                Some(value) if fits_a_header(&value) => headers.push((name, value)),
                Some(_) => self.not_a_header(field.value.span),
                None => self.wrong(&field.value, "a string"),
            }
        }
        headers
    }

    fn header_name<T>(&mut self, key: &Word, known: &[(String, T)]) -> Option<String> {
        let name = key.text.to_ascii_lowercase();
        let fits =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !fits {
            self.not_a_header(key.span);
        } else if CARRIES_KEY.contains(&name.as_str()) {
            let finding = Diagnostic::new(Code::P0203, key.span, format!("`{name}` carries a key"));
            self.report(finding.help("write `key: env(\"NAME\")` in the provider instead"));
        } else if FRAMING.contains(&name.as_str()) {
            let finding = Diagnostic::new(Code::P0416, key.span, format!("`{name}` is written by the gateway"));
            self.report(finding.help("remove it"));
        } else if known.iter().any(|(earlier, _)| *earlier == name) {
            self.report(Diagnostic::new(Code::P0111, key.span, format!("`{name}` is set twice")));
        } else {
            return Some(name);
        }
        None
    }

    fn not_a_header(&mut self, span: Span) {
        let finding = Diagnostic::new(Code::P0203, span, "this cannot stand in an HTTP header");
        self.report(finding.help("a name has letters, digits and `-`, a value has no line break and only ASCII"));
    }
}

/// An edit with the place of its path.
struct Placed {
    edit: Edit,
    span: Span,
}

impl Placed {
    fn is_set(&self) -> bool {
        matches!(self.edit.action, EditAction::Set(_))
    }
}

/// Whether nothing is left of an edit after a later one.
fn undoes(earlier: &Edit, later: &Edit) -> bool {
    match (&earlier.action, &later.action) {
        // The member itself, or the group that it stands in.
        (EditAction::Set(_), EditAction::Set(_) | EditAction::Remove) if earlier.path.starts_with(&later.path) => true,
        // A member in what is no group: it takes the value's place.
        (EditAction::Set(value), EditAction::Set(_)) => later.path.starts_with(&earlier.path) && !may_be_group(value),
        (EditAction::Remove, EditAction::Remove) => earlier.path == later.path,
        _ => false,
    }
}

fn may_be_group(value: &Template) -> bool {
    match value {
        Template::Json(json) => json.starts_with('{'),
        Template::Map(_) => true,
        Template::List(_) => false,
        Template::Computed(computed) => matches!(computed.expr.ty, Type::Map(..)),
    }
}

fn fits_a_header(value: &str) -> bool {
    value.bytes().all(|byte| (0x20..0x7f).contains(&byte) || byte == b'\t')
}

/// Headers that say how a request is framed, or where it goes.
const FRAMING: &[&str] = &[
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "proxy-connection",
    "keep-alive",
    "accept-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

fn example(key: &str) -> &'static str {
    fields::field(fields::Block::Transform, key).map_or("{ }", |row| row.example)
}
