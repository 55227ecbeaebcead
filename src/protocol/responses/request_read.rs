//! Reading a request of Responses.

use super::super::Wire;
use super::super::asks::Asks;
use super::super::content::find;
use super::super::encode::{EncodeError, warnings};
use super::super::exchange::{Choice, Exchange, Format, Part, Parts, Source, Speaker, Tool};
use super::super::json::{JsonError, Kind, Raw, Text};
use super::super::message::Input;
use super::super::openai::{sound, source};
use super::super::request::{BadRequest, Request, shown};
use super::super::signed::Signed;
use super::tools::{FREEFORM_SCHEMA, Prepared, tools};

/// Members that are carried over, or that only this side's provider has a use for.
const KNOWN: &[&str] = &[
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_output_tokens",
    "temperature",
    "top_p",
    "stream",
    "stream_options",
    "user",
    "safety_identifier",
    "metadata",
    "client_metadata",
    "reasoning",
    "text",
    "include",
    "store",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
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

pub(crate) fn read_request(request: &Request) -> Result<Exchange<'_>, BadRequest> {
    let mut reader = Reader { exchange: Exchange::default(), prepared: request.prepared(), freeform: 0 };
    let exchange = &mut reader.exchange;
    exchange.max_tokens = request.max_tokens();
    exchange.temperature = request.field("temperature");
    exchange.top_p = request.field("top_p");
    exchange.user = request.user_id();
    exchange.asks = Asks::of(request);
    exchange.parallel = request.field("parallel_tool_calls").and_then(Raw::boolean);
    exchange.format = format(request)?;
    let instructions = request.field("instructions").and_then(Raw::text).filter(|text| !text.is_empty());
    exchange.system.extend(instructions.map(Part::Text));
    let input = request.field("input").unwrap_or(Raw::NULL);
    if let Some(text) = input.text() {
        exchange.say(Speaker::User, Parts::from_iter([Part::Text(text)]));
    }
    for item in input.elements() {
        reader.item(item?)?;
    }
    reader.tools(request)?;
    reader.choice(request)?;
    let mut exchange = reader.exchange;
    warn(&mut exchange, request);
    exchange.pair_results();
    Ok(exchange)
}

/// The form that is asked for.
pub(crate) fn format(request: &Request) -> Result<Format<'_>, JsonError> {
    let [format] = request.field("text").unwrap_or(Raw::NULL).pick(["format"])?;
    let [kind, name, schema] = format.unwrap_or(Raw::NULL).pick(["type", "name", "schema"])?;
    Ok(match (kind.and_then(Raw::text).map_or(&b""[..], Text::escaped), schema) {
        (b"json_schema", Some(schema)) => Format::Schema { name: name.and_then(Raw::text), schema },
        (b"json_schema" | b"json_object", _) => Format::Object,
        _ => Format::Free,
    })
}

/// Says what is left out.
fn warn(exchange: &mut Exchange<'_>, request: &Request) {
    for (name, value) in request.members() {
        let neutral = NEUTRAL.iter().any(|(known, nothing)| name.is(known) && value.bytes() == *nothing);
        if !(value.is_null() || neutral || KNOWN.iter().any(|known| name.is(known))) {
            exchange.warn(warnings::unknown_member(&name.decode()));
        }
    }
    if request.field("store").and_then(Raw::boolean) == Some(true) {
        exchange.warn("the answer is not stored: it cannot be fetched or continued by its id");
    }
    let verbosity = request.field("text").and_then(|text| text.get("verbosity"));
    if verbosity.is_some_and(|verbosity| !verbosity.is_text("medium")) {
        exchange.warn(warnings::unknown_member("text.verbosity"));
    }
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

/// A text that is not empty.
fn full(raw: Option<Raw<'_>>) -> Option<Text<'_>> {
    raw.and_then(Raw::text).filter(|text| !text.is_empty())
}

fn text(raw: Option<Raw<'_>>) -> Text<'_> {
    raw.and_then(Raw::text).unwrap_or(Text::EMPTY)
}

impl<'a> Reader<'a> {
    fn say(&mut self, speaker: Speaker, part: Part<'a>) {
        self.exchange.say(speaker, Parts::from_iter([part]));
    }

    fn item(&mut self, item: Raw<'a>) -> Result<(), BadRequest> {
        if item.kind() != Kind::Object {
            return Err(BadRequest::new("`input`: an item must be an object"));
        }
        let [kind, role] = item.pick(["type", "role"])?;
        let kind = kind.and_then(Raw::text).map(Text::decode).unwrap_or_default();
        match &*kind {
            "message" => self.message(item),
            // The easy form of a message has no type.
            "" if role.is_some() => self.message(item),
            "function_call" | "custom_tool_call" => self.call(item, kind == "custom_tool_call"),
            "reasoning" => self.reasoning(item),
            kind if kind.ends_with("_output") => self.result(kind, item),
            // The provider's own searches need no answer; what they found is in the message behind them.
            "web_search_call" => {
                let [action] = item.pick(["action"])?;
                let [query, url] = action.unwrap_or(Raw::NULL).pick(["query", "url"])?;
                let what = full(query).or(full(url)).unwrap_or(Text::EMPTY).decode();
                self.say(Speaker::Assistant, Part::Note(format!("[searched the web: {what}]")));
                Ok(())
            }
            "image_generation_call" => {
                let [prompt] = item.pick(["revised_prompt"])?;
                let note = format!("[generated an image, which is not shown here: {}]", text(prompt).decode());
                self.say(Speaker::Assistant, Part::Note(note));
                Ok(())
            }
            "" => Err(BadRequest::new("`input`: an item needs a `type` or a `role`")),
            kind => self.foreign(kind, item),
        }
    }

    fn message(&mut self, item: Raw<'a>) -> Result<(), BadRequest> {
        let [role, content] = item.pick(["role", "content"])?;
        let mut parts = Parts::new();
        self.content(content.unwrap_or(Raw::NULL), &mut parts)?;
        match role.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
            b"user" => self.exchange.say(Speaker::User, parts),
            b"assistant" => self.exchange.say(Speaker::Assistant, parts),
            b"system" | b"developer" => {
                if parts.iter().any(|part| !matches!(part, Part::Text(_))) {
                    return Err(BadRequest::new("`input`: a system or developer message can hold nothing but text"));
                }
                if self.exchange.turns.is_empty() {
                    self.exchange.system.extend(parts);
                } else {
                    self.exchange.say(Speaker::System, parts);
                }
            }
            _ => return Err(BadRequest::new("`input`: a role must be user, assistant, system or developer")),
        }
        Ok(())
    }

    fn content(&mut self, content: Raw<'a>, parts: &mut Parts<'a>) -> Result<(), BadRequest> {
        parts.extend(full(Some(content)).map(Part::Text));
        for part in content.elements() {
            let part = part?;
            let [kind, words, refusal] = part.pick(["type", "text", "refusal"])?;
            match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
                b"input_text" | b"output_text" | b"text" => parts.extend(full(words).map(Part::Text)),
                b"refusal" => parts.extend(full(refusal).map(Part::Text)),
                b"input_image" => {
                    let [url, id] = part.pick(["image_url", "file_id"])?;
                    if url.is_none() && id.is_none() {
                        return Err(BadRequest::new("`input`: an input_image needs an `image_url` or a `file_id`"));
                    }
                    parts.push(Part::Image(url.and_then(Raw::text).map_or(Source::Id, source)));
                }
                b"input_file" => {
                    let [name, data, url] = part.pick(["filename", "file_data", "file_url"])?;
                    let file = data.and_then(Raw::text).map(file_data);
                    let source = file.or_else(|| url.and_then(Raw::text).map(source)).unwrap_or(Source::Id);
                    parts.push(Part::Document { name: full(name), source });
                }
                b"input_audio" => parts.push(Part::Audio(sound(part)?)),
                kind => {
                    let kind = shown(&String::from_utf8_lossy(kind));
                    return Err(BadRequest::new(format!("`input`: a content part of the type `{kind}` is not known")));
                }
            }
        }
        Ok(())
    }

    fn call(&mut self, item: Raw<'a>, custom: bool) -> Result<(), BadRequest> {
        let [id, name, namespace, arguments] = item.pick(["call_id", "name", "namespace", "arguments"])?;
        let input = if custom {
            self.freeform += 1;
            Input::Object(self.prepared.input(self.freeform - 1))
        } else {
            match arguments {
                Some(arguments) if arguments.kind() == Kind::Object => Input::Object(arguments),
                arguments => Input::Written(text(arguments)),
            }
        };
        let own = self.prepared.find(text(name), namespace.and_then(Raw::text));
        let name = own.map_or(text(name), super::tools::OwnTool::flat);
        self.say(Speaker::Assistant, Part::Call { id: text(id), name, input });
        Ok(())
    }

    fn reasoning(&mut self, item: Raw<'a>) -> Result<(), BadRequest> {
        let [summary, content, encrypted] = item.pick(["summary", "content", "encrypted_content"])?;
        let mut texts = Vec::new();
        for list in [content, summary] {
            texts.clear();
            for part in list.unwrap_or(Raw::NULL).elements() {
                texts.extend(full(part?.get("text")));
            }
            // Our own answers put all thinking into the summary.
            if !texts.is_empty() {
                break;
            }
        }
        let signature = full(encrypted).map(|text| Signed::of_client(Wire::Responses, text));
        let last = texts.pop();
        for text in texts {
            self.say(Speaker::Assistant, Part::Thinking { text, signature: None });
        }
        if last.is_some() || signature.is_some() {
            self.say(Speaker::Assistant, Part::Thinking { text: last.unwrap_or(Text::EMPTY), signature });
        }
        Ok(())
    }

    fn result(&mut self, kind: &str, item: Raw<'a>) -> Result<(), BadRequest> {
        let [id, output] = item.pick(["call_id", "output"])?;
        let Some(id) = id.and_then(Raw::text) else {
            return self.foreign(kind, item);
        };
        let mut parts = Parts::new();
        match output.unwrap_or(Raw::NULL) {
            output if matches!(kind, "function_call_output" | "custom_tool_call_output") => {
                self.content(output, &mut parts)?;
            }
            output => {
                let [image] = output.pick(["image_url"])?;
                parts.push(match (output.text(), full(image)) {
                    (Some(text), _) => Part::Text(text),
                    (None, Some(image)) => Part::Image(source(image)),
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
        for tool in tools(request) {
            let [kind, name, description, schema, strict] =
                tool.raw.pick(["type", "name", "description", "parameters", "strict"])?;
            let kind = kind.and_then(Raw::text).unwrap_or(Text::EMPTY);
            if !(kind.is("function") || tool.is_custom()) {
                self.exchange.server_tools.push(kind.decode());
                continue;
            }
            let name = full(name).ok_or_else(|| BadRequest::new("`tools`: a tool has no name"))?;
            let own = self.prepared.find(name, tool.namespace()).filter(|_| tool.is_own());
            let schema = if tool.is_custom() { Some(Raw::from_measured(FREEFORM_SCHEMA)) } else { schema };
            self.exchange.tools.push(Tool {
                name: own.map_or(name, super::tools::OwnTool::flat),
                description: own.map_or(full(description), super::tools::OwnTool::description),
                schema,
                strict: strict.filter(|_| !tool.is_custom()),
                cache: None,
            });
        }
        Ok(())
    }

    /// A tool of the client's by what `tool_choice` says of it.
    fn chosen(&self, choice: Raw<'a>) -> Result<Option<Text<'a>>, JsonError> {
        let [kind, name, namespace] = choice.pick(["type", "name", "namespace"])?;
        let is_ours = kind.is_some_and(|kind| kind.is_text("function") || kind.is_text("custom"));
        let Some(name) = full(name).filter(|_| is_ours) else { return Ok(None) };
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

/// A file's bytes: a data URL, or base64 alone.
fn file_data(data: Text<'_>) -> Source<'_> {
    match source(data) {
        Source::Url(data) => Source::Base64 { media: Text::from_escaped(b"application/pdf"), data },
        source => source,
    }
}

fn written(raw: Raw<'_>) -> String {
    String::from_utf8_lossy(raw.bytes()).into_owned()
}
