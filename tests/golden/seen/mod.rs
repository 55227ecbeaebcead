//! What an outgoing request says, in the words of a `want`: read by readers of the tests' own, from what the
//! vendors document, so that a codec cannot be right by its own measure only.

mod anthropic;
mod chat;
mod gemini;
mod responses;

use ccr_policy::protocol::Wire;
use serde_json::{Map, Value, json};

/// Reads a body.
pub(crate) fn request(wire: Wire, body: &Value) -> Value {
    let mut said = Said::default();
    match wire {
        Wire::Anthropic => anthropic::read(body, &mut said),
        Wire::Chat => chat::read(body, &mut said),
        Wire::Responses => responses::read(body, &mut said),
        Wire::Gemini => gemini::read(body, &mut said),
    }
    said.done()
}

/// What is gathered of a request.
#[derive(Default)]
pub(crate) struct Said {
    system: Vec<String>,
    lines: Vec<String>,
    /// the last line is a text of this speaker, which the next one is joined to
    texts: Option<&'static str>,
    /// ids of calls, in their order
    calls: Vec<String>,
    /// how many results have come for calls without ids
    answered: usize,
    marks: u64,
    others: Map<String, Value>,
}

impl Said {
    /// A member of the neutral form; null is nothing.
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        if !value.is_null() {
            self.others.insert(name.to_owned(), value);
        }
    }

    /// Copies members that mean the same on all wires.
    pub(crate) fn same(&mut self, body: &Value, pairs: &[(&str, &str)]) {
        for (name, member) in pairs {
            self.set(name, body[*member].clone());
        }
    }

    pub(crate) fn system(&mut self, text: &str) {
        self.system.push(text.to_owned());
    }

    pub(crate) fn mark(&mut self, holder: &Value) {
        self.marks += u64::from(!holder["cache_control"].is_null());
    }

    pub(crate) fn text(&mut self, who: &'static str, text: &str) {
        if self.texts == Some(who)
            && let Some(last) = self.lines.last_mut()
        {
            last.push_str("\n\n");
            last.push_str(text);
            return;
        }
        self.line(who, &format!("text {text}"));
        self.texts = Some(who);
    }

    /// Anything but a text.
    pub(crate) fn line(&mut self, who: &str, line: &str) {
        self.texts = None;
        self.lines.push(format!("{who} {}", line.trim_end_matches(' ')));
    }

    /// A new message: texts of two messages are two, even of one speaker.
    pub(crate) fn message(&mut self) {
        self.texts = None;
    }

    pub(crate) fn call(&mut self, id: &str, name: &str, input: &Value) {
        self.calls.push(id.to_owned());
        let number = self.calls.len();
        self.line("assistant", &format!("call {name} {input} #{number}"));
    }

    /// The number of the call that an id belongs to; without ids they come in order.
    pub(crate) fn number(&mut self, id: Option<&str>) -> usize {
        self.answered += 1;
        match id {
            Some(id) => self.calls.iter().position(|known| known == id).map_or(0, |place| place + 1),
            None => self.answered,
        }
    }

    pub(crate) fn result(&mut self, number: usize, error: bool, text: &str) {
        let (text, error) = match text.strip_prefix("[error]") {
            Some(rest) => (rest.trim_start(), true),
            None => (text, error),
        };
        let word = if error { "error" } else { "text" };
        self.line("user", &format!("result #{number} {word} {text}"));
    }

    pub(crate) fn data(&mut self, who: &str, what: &str, media: &str, data: &str, name: &str) {
        self.line(who, &format!("{what} {media} {data} {name}"));
    }

    /// A data URL or another one.
    pub(crate) fn url(&mut self, who: &str, what: &str, url: &str, name: &str) {
        match url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
            Some((media, data)) => self.data(who, what, media, data, name),
            None => self.line(who, &format!("{what} {url} {name}")),
        }
    }

    fn done(self) -> Value {
        let mut all = self.others;
        if !self.system.is_empty() {
            all.insert("system".to_owned(), json!(self.system.join("\n\n")));
        }
        all.insert("turns".to_owned(), json!(self.lines));
        if self.marks > 0 {
            all.insert("marks".to_owned(), json!(self.marks));
        }
        Value::Object(all)
    }
}

/// A list's elements; none for anything else.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// JSON inside a string; a string that holds none is itself.
pub(crate) fn parsed(value: &Value) -> Value {
    serde_json::from_str(text(value)).unwrap_or_else(|_| value.clone())
}
