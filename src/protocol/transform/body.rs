//! What a policy changes in the body and the headers that are sent, after the request has been
//! written in the upstream's own words: caps, sampling, parameters, the policy's own edits.
//!
//! The members of the body are found in one pass, whatever the number of edits; what is not edited
//! is not copied, and a chain that has nothing to change gives back the very parts that it got.

mod preset;
mod sheet;

use http::{HeaderName, HeaderValue};

use super::super::Wire;
use super::super::encode::{Change, Outgoing, Target, warnings};
use super::super::habits::Habits;
use super::super::json::{Raw, push_number, push_string};
use super::super::request::Request;
use crate::dsl::transform::{EditAction, SamplingRule, Template, Transform, UserTransform};
use crate::facts::Facts;
use sheet::Sheet;

pub(crate) use sheet::Measured;

/// Least budget for thinking that Anthropic takes, in tokens.
const LEAST_BUDGET: u64 = 1_024;

/// Carries out what the chain says about the written request.
pub(crate) fn apply(
    request: &Request,
    target: &Target<'_>,
    facts: &dyn Facts,
    measured: Measured<'_>,
    outgoing: &mut Outgoing,
) {
    if !target.transforms.iter().any(|transform| concerns(transform, target.wire)) {
        return;
    }
    let Some(sheet) = Sheet::read(&outgoing.body, measured) else { return };
    let mut edits = Edits { request, target, facts, sheet, outgoing, name: "" };
    for transform in target.transforms {
        edits.name = transform.name();
        edits.one(transform);
    }
    let Edits { sheet, outgoing, .. } = edits;
    if let Some(parts) = sheet.write() {
        outgoing.body = parts;
    }
}

/// Whether a transform works on the written request.
fn concerns(transform: &Transform, wire: Wire) -> bool {
    match transform {
        Transform::Preset(preset) => preset::concerns(&preset.habits, wire),
        Transform::MaxTokens(_)
        | Transform::MaxCompletionTokens
        | Transform::Sampling(_)
        | Transform::Params(_)
        | Transform::Headers(_)
        | Transform::StreamOptions(_)
        | Transform::User(_) => true,
        _ => false,
    }
}

struct Edits<'r, 't> {
    request: &'r Request,
    target: &'r Target<'t>,
    facts: &'r dyn Facts,
    sheet: Sheet,
    outgoing: &'r mut Outgoing,
    /// the transform at work
    name: &'t str,
}

impl<'t> Edits<'_, 't> {
    fn one(&mut self, transform: &'t Transform) {
        match transform {
            Transform::Preset(preset) => self.preset(&preset.habits),
            Transform::MaxTokens(most) => self.max_tokens(*most),
            Transform::MaxCompletionTokens => self.max_completion_tokens(),
            Transform::Sampling(parameters) => {
                for parameter in parameters {
                    self.sampling(&parameter.parameter, parameter.rule);
                }
            }
            Transform::Params(params) => {
                for (name, json) in params {
                    let replaced = self.sheet.merge(&[name], json.as_bytes());
                    self.set_to(name, json, replaced);
                }
            }
            Transform::Headers(headers) => {
                for (name, value) in headers {
                    self.header(name, value);
                }
            }
            Transform::StreamOptions(on) => self.stream_options(*on),
            Transform::User(user) => self.user(user),
            _ => {}
        }
    }

    /// Notes what was done, for whoever looks at the request.
    fn changed(&mut self, what: impl Into<String>) {
        self.outgoing.changes.push(Change { transform: self.name.to_owned(), what: what.into() });
    }

    /// Tells the client what is otherwise than it asked.
    fn overruled(&mut self, what: &str) {
        self.outgoing.warnings.push(format!("{what}, by the policy"));
    }

    /// Notes that a member has a value now; `replaced`: in place of the client's. The client reads which
    /// member: values of the policy's are its author's own.
    fn set_to(&mut self, member: &str, json: &str, replaced: bool) {
        let shown: String = json.chars().take(80).collect();
        self.changed(format!("`{member}` is {shown}"));
        if replaced {
            self.overruled(&format!("`{member}` was replaced"));
        }
    }

    fn max_completion_tokens(&mut self) {
        if self.target.wire == Wire::Chat && self.sheet.rename(&["max_tokens"], "max_completion_tokens") {
            self.changed("`max_tokens` is sent as `max_completion_tokens`");
        }
    }

    fn max_tokens(&mut self, most: u64) {
        let most = self.target.output_limit.map_or(most, |limit| limit.min(most));
        let mut json = Vec::new();
        push_number(&mut json, most);
        let mut said = false;
        for path in cap_members(self.target) {
            let Some(asked) = self.sheet.number(path) else { continue };
            said = true;
            if asked > most as f64 {
                self.sheet.set(path, &json);
                let member = path.join(".");
                self.changed(format!("`{member}` lowered to {most}"));
                if self.request.max_tokens().is_some_and(|asked| asked > most) {
                    self.outgoing.warnings.retain(|warning| !warnings::is_lowered(warning));
                    self.overruled(&format!("{member} lowered to {most}"));
                }
            }
        }
        let first = cap_members(self.target).first().copied().unwrap_or_default();
        if !said {
            self.sheet.set(first, &json);
            self.changed(format!("`{}` set to {most}", first.join(".")));
        }
        if self.target.wire == Wire::Anthropic {
            self.thinking_budget(most);
        }
    }

    /// Thinking needs room below the tokens of the whole answer.
    fn thinking_budget(&mut self, most: u64) {
        const PATH: &[&str] = &["thinking", "budget_tokens"];
        if self.sheet.number(PATH).is_none_or(|budget| budget < most as f64) {
            return;
        }
        let budget = (most / 2).max(LEAST_BUDGET);
        if budget < most {
            let mut json = Vec::new();
            push_number(&mut json, budget);
            self.sheet.set(PATH, &json);
            self.changed(format!("`thinking.budget_tokens` lowered to {budget}"));
        } else {
            self.sheet.remove(&["thinking"]);
            self.changed("`thinking` is left out: the cap leaves no room for it");
            self.overruled(&format!("thinking was left out: {most} tokens leave no room for it"));
        }
    }

    fn sampling(&mut self, parameter: &str, rule: SamplingRule) {
        let Some(path) = sampling_member(self.target.wire, parameter) else { return };
        let member = path.join(".");
        if rule == SamplingRule::Remove {
            if self.sheet.remove(path) {
                self.changed(format!("`{member}` is left out"));
                self.overruled(&format!("`{member}` was left out"));
            }
            return;
        }
        if self.target.wire == Wire::Anthropic && self.thinks() {
            self.changed(format!("`{member}` stays as it is: Anthropic takes no other while it thinks"));
            return;
        }
        let asked = self.sheet.number(path);
        let value = match rule {
            SamplingRule::Force(value) => value,
            SamplingRule::Cap(most) if asked.is_some_and(|asked| asked > most) => most,
            SamplingRule::Cap(_) | SamplingRule::Remove => return,
        };
        if asked == Some(value) {
            return;
        }
        let json = value.to_string();
        let replaced = self.sheet.set(path, json.as_bytes());
        self.set_to(&member, &json, replaced);
    }

    /// Whether an Anthropic model is told to think.
    fn thinks(&mut self) -> bool {
        let kind = self.sheet.get(&["thinking", "type"]).unwrap_or_default();
        matches!(&*kind, b"\"enabled\"" | b"\"adaptive\"")
    }

    fn stream_options(&mut self, on: bool) {
        const PATH: &[&str] = &["stream_options", "include_usage"];
        if self.target.wire != Wire::Chat || !self.outgoing.stream {
            return;
        }
        if on {
            if self.sheet.get(PATH).is_none_or(|said| *said != *b"true") {
                self.sheet.set(PATH, b"true");
                self.changed("`stream_options` asks for the usage");
            }
        } else if self.sheet.remove(&["stream_options"]) {
            self.changed("`stream_options` is left out");
            if self.outgoing.back.include_usage {
                self.overruled("`stream_options` was left out: the stream tells no usage");
            }
        }
    }

    fn user(&mut self, user: &'t UserTransform) {
        for edit in &user.edits {
            let path: Vec<&str> = edit.path.iter().map(String::as_str).collect();
            let member = path.join(".");
            match &edit.action {
                EditAction::Set(template) => {
                    if let Some(json) = self.value(template, &member) {
                        let replaced = self.sheet.set(&path, json.as_bytes());
                        self.set_to(&member, &json, replaced);
                    }
                }
                EditAction::Append(template) => {
                    if let Some(json) = self.value(template, &member) {
                        self.sheet.append(&path, json.as_bytes());
                        self.changed(format!("`{member}` has one value more"));
                    }
                }
                EditAction::Remove => {
                    if self.sheet.remove(&path) {
                        self.changed(format!("`{member}` is left out"));
                        self.overruled(&format!("`{member}` was left out"));
                    }
                }
                EditAction::Rename(name) => {
                    if self.sheet.rename(&path, name) {
                        self.changed(format!("`{member}` is sent as `{name}`"));
                    }
                }
            }
        }
        for (name, template) in &user.headers {
            let Some(json) = self.value(template, name) else { continue };
            let text = Raw::from_measured(json.as_bytes()).text().map(|text| text.decode().into_owned());
            self.header(name, &text.unwrap_or_default());
        }
    }

    /// A value for this request. The checker lets none through that can fail; if one does, the request
    /// goes on without it, and says so.
    fn value(&mut self, template: &Template, member: &str) -> Option<String> {
        match json_of(template, self.facts) {
            Ok(json) => Some(json),
            Err(why) => {
                let name = self.name;
                self.outgoing.warnings.push(format!("`{member}` of transform `{name}` has no value: {why}"));
                None
            }
        }
    }

    fn header(&mut self, name: &str, text: &str) {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(text)) {
            (Ok(header), Ok(value)) => {
                self.outgoing.headers.insert(header, value);
                self.changed(format!("header `{name}`"));
            }
            _ => self.outgoing.warnings.push(format!("header `{name}` was left out: its value cannot stand in one")),
        }
    }
}

/// The members that cap the tokens of an answer; the first is set when the client says nothing.
fn cap_members(target: &Target<'_>) -> &'static [&'static [&'static str]] {
    match target.wire {
        Wire::Anthropic => &[&["max_tokens"]],
        Wire::Responses => &[&["max_output_tokens"]],
        Wire::Gemini => &[
            &["generationConfig", "maxOutputTokens"],
            &["generationConfig", "max_output_tokens"],
            &["generation_config", "maxOutputTokens"],
            &["generation_config", "max_output_tokens"],
        ],
        Wire::Chat if Habits::of(target).completion_tokens || renames(target) => {
            &[&["max_completion_tokens"], &["max_tokens"]]
        }
        Wire::Chat => &[&["max_tokens"], &["max_completion_tokens"]],
    }
}

fn renames(target: &Target<'_>) -> bool {
    target.transforms.iter().any(|transform| matches!(transform, Transform::MaxCompletionTokens))
}

/// Where a sampling parameter stands; None when the wire has none.
fn sampling_member(wire: Wire, parameter: &str) -> Option<&'static [&'static str]> {
    Some(match (wire, parameter) {
        (Wire::Gemini, "temperature") => &["generationConfig", "temperature"],
        (Wire::Gemini, "top_p") => &["generationConfig", "topP"],
        (Wire::Gemini, "top_k") => &["generationConfig", "topK"],
        (Wire::Gemini, "frequency_penalty") => &["generationConfig", "frequencyPenalty"],
        (Wire::Gemini, "presence_penalty") => &["generationConfig", "presencePenalty"],
        (_, "temperature") => &["temperature"],
        (_, "top_p") => &["top_p"],
        (Wire::Chat | Wire::Anthropic, "top_k") => &["top_k"],
        (Wire::Chat, "frequency_penalty") => &["frequency_penalty"],
        (Wire::Chat, "presence_penalty") => &["presence_penalty"],
        _ => return None,
    })
}

/// A template's value for a request.
fn json_of(template: &Template, facts: &dyn Facts) -> Result<String, String> {
    Ok(match template {
        Template::Json(json) => json.clone(),
        Template::Computed(computed) => computed.json(facts)?,
        Template::List(items) => {
            let items: Vec<String> = items.iter().map(|item| json_of(item, facts)).collect::<Result<_, _>>()?;
            format!("[{}]", items.join(","))
        }
        Template::Map(members) => {
            let mut out = Vec::from(*b"{");
            for (number, (name, value)) in members.iter().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                push_string(&mut out, name);
                out.push(b':');
                out.extend_from_slice(json_of(value, facts)?.as_bytes());
            }
            out.push(b'}');
            String::from_utf8(out).map_err(|_| "it is not text".to_owned())?
        }
    })
}
