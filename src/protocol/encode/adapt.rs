//! What a request asks for and the model cannot do (`can`) is taken out of the body, with a warning,
//! on the way to an upstream that speaks the client's own protocol. Translation does the same while it
//! writes (`anthropic::request_write`, `openai::request_write`).

use std::ops::Range;

use super::super::asks::Asks;
use super::super::content;
use super::super::exchange::{Format, schema_in_words};
use super::super::habits::Habits;
use super::super::json::{Kind, Raw, Text, push_escaped, push_string};
use super::super::request::Request;
use super::super::{Protocol, anthropic, openai, responses};
use super::Target;
use super::splice::Splices;
use super::{foreign, warnings};
use crate::dsl::policy::Capability;

/// Takes out what the model cannot do. Returns whether thinking stays as it was asked for.
pub(super) fn write(
    request: &Request,
    target: &Target<'_>,
    splices: &mut Splices<'_>,
    warned: &mut Vec<String>,
) -> bool {
    let mut adapter = Adapter { request, splices, warned, left_out: Vec::new(), left_out_of_config: Vec::new() };
    let unsigned_loop = foreign::take(request, adapter.splices);
    let thinks = if !target.can(Capability::Thinking) {
        !adapter.thinking(warnings::NO_THINKING)
    } else {
        !unsigned_loop || !adapter.thinking(warnings::UNSIGNED_LOOP)
    };
    if !target.can(Capability::JsonSchema) {
        adapter.schema(target);
    }
    if !target.can(Capability::ParallelTools) {
        adapter.parallel_tools();
    }
    if !target.can(Capability::WebSearch) && content::searches_the_web(request) {
        adapter.web_search();
    }
    let (config, members) = (adapter.left_out_of_config, adapter.left_out);
    if !config.is_empty() {
        splices.leave_out_of("output_config", &config);
    }
    for name in members {
        splices.leave_out(name);
    }
    splices.leave_out_choice_of_models(warned);
    thinks
}

struct Adapter<'r, 's, 'w> {
    request: &'r Request,
    splices: &'w mut Splices<'s>,
    warned: &'w mut Vec<String>,
    /// members that do not go on
    left_out: Vec<&'static str>,
    /// members of Anthropic's `output_config` that do not go on
    left_out_of_config: Vec<&'static str>,
}

impl Adapter<'_, '_, '_> {
    /// Returns whether thinking was asked for, and is not any more.
    fn thinking(&mut self, reason: &str) -> bool {
        if !Asks::of(self.request).thinking {
            return false;
        }
        self.left_out.push("thinking");
        if self.request.protocol() == Protocol::Responses {
            self.left_out.push("reasoning");
            self.proofs_of_thinking();
        } else if self.request.protocol() == Protocol::Chat {
            self.left_out.extend(["reasoning_effort", "reasoning", "enable_thinking", "thinking_budget"]);
        } else {
            // Those who do not think know no effort, and refuse to clear thinking that is off.
            self.left_out_of_config.push("effort");
            self.clearing_of_thinking();
        }
        self.warned.push(reason.to_owned());
        true
    }

    /// Who does not think refuses to send proofs of it.
    fn proofs_of_thinking(&mut self) {
        let wanted = self.request.field("include").unwrap_or(Raw::NULL);
        let wanted = places(self.request, wanted, |wanted| wanted.is_text("reasoning.encrypted_content"));
        if wanted.iter().all(|(_, out)| *out) {
            self.left_out.push("include");
        } else {
            self.splices.take(&wanted);
        }
    }

    fn clearing_of_thinking(&mut self) {
        let management = self.request.field("context_management").unwrap_or(Raw::NULL);
        let edits = management.get("edits").unwrap_or(Raw::NULL);
        let clears = |edit: Raw<'_>| {
            let kind = edit.get("type").and_then(Raw::text).unwrap_or(Text::EMPTY);
            kind.escaped().starts_with(b"clear_thinking")
        };
        let edits = places(self.request, edits, clears);
        if edits.iter().all(|(_, out)| *out) {
            if !edits.is_empty() {
                self.splices.leave_out_of("context_management", &["edits"]);
            }
        } else {
            self.splices.take(&edits);
        }
    }

    fn schema(&mut self, target: &Target<'_>) {
        let protocol = self.request.protocol();
        let format = match protocol {
            Protocol::Anthropic => anthropic::read_format(self.request).ok(),
            Protocol::Responses => responses::read_format(self.request).ok(),
            _ => openai::read_format(self.request).ok(),
        };
        let Some(Format::Schema { schema, .. }) = format else { return };
        let words = schema_in_words(schema);
        // What is rewritten says it already.
        let says = !self.splices.rewritten;
        match protocol {
            Protocol::Anthropic => {
                self.left_out_of_config.push("format");
                self.left_out.push("output_format");
                if says {
                    self.say_in_system("system", &words);
                }
            }
            Protocol::Responses => {
                self.splices.leave_out_of("text", &["format"]);
                if says {
                    self.say_in_system("instructions", &words);
                }
            }
            _ => {
                self.left_out.push("response_format");
                if says {
                    self.say_in_first_message(&words, target);
                }
            }
        }
        self.warned.push(warnings::SCHEMA_IN_WORDS.to_owned());
    }

    fn say_in_system(&mut self, member: &str, words: &str) {
        let Some(system) = self.request.field(member) else {
            let mut value = Vec::new();
            push_string(&mut value, words);
            return self.splices.set(member, value);
        };
        if system.kind() == Kind::Array {
            let mut block: Vec<u8> = if system.elements().next().is_some() { b",".to_vec() } else { Vec::new() };
            block.extend_from_slice(b"{\"type\":\"text\",\"text\":");
            push_string(&mut block, words);
            block.push(b'}');
            self.splices.insert(self.request.place_of(system.bytes()).end.saturating_sub(1), block);
        } else {
            self.say_in_text(system, words);
        }
    }

    /// Adds to a string, behind an empty line.
    fn say_in_text(&mut self, text: Raw<'_>, words: &str) {
        let mut more: Vec<u8> = if text.is_text("") { Vec::new() } else { b"\\n\\n".to_vec() };
        push_escaped(&mut more, words.as_bytes());
        self.splices.insert(self.request.place_of(text.bytes()).end.saturating_sub(1), more);
    }

    /// Some upstreams take one system message only, so an existing one is added to.
    fn say_in_first_message(&mut self, words: &str, target: &Target<'_>) {
        let messages = self.request.field("messages").unwrap_or(Raw::NULL);
        let first = messages.elements().next().and_then(Result::ok);
        let [role, text] = first.unwrap_or(Raw::NULL).peek(["role", "content"]);
        let is_system = role.is_some_and(|role| role.is_text("system") || role.is_text("developer"));
        if let Some(text) = text.filter(|text| is_system && text.kind() == Kind::String) {
            return self.say_in_text(text, words);
        }
        let mut message = b"{\"role\":".to_vec();
        push_string(&mut message, Habits::of(target).system_role());
        message.extend_from_slice(b",\"content\":");
        push_string(&mut message, words);
        message.extend_from_slice(if first.is_some() { b"}," } else { b"}" });
        self.splices.insert(self.request.place_of(messages.bytes()).start + 1, message);
    }

    /// A demand for single calls stays: a model that gives no others loses nothing by it.
    fn parallel_tools(&mut self) {
        if !self.splices.rewritten && self.request.field("parallel_tool_calls").and_then(Raw::boolean) == Some(true) {
            self.left_out.push("parallel_tool_calls");
            self.warned.push(warnings::NO_PARALLEL_TOOLS.to_owned());
        }
    }

    fn web_search(&mut self) {
        if self.request.protocol() == Protocol::Chat && self.request.field("web_search_options").is_some() {
            self.left_out.push("web_search_options");
            self.warned.push(warnings::no_web_search("web_search"));
        }
        if self.splices.rewritten {
            return;
        }
        let list = self.request.field("tools").unwrap_or(Raw::NULL);
        let tools = places(self.request, list, content::is_web_search);
        if !tools.iter().any(|(_, out)| *out) {
            return;
        }
        let choice = self.request.field("tool_choice").unwrap_or(Raw::NULL);
        let mut demanded = self.request.protocol() == Protocol::Responses && content::is_web_search(choice);
        let choice = choice.get("name");
        for tool in list.elements().map_while(Result::ok).filter(|tool| content::is_web_search(*tool)) {
            let [kind, name] = tool.peek(["type", "name"]);
            demanded |= name.is_some() && name.and_then(Raw::text) == choice.and_then(Raw::text);
            self.warned.push(warnings::no_web_search(&kind.and_then(Raw::text).unwrap_or(Text::EMPTY).decode()));
        }
        let all = tools.iter().all(|(_, out)| *out);
        if all {
            self.left_out.extend(["tools", "parallel_tool_calls"]);
        } else {
            self.splices.take(&tools);
        }
        if all || demanded {
            self.left_out.push("tool_choice");
        }
    }
}

/// Where the elements of a list stand, and which of them do not go on.
pub(super) fn places(request: &Request, list: Raw<'_>, out: impl Fn(Raw<'_>) -> bool) -> Vec<(Range<usize>, bool)> {
    list.elements().map_while(Result::ok).map(|element| (request.place_of(element.bytes()), out(element))).collect()
}
