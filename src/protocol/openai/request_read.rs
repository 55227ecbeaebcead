//! Reading a request of Chat Completions.

use super::super::asks::Asks;
use super::super::encode::warnings;
use super::super::exchange::{Choice, Exchange, Format, Part, Parts, Source, Speaker, Tool};
use super::super::json::{Kind, Raw, Text};
use super::super::media;
use super::super::message::Input;
use super::super::request::{BadRequest, Request, shown};
use super::super::shared::Shared;
use super::super::strict::{Form, Members, Place, check_members};

/// Members that are carried over, or that only this side's provider has a use for.
const KNOWN: &Members = &[
    ("model", Form::Any),
    ("messages", Form::Any),
    ("tools", Form::Any),
    ("tool_choice", Form::TextOrObject),
    ("parallel_tool_calls", Form::Flag),
    ("max_tokens", Form::Any),
    ("max_completion_tokens", Form::Any),
    ("temperature", Form::Number),
    ("top_p", Form::Number),
    ("top_k", Form::Number),
    ("seed", Form::Number),
    ("presence_penalty", Form::Number),
    ("frequency_penalty", Form::Number),
    ("stop", Form::TextOrTexts),
    ("stream", Form::Any),
    ("stream_options", Form::Object(&[("include_usage", Form::Flag)])),
    ("user", Form::Text),
    ("safety_identifier", Form::Text),
    ("metadata", Form::Object(&[])),
    ("response_format", Form::Object(&[])),
    ("reasoning_effort", Form::Text),
    ("reasoning", Form::Object(&[("effort", Form::Text), ("max_tokens", Form::Number), ("enabled", Form::Flag)])),
    ("thinking", Form::Object(&[("type", Form::Text), ("budget_tokens", Form::Number)])),
    ("enable_thinking", Form::Flag),
    ("thinking_budget", Form::Number),
    ("web_search_options", Form::Object(&[])),
    ("store", Form::Flag),
    ("verbosity", Form::Text),
    ("service_tier", Form::Text),
    ("prompt_cache_key", Form::Any),
    ("prompt_cache_retention", Form::Any),
];
/// Members whose value says that nothing is asked for.
const NEUTRAL: &[(&str, &[u8])] =
    &[("n", b"1"), ("logprobs", b"false"), ("logit_bias", b"{}"), ("modalities", b"[\"text\"]")];

pub(crate) fn read_request(request: &Request) -> Result<Exchange<'_>, BadRequest> {
    let mut exchange = Exchange {
        max_tokens: request.max_tokens(),
        temperature: request.field("temperature"),
        top_p: request.field("top_p"),
        top_k: request.field("top_k"),
        seed: request.field("seed"),
        presence_penalty: request.field("presence_penalty"),
        frequency_penalty: request.field("frequency_penalty"),
        user: request.user_id(),
        labels: request.field("metadata"),
        shared: Shared::of(request, request.field("verbosity")),
        asks: Asks::of(request),
        parallel: request.field("parallel_tool_calls").and_then(Raw::boolean),
        format: format(request)?,
        ..Exchange::default()
    };
    let stop = request.field("stop").unwrap_or(Raw::NULL);
    exchange.stop.extend(stop.text());
    for stop in stop.elements() {
        exchange.stop.extend(stop?.text());
    }
    let list = Place::top("messages");
    for (index, message) in request.field("messages").unwrap_or(Raw::NULL).elements().enumerate() {
        read_message(&mut exchange, message?, &list.element(index))?;
    }
    read_tools(&mut exchange, request)?;
    check_members(request, &mut exchange, KNOWN, NEUTRAL)?;
    let thinking = request.field("thinking").and_then(|thinking| thinking.get("type")).and_then(Raw::text);
    if thinking.is_some_and(|word| !["enabled", "adaptive", "disabled", "auto"].iter().any(|known| word.is(known))) {
        exchange.warn(warnings::unknown_member("thinking.type"));
    }
    exchange.pair_results();
    Ok(exchange)
}

/// The form that is asked for.
pub(crate) fn format(request: &Request) -> Result<Format<'_>, BadRequest> {
    let at = Place::top("response_format");
    let Some(format) = at.object(request.field("response_format"))? else { return Ok(Format::Free) };
    let [kind, schema] = format.pick(["type", "json_schema"])?;
    let within = at.member("json_schema");
    let [name, schema] = within.object(schema)?.unwrap_or(Raw::NULL).pick(["name", "schema"])?;
    let (name, schema) = (within.member("name").text(name)?, within.member("schema").object(schema)?);
    match (at.member("type").said(kind)?.escaped(), schema) {
        (b"json_schema", Some(schema)) => Ok(Format::Schema { name, schema }),
        (b"json_schema" | b"json_object", _) => Ok(Format::Object),
        (b"text", _) => Ok(Format::Free),
        (kind, _) => Err(at.member("type").refuse_word(kind, "`text`, `json_object` and `json_schema`")),
    }
}

fn read_message<'a>(exchange: &mut Exchange<'a>, message: Raw<'a>, at: &Place<'_>) -> Result<(), BadRequest> {
    let [role, content, calls, id, reasoning, refusal, outdated, audio, name] = at.inner(Some(message))?.pick([
        "role",
        "content",
        "tool_calls",
        "tool_call_id",
        "reasoning_content",
        "refusal",
        "function_call",
        "audio",
        "name",
    ])?;
    let mut parts = Parts::new();
    if let Some(text) = at.member("reasoning_content").full(reasoning)? {
        parts.push(Part::Thinking { text, signature: None });
    }
    let within = at.member("content");
    let content = within.content(content)?;
    read_content(content, &within, &mut parts)?;
    parts.extend(at.member("refusal").full(refusal)?.map(Part::Text));
    let role = at.member("role").said(role)?.escaped();
    // Of a result it is the function's, which its call names too.
    if at.member("name").full(name)?.is_some() && role != b"tool" {
        exchange.warn_once(warnings::unknown_member("messages.name"));
    }
    match role {
        b"user" if content.is_null() => return Err(within.refuse("field required")),
        b"user" => exchange.say(Speaker::User, parts),
        b"system" | b"developer" => {
            let says = |part: &Part<'_>| matches!(part, Part::Text(_) | Part::CacheMark(_));
            if !parts.iter().all(says) {
                return Err(within.refuse("a system or developer message can hold nothing but text"));
            }
            if exchange.turns.is_empty() {
                exchange.system.extend(parts);
            } else {
                exchange.say(Speaker::System, parts);
            }
        }
        b"tool" => {
            let id = at.member("tool_call_id").said(id)?;
            let result = Part::Result { id, error: false, parts: parts.into_vec() };
            exchange.say(Speaker::User, Parts::from_iter([result]));
        }
        b"assistant" => {
            if outdated.is_some() {
                return Err(at.member("function_call").refuse("it is outdated; use `tool_calls`"));
            }
            if audio.is_some() {
                exchange.warn("the sound of an earlier answer was left out: only its provider has it");
            }
            read_calls(calls, &at.member("tool_calls"), &mut parts)?;
            exchange.say(Speaker::Assistant, parts);
        }
        b"function" => return Err(at.member("role").refuse("the role `function` is outdated; use `tool`")),
        _ => {
            return Err(at
                .member("role")
                .refuse("a role must be `system`, `developer`, `user`, `assistant` or `tool`"));
        }
    }
    Ok(())
}

fn read_content<'a>(content: Raw<'a>, within: &Place<'_>, parts: &mut Parts<'a>) -> Result<(), BadRequest> {
    parts.extend(content.text().filter(|text| !text.is_empty()).map(Part::Text));
    for (index, part) in content.elements().enumerate() {
        let at = within.element(index);
        let part = at.inner(Some(part?))?;
        let [kind, text, image, file, refusal, mark] =
            part.pick(["type", "text", "image_url", "file", "refusal", "cache_control"])?;
        let mark = at.member("cache_control").object(mark)?;
        let before = parts.len();
        match at.member("type").said(kind)?.escaped() {
            b"text" => parts.extend(at.member("text").full(text)?.map(Part::Text)),
            b"refusal" => parts.extend(at.member("refusal").full(refusal.or(text))?.map(Part::Text)),
            b"image_url" => parts.push(Part::Image(read_image(image, &at.member("image_url"))?)),
            b"file" => parts.push(read_file(file, &at.member("file"))?),
            b"input_audio" => parts.push(Part::Audio(sound(part, &at)?)),
            kind => {
                let kind = shown(&String::from_utf8_lossy(kind));
                return Err(at.refuse(format_args!("a content part of the type `{kind}` is not known")));
            }
        }
        // OpenRouter's clients mark what Anthropic's models are to cache.
        parts.extend(mark.filter(|_| parts.len() > before).map(Part::CacheMark));
    }
    Ok(())
}

/// Some clients give the address itself.
fn read_image<'a>(image: Option<Raw<'a>>, at: &Place<'_>) -> Result<Source<'a>, BadRequest> {
    if let Some(url) = image.and_then(Raw::text) {
        return media::address(at, url);
    }
    let [url] = at.inner(image)?.pick(["url"])?;
    media::address(&at.member("url"), at.member("url").name(url)?)
}

fn read_file<'a>(file: Option<Raw<'a>>, at: &Place<'_>) -> Result<Part<'a>, BadRequest> {
    let [name, data, id] = at.inner(file)?.pick(["filename", "file_data", "file_id"])?;
    let source = match (at.member("file_data").text(data)?, at.member("file_id").text(id)?) {
        (Some(data), _) => media::file_data(&at.member("file_data"), data)?,
        (None, Some(_)) => Source::Id,
        (None, None) => return Err(at.refuse("`file_data` or a `file_id` is required")),
    };
    Ok(Part::Document { name: at.member("filename").full(name)?, source })
}

fn read_calls<'a>(calls: Option<Raw<'a>>, within: &Place<'_>, parts: &mut Parts<'a>) -> Result<(), BadRequest> {
    for (index, call) in within.list(calls)?.elements().enumerate() {
        let at = within.element(index);
        let [id, function, custom] = at.inner(Some(call?))?.pick(["id", "function", "custom"])?;
        if custom.is_some() {
            return Err(at.member("custom").refuse("a freeform call cannot be translated; use a function"));
        }
        let inner = at.member("function");
        let [name, arguments] = inner.inner(function)?.pick(["name", "arguments"])?;
        let input = match arguments {
            Some(arguments) if arguments.kind() == Kind::Object => Input::Object(arguments),
            arguments => Input::Written(inner.member("arguments").said(arguments)?),
        };
        let name = inner.member("name").name(name)?;
        parts.push(Part::Call { id: at.member("id").said(id)?, name, input });
    }
    Ok(())
}

fn read_tools<'a>(exchange: &mut Exchange<'a>, request: &'a Request) -> Result<(), BadRequest> {
    let list = Place::top("tools");
    for (index, tool) in request.field("tools").unwrap_or(Raw::NULL).elements().enumerate() {
        let at = list.element(index);
        let [kind, function, mark] = at.inner(Some(tool?))?.pick(["type", "function", "cache_control"])?;
        let within = at.member("function");
        let kind = at.member("type").text(kind)?;
        let Some(function) = within.object(function)? else {
            match kind.filter(|kind| !kind.is("function")) {
                Some(kind) => exchange.server_tools.push(kind.decode()),
                None => return Err(within.refuse("field required")),
            }
            continue;
        };
        let names = ["name", "description", "parameters", "strict", "cache_control"];
        let [name, description, schema, strict, inner_mark] = function.pick(names)?;
        exchange.tools.push(Tool {
            name: within.member("name").full(name)?.ok_or_else(|| at.refuse("a tool has no name"))?,
            description: within.member("description").text(description)?,
            schema: within.member("parameters").object(schema)?,
            strict: within.member("strict").flag(strict)?.and(strict),
            cache: at.member("cache_control").object(mark.or(inner_mark))?,
        });
    }
    if request.field("web_search_options").is_some() {
        exchange.server_tools.push("web_search".into());
    }
    let Some(choice) = request.field("tool_choice") else { return Ok(()) };
    let [function] = choice.pick(["function"])?;
    let [name] = function.unwrap_or(Raw::NULL).pick(["name"])?;
    exchange.choice = match (choice.text().map(Text::escaped), name.and_then(Raw::text)) {
        (Some(b"auto"), _) => Choice::Auto,
        (Some(b"required"), _) => Choice::Any,
        (Some(b"none"), _) => Choice::None,
        (None, Some(name)) => Choice::Tool(name),
        _ => return Err(BadRequest::new("`tool_choice`: auto, required, none or a function is required")),
    };
    Ok(())
}

/// The sounds that a block may hold, and their types.
const SOUNDS: &[(&[u8], &[u8])] = &[
    (b"wav", b"audio/wav"),
    (b"mp3", b"audio/mp3"),
    (b"aac", b"audio/aac"),
    (b"aiff", b"audio/aiff"),
    (b"flac", b"audio/flac"),
    (b"ogg", b"audio/ogg"),
];

/// The data of an `input_audio`, of Chat or Responses.
pub(crate) fn sound<'a>(block: Raw<'a>, at: &Place<'_>) -> Result<Source<'a>, BadRequest> {
    let at = at.member("input_audio");
    let [data, format] = at.inner(block.get("input_audio"))?.pick(["data", "format"])?;
    let word = at.member("format").said(format)?.escaped();
    let Some((_, media)) = SOUNDS.iter().find(|(name, _)| *name == word) else {
        return Err(at.member("format").refuse("the `format` of an `input_audio` must be `wav` or `mp3`"));
    };
    let data = at.member("data").name(data)?;
    media::inline(&at.member("data"), Text::from_escaped(media), data)
}

/// Chat's word for a type of sound; None when it has none.
pub(super) fn sound_format(media: Text<'_>) -> Option<&'static str> {
    match &*media.decode() {
        "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => Some("wav"),
        "audio/mp3" | "audio/mpeg" => Some("mp3"),
        _ => None,
    }
}
