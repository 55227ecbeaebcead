//! Reading a request of Responses.

use super::super::asks::Asks;
use super::super::content::find;
use super::super::encode::{EncodeError, warnings};
use super::super::exchange::{Choice, Exchange, Format, Part, Parts, Source, Speaker, Tool};
use super::super::json::{Kind, Raw, Text};
use super::super::media;
use super::super::message::Input;
use super::super::openai::sound;
use super::super::request::{BadRequest, Request, shown};
use super::super::shared::Shared;
use super::super::signed::Signed;
use super::super::strict::{Form, Members, Place, check_members};
use super::super::{Protocol, Wire};
use super::tools::{FREEFORM_SCHEMA, Prepared, tools};

/// Members that are carried over, or that only this side's provider has a use for.
const KNOWN: &Members = &[
    ("model", Form::Any),
    ("input", Form::Any),
    ("instructions", Form::Text),
    ("tools", Form::Any),
    ("tool_choice", Form::TextOrObject),
    ("parallel_tool_calls", Form::Flag),
    ("max_output_tokens", Form::Any),
    ("temperature", Form::Number),
    ("top_p", Form::Number),
    ("stream", Form::Any),
    ("stream_options", Form::Object(&[])),
    ("user", Form::Text),
    ("safety_identifier", Form::Text),
    ("metadata", Form::Object(&[])),
    ("client_metadata", Form::Any),
    ("reasoning", Form::Object(&[("effort", Form::Text), ("summary", Form::Text)])),
    ("text", Form::Object(&[("verbosity", Form::Text)])),
    ("include", Form::Texts),
    ("store", Form::Flag),
    ("service_tier", Form::Text),
    ("prompt_cache_key", Form::Any),
    ("prompt_cache_retention", Form::Any),
    ("prompt_cache_options", Form::Any),
];
/// Members whose value says that nothing is asked for.
const NEUTRAL: &[(&str, &[u8])] = &[("truncation", b"\"disabled\""), ("background", b"false"), ("top_logprobs", b"0")];
/// What refers to something that a provider of this protocol keeps, and how to do without.
const KEPT_ELSEWHERE: &[(&str, &str)] = &[
    ("previous_response_id", "send the whole conversation in `input`"),
    ("conversation", "send the whole conversation in `input`"),
    ("prompt", "send its text in `instructions` and `input`"),
];

/// Refuses what no other protocol can do: what it refers to is kept by a provider of this one.
///
/// # Errors
/// When a candidate that speaks another protocol has to be passed over.
pub(crate) fn only_here(request: &Request) -> Result<(), EncodeError> {
    let refuse = |what: &str, instead: &str| {
        let reason = format!("{what} works only with an upstream of the kind `responses`: {instead}");
        Err(EncodeError::Unsupported(reason))
    };
    for (name, instead) in KEPT_ELSEWHERE {
        if request.field(name).is_some() {
            return refuse(&format!("`{name}`"), instead);
        }
    }
    if request.field("background").and_then(Raw::boolean) == Some(true) {
        return refuse("`background`", "leave it out and wait for the answer");
    }
    let input = request.field("input").unwrap_or(Raw::NULL);
    if ["item_reference", "compaction", "\\u00"].iter().all(|word| find(input.bytes(), word).is_none()) {
        return Ok(());
    }
    for item in input.elements().map_while(Result::ok) {
        match item.get("type").and_then(Raw::text).map_or(&b""[..], Text::escaped) {
            b"item_reference" => return refuse("an `item_reference`", "send the item itself"),
            b"compaction" | b"compaction_summary" => {
                return refuse("a compacted conversation", "send the conversation itself");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a request refers to what only a provider of this protocol may have kept.
pub fn refers_elsewhere(request: &Request) -> bool {
    request.protocol() == Protocol::Responses && only_here(request).is_err()
}

pub(crate) fn read_request(request: &Request) -> Result<Exchange<'_>, BadRequest> {
    let mut reader = Reader { exchange: Exchange::default(), prepared: request.prepared(), freeform: 0 };
    let exchange = &mut reader.exchange;
    exchange.max_tokens = request.max_tokens();
    exchange.temperature = request.field("temperature");
    exchange.top_p = request.field("top_p");
    exchange.user = request.user_id();
    exchange.labels = request.field("metadata");
    exchange.shared = Shared::of(request, request.field("text").and_then(|text| text.get("verbosity")));
    exchange.asks = Asks::of(request);
    exchange.parallel = request.field("parallel_tool_calls").and_then(Raw::boolean);
    exchange.format = format(request)?;
    let instructions = request.field("instructions").and_then(Raw::text).filter(|text| !text.is_empty());
    exchange.system.extend(instructions.map(Part::Text));
    let (input, list) = (request.field("input").unwrap_or(Raw::NULL), Place::top("input"));
    if let Some(text) = input.text() {
        exchange.say(Speaker::User, Parts::from_iter([Part::Text(text)]));
    } else if input.elements().next().is_none() {
        return Err(list.refuse("it is empty: nothing is asked"));
    }
    for (index, item) in input.elements().enumerate() {
        reader.item(item?, &list.element(index))?;
    }
    reader.tools(request)?;
    reader.choice(request)?;
    let mut exchange = reader.exchange;
    check_members(request, &mut exchange, KNOWN, NEUTRAL)?;
    warn(&mut exchange, request);
    exchange.pair_results();
    Ok(exchange)
}

/// The form that is asked for.
pub(crate) fn format(request: &Request) -> Result<Format<'_>, BadRequest> {
    let text = Place::top("text");
    let [format] = text.object(request.field("text"))?.unwrap_or(Raw::NULL).pick(["format"])?;
    let at = text.member("format");
    let Some(format) = at.object(format)? else { return Ok(Format::Free) };
    let [kind, name, schema] = format.pick(["type", "name", "schema"])?;
    let (name, schema) = (at.member("name").text(name)?, at.member("schema").object(schema)?);
    match (at.member("type").said(kind)?.escaped(), schema) {
        (b"json_schema", Some(schema)) => Ok(Format::Schema { name, schema }),
        (b"json_schema" | b"json_object", _) => Ok(Format::Object),
        (b"text", _) => Ok(Format::Free),
        (kind, _) => Err(at.member("type").refuse_word(kind, "`text`, `json_object` and `json_schema`")),
    }
}

/// Says what is left out.
fn warn(exchange: &mut Exchange<'_>, request: &Request) {
    for wanted in request.field("include").unwrap_or(Raw::NULL).elements().map_while(Result::ok) {
        if !wanted.is_text("reasoning.encrypted_content") {
            let wanted = wanted.text().map(Text::decode).unwrap_or_default();
            exchange.warn(warnings::unknown_member(&format!("include: {wanted}")));
        }
    }
}

struct Reader<'a> {
    exchange: Exchange<'a>,
    prepared: &'a Prepared,
    /// freeform calls so far
    freeform: usize,
}

impl<'a> Reader<'a> {
    fn say(&mut self, speaker: Speaker, part: Part<'a>) {
        self.exchange.say(speaker, Parts::from_iter([part]));
    }

    fn item(&mut self, item: Raw<'a>, at: &Place<'_>) -> Result<(), BadRequest> {
        let [kind, role] = at.inner(Some(item))?.pick(["type", "role"])?;
        let kind = at.member("type").said(kind)?.decode();
        match &*kind {
            "message" => self.message(item, at),
            // The easy form of a message has no type.
            "" if role.is_some() => self.message(item, at),
            "function_call" | "custom_tool_call" => self.call(item, kind == "custom_tool_call", at),
            "reasoning" => self.reasoning(item, at),
            kind if kind.ends_with("_output") => self.result(kind, item, at),
            // The provider's own searches need no answer; what they found is in the message behind them.
            "web_search_call" => {
                let [action] = item.pick(["action"])?;
                let [query, url] = action.unwrap_or(Raw::NULL).pick(["query", "url"])?;
                let what = query.and_then(Raw::text).or(url.and_then(Raw::text)).unwrap_or(Text::EMPTY).decode();
                self.say(Speaker::Assistant, Part::Note(format!("[searched the web: {what}]")));
                Ok(())
            }
            "image_generation_call" => {
                let [prompt] = item.pick(["revised_prompt"])?;
                let prompt = prompt.and_then(Raw::text).unwrap_or(Text::EMPTY).decode();
                let note = format!("[generated an image, which is not shown here: {prompt}]");
                self.say(Speaker::Assistant, Part::Note(note));
                Ok(())
            }
            "" => Err(at.refuse("an item needs a `type` or a `role`")),
            kind => self.foreign(kind, item),
        }
    }

    fn message(&mut self, item: Raw<'a>, at: &Place<'_>) -> Result<(), BadRequest> {
        let [role, content] = item.pick(["role", "content"])?;
        let within = at.member("content");
        let content = within.content(content)?;
        let mut parts = Parts::new();
        read_content(content, &within, &mut parts)?;
        match at.member("role").said(role)?.escaped() {
            b"user" if content.is_null() => return Err(within.refuse("field required")),
            b"user" => self.exchange.say(Speaker::User, parts),
            b"assistant" => self.exchange.say(Speaker::Assistant, parts),
            b"system" | b"developer" => {
                if parts.iter().any(|part| !matches!(part, Part::Text(_))) {
                    return Err(within.refuse("a system or developer message can hold nothing but text"));
                }
                if self.exchange.turns.is_empty() {
                    self.exchange.system.extend(parts);
                } else {
                    self.exchange.say(Speaker::System, parts);
                }
            }
            _ => {
                let roles = "a role must be `user`, `assistant`, `system` or `developer`";
                return Err(at.member("role").refuse(roles));
            }
        }
        Ok(())
    }

    fn call(&mut self, item: Raw<'a>, custom: bool, at: &Place<'_>) -> Result<(), BadRequest> {
        let names = ["call_id", "name", "namespace", "arguments", "input"];
        let [id, name, namespace, arguments, written] = item.pick(names)?;
        let name = at.member("name").name(name)?;
        let namespace = at.member("namespace").text(namespace)?;
        let input = if custom {
            at.member("input").text(written)?;
            self.freeform += 1;
            Input::Object(self.prepared.input(self.freeform - 1))
        } else {
            match arguments {
                Some(arguments) if arguments.kind() == Kind::Object => Input::Object(arguments),
                arguments => Input::Written(at.member("arguments").said(arguments)?),
            }
        };
        let own = self.prepared.find(name, namespace);
        let name = own.map_or(name, super::tools::OwnTool::flat);
        self.say(Speaker::Assistant, Part::Call { id: at.member("call_id").said(id)?, name, input });
        Ok(())
    }

    fn reasoning(&mut self, item: Raw<'a>, at: &Place<'_>) -> Result<(), BadRequest> {
        let [summary, content, encrypted] = item.pick(["summary", "content", "encrypted_content"])?;
        let mut texts = Vec::new();
        for (name, list) in [("content", content), ("summary", summary)] {
            texts.clear();
            let within = at.member(name);
            for (index, part) in within.list(list)?.elements().enumerate() {
                let at = within.element(index);
                texts.extend(at.member("text").full(at.inner(Some(part?))?.get("text"))?);
            }
            // Our own answers put all thinking into the summary.
            if !texts.is_empty() {
                break;
            }
        }
        let encrypted = at.member("encrypted_content").full(encrypted)?;
        let signature = encrypted.map(|text| Signed::of_client(Wire::Responses, text));
        let last = texts.pop();
        for text in texts {
            self.say(Speaker::Assistant, Part::Thinking { text, signature: None });
        }
        if last.is_some() || signature.is_some() {
            self.say(Speaker::Assistant, Part::Thinking { text: last.unwrap_or(Text::EMPTY), signature });
        }
        Ok(())
    }

    fn result(&mut self, kind: &str, item: Raw<'a>, at: &Place<'_>) -> Result<(), BadRequest> {
        let [id, output] = item.pick(["call_id", "output"])?;
        let Some(id) = at.member("call_id").text(id)? else {
            return self.foreign(kind, item);
        };
        let within = at.member("output");
        let mut parts = Parts::new();
        match output.unwrap_or(Raw::NULL) {
            _ if matches!(kind, "function_call_output" | "custom_tool_call_output") => {
                read_content(within.content(output)?, &within, &mut parts)?;
            }
            output => {
                let [image] = output.pick(["image_url"])?;
                let shown = within.member("image_url");
                parts.push(match (output.text(), shown.full(image)?) {
                    (Some(text), _) => Part::Text(text),
                    (None, Some(image)) => Part::Image(media::address(&shown, image)?),
                    (None, None) => Part::Note(written(if output.is_null() { item } else { output })),
                });
            }
        }
        self.say(Speaker::User, Part::Result { id, error: false, parts: parts.into_vec() });
        Ok(())
    }

    /// What only Responses knows: a call that the client ran is a call, the rest is told in words.
    fn foreign(&mut self, kind: &str, item: Raw<'a>) -> Result<(), BadRequest> {
        let [id, action, operation, arguments] = item.pick(["call_id", "action", "operation", "arguments"])?;
        let input = [action, operation, arguments].into_iter().flatten().find(|raw| raw.kind() == Kind::Object);
        if let (Some(id), Some(input), Some(name)) = (id.and_then(Raw::text), input, own_call(kind)) {
            self.say(Speaker::Assistant, Part::Call { id, name, input: Input::Object(input) });
            return Ok(());
        }
        self.exchange.warn(format!("an item of the type `{}` was put into words", shown(kind)));
        let speaker =
            if kind.ends_with("_response") || kind.ends_with("_output") { Speaker::User } else { Speaker::Assistant };
        self.say(speaker, Part::Note(format!("[{}] {}", shown(kind), written(item))));
        Ok(())
    }

    fn tools(&mut self, request: &'a Request) -> Result<(), BadRequest> {
        let list = Place::top("tools");
        for tool in tools(request) {
            // Those of a namespace are told by the place of their namespace.
            let at = list.element(tool.index);
            let names = ["type", "name", "description", "parameters", "strict"];
            let [kind, name, description, schema, strict] = at.inner(Some(tool.raw))?.pick(names)?;
            let kind = at.member("type").name(kind)?;
            if !(kind.is("function") || tool.is_custom()) {
                self.exchange.server_tools.push(kind.decode());
                continue;
            }
            let name = at.member("name").full(name)?.ok_or_else(|| at.refuse("a tool has no name"))?;
            let description = at.member("description").full(description)?;
            let schema = at.member("parameters").object(schema)?;
            let own = self.prepared.find(name, tool.namespace()).filter(|_| tool.is_own());
            let schema = if tool.is_custom() { Some(Raw::from_measured(FREEFORM_SCHEMA)) } else { schema };
            self.exchange.tools.push(Tool {
                name: own.map_or(name, super::tools::OwnTool::flat),
                description: own.map_or(description, super::tools::OwnTool::description),
                schema,
                strict: at.member("strict").flag(strict)?.and(strict).filter(|_| !tool.is_custom()),
                cache: None,
            });
        }
        Ok(())
    }

    /// A tool of the client's by what `tool_choice` says of it.
    fn chosen(&self, choice: Raw<'a>) -> Result<Option<Text<'a>>, BadRequest> {
        let [kind, name, namespace] = choice.pick(["type", "name", "namespace"])?;
        let is_ours = kind.is_some_and(|kind| kind.is_text("function") || kind.is_text("custom"));
        let Some(name) = name.and_then(Raw::text).filter(|name| is_ours && !name.is_empty()) else { return Ok(None) };
        let own = self.prepared.find(name, namespace.and_then(Raw::text));
        Ok(Some(own.map_or(name, super::tools::OwnTool::flat)))
    }

    fn choice(&mut self, request: &'a Request) -> Result<(), BadRequest> {
        let Some(choice) = request.field("tool_choice") else { return Ok(()) };
        let word = |text: Option<Text<'_>>| match text.map_or(&b""[..], Text::escaped) {
            b"auto" => Some(Choice::Auto),
            b"required" => Some(Choice::Any),
            b"none" => Some(Choice::None),
            _ => None,
        };
        if let Some(choice) = word(choice.text()) {
            self.exchange.choice = choice;
            return Ok(());
        }
        let [kind, mode, allowed] = choice.pick(["type", "mode", "tools"])?;
        if kind.is_some_and(|kind| kind.is_text("allowed_tools")) {
            let mut names = Vec::new();
            for tool in allowed.unwrap_or(Raw::NULL).elements() {
                names.extend(self.chosen(tool?)?.map(Text::decode));
            }
            self.exchange.tools.retain(|tool| names.contains(&tool.name.decode()));
            self.exchange.choice = word(mode.and_then(Raw::text)).unwrap_or(Choice::Auto);
            return Ok(());
        }
        match self.chosen(choice)? {
            Some(name) => self.exchange.choice = Choice::Tool(name),
            None => match kind.and_then(Raw::text) {
                Some(kind) => {
                    let kind = shown(&kind.decode());
                    self.exchange.warn(format!("the demand for the provider's own tool `{kind}` was left out"));
                }
                None => {
                    return Err(BadRequest::new(
                        "`tool_choice`: auto, required, none or a tool with its type is required",
                    ));
                }
            },
        }
        Ok(())
    }
}

/// What a call of a tool that the client runs, and Responses defines, is called elsewhere.
fn own_call(kind: &str) -> Option<Text<'static>> {
    Some(Text::from_escaped(match kind {
        "local_shell_call" => b"local_shell",
        "shell_call" => b"shell",
        "apply_patch_call" => b"apply_patch",
        "computer_call" => b"computer",
        "tool_search_call" => b"tool_search",
        _ => return None,
    }))
}

fn written(raw: Raw<'_>) -> String {
    String::from_utf8_lossy(raw.bytes()).into_owned()
}

fn read_content<'a>(content: Raw<'a>, within: &Place<'_>, parts: &mut Parts<'a>) -> Result<(), BadRequest> {
    parts.extend(content.text().filter(|text| !text.is_empty()).map(Part::Text));
    for (index, part) in content.elements().enumerate() {
        let at = within.element(index);
        let part = at.inner(Some(part?))?;
        let [kind, words, refusal] = part.pick(["type", "text", "refusal"])?;
        match at.member("type").said(kind)?.escaped() {
            b"input_text" | b"output_text" | b"text" => parts.extend(at.member("text").full(words)?.map(Part::Text)),
            b"refusal" => parts.extend(at.member("refusal").full(refusal)?.map(Part::Text)),
            b"input_image" => parts.push(Part::Image(read_image(part, &at)?)),
            b"input_file" => parts.push(read_file(part, &at)?),
            b"input_audio" => parts.push(Part::Audio(sound(part, &at)?)),
            kind => {
                let kind = shown(&String::from_utf8_lossy(kind));
                return Err(at.refuse(format_args!("a content part of the type `{kind}` is not known")));
            }
        }
    }
    Ok(())
}

fn read_image<'a>(part: Raw<'a>, at: &Place<'_>) -> Result<Source<'a>, BadRequest> {
    let [url, id] = part.pick(["image_url", "file_id"])?;
    match (at.member("image_url").text(url)?, at.member("file_id").text(id)?) {
        (Some(url), _) => media::address(&at.member("image_url"), url),
        (None, Some(_)) => Ok(Source::Id),
        (None, None) => Err(at.refuse("an input_image needs an `image_url` or a `file_id`")),
    }
}

fn read_file<'a>(part: Raw<'a>, at: &Place<'_>) -> Result<Part<'a>, BadRequest> {
    let [name, data, url, id] = part.pick(["filename", "file_data", "file_url", "file_id"])?;
    let data = at.member("file_data").text(data)?;
    let source = match (data, at.member("file_url").text(url)?, at.member("file_id").text(id)?) {
        (Some(data), ..) => media::file_data(&at.member("file_data"), data)?,
        (None, Some(url), _) => media::address(&at.member("file_url"), url)?,
        (None, None, Some(_)) => Source::Id,
        _ => return Err(at.refuse("an input_file needs `file_data`, a `file_url` or a `file_id`")),
    };
    Ok(Part::Document { name: at.member("filename").full(name)?, source })
}
