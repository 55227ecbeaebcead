//! Reading a request of Chat Completions.

use super::super::asks::Asks;
use super::super::encode::warnings;
use super::super::exchange::{Choice, Exchange, Format, Part, Parts, Source, Speaker, Tool};
use super::super::json::{JsonError, Kind, Raw, Text};
use super::super::message::Input;
use super::super::request::{BadRequest, Request};

/// Members that are carried over, or that only this side's provider has a use for.
const KNOWN: &[&str] = &[
    "model",
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "stop",
    "stream",
    "stream_options",
    "user",
    "safety_identifier",
    "metadata",
    "response_format",
    "reasoning_effort",
    "reasoning",
    "thinking",
    "enable_thinking",
    "thinking_budget",
    "web_search_options",
    "store",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
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
    for message in request.field("messages").unwrap_or(Raw::NULL).elements() {
        read_message(&mut exchange, message?)?;
    }
    read_tools(&mut exchange, request)?;
    for (name, value) in request.members() {
        let neutral = NEUTRAL.iter().any(|(known, nothing)| name.is(known) && value.bytes() == *nothing);
        if !(value.is_null() || neutral || KNOWN.iter().any(|known| name.is(known))) {
            exchange.warn(warnings::unknown_member(&name.decode()));
        }
    }
    exchange.pair_results();
    Ok(exchange)
}

/// The form that is asked for.
pub(crate) fn format(request: &Request) -> Result<Format<'_>, JsonError> {
    let Some(format) = request.field("response_format") else { return Ok(Format::Free) };
    let [kind, schema] = format.pick(["type", "json_schema"])?;
    let [name, schema] = schema.unwrap_or(Raw::NULL).pick(["name", "schema"])?;
    Ok(match (kind.and_then(Raw::text).map_or(&b""[..], Text::escaped), schema) {
        (b"json_schema", Some(schema)) => Format::Schema { name: name.and_then(Raw::text), schema },
        (b"json_schema" | b"json_object", _) => Format::Object,
        _ => Format::Free,
    })
}

fn read_message<'a>(exchange: &mut Exchange<'a>, message: Raw<'a>) -> Result<(), BadRequest> {
    let [role, content, calls, id, reasoning, refusal] =
        message.pick(["role", "content", "tool_calls", "tool_call_id", "reasoning_content", "refusal"])?;
    let mut parts = Parts::new();
    if let Some(text) = reasoning.and_then(Raw::text).filter(|text| !text.is_empty()) {
        parts.push(Part::Thinking { text, signature: None });
    }
    read_content(content.unwrap_or(Raw::NULL), &mut parts)?;
    parts.extend(refusal.and_then(Raw::text).filter(|text| !text.is_empty()).map(Part::Text));
    match role.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
        b"user" => exchange.say(Speaker::User, parts),
        b"system" | b"developer" if exchange.turns.is_empty() => {
            let says = |part: &Part<'_>| matches!(part, Part::Text(_) | Part::CacheMark(_));
            exchange.system.extend(parts.into_iter().filter(says));
        }
        b"system" | b"developer" => exchange.say(Speaker::System, parts),
        b"tool" => {
            let id = id.and_then(Raw::text).unwrap_or(Text::EMPTY);
            let result = Part::Result { id, error: false, parts: parts.into_vec() };
            exchange.say(Speaker::User, Parts::from_iter([result]));
        }
        b"assistant" => {
            read_calls(calls.unwrap_or(Raw::NULL), &mut parts)?;
            exchange.say(Speaker::Assistant, parts);
        }
        b"function" => return Err(BadRequest::new("`messages`: the role `function` is outdated; use `tool`")),
        _ => return Err(BadRequest::new("`messages`: a role must be system, developer, user, assistant or tool")),
    }
    Ok(())
}

fn read_content<'a>(content: Raw<'a>, parts: &mut Parts<'a>) -> Result<(), BadRequest> {
    parts.extend(content.text().filter(|text| !text.is_empty()).map(Part::Text));
    for part in content.elements() {
        let part = part?;
        let [kind, text, image, file, refusal, mark] =
            part.pick(["type", "text", "image_url", "file", "refusal", "cache_control"])?;
        let before = parts.len();
        match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
            b"text" | b"refusal" => {
                let text = text.or(refusal).and_then(Raw::text).filter(|text| !text.is_empty());
                parts.extend(text.map(Part::Text));
            }
            b"image_url" => {
                let image = image.unwrap_or(Raw::NULL);
                let [url] = image.pick(["url"])?;
                let url = url.and_then(Raw::text).or_else(|| image.text());
                let url = url.ok_or_else(|| BadRequest::new("`messages`: an image_url has no url"))?;
                parts.push(Part::Image(source(url)));
            }
            b"file" => {
                let [name, data] = file.unwrap_or(Raw::NULL).pick(["filename", "file_data"])?;
                let source = data.and_then(Raw::text).map_or(Source::Id, source);
                parts.push(Part::Document { name: name.and_then(Raw::text), source });
            }
            b"input_audio" => parts.push(Part::Audio(sound(part)?)),
            kind => {
                let kind = String::from_utf8_lossy(kind).chars().take(64).collect::<String>();
                return Err(BadRequest::new(format!("`messages`: a content part of the type `{kind}` is not known")));
            }
        }
        // OpenRouter's clients mark what Anthropic's models are to cache.
        parts.extend(mark.filter(|_| parts.len() > before).map(Part::CacheMark));
    }
    Ok(())
}

/// A data URL's parts, or the URL.
pub(crate) fn source(url: Text<'_>) -> Source<'_> {
    let Some(rest) = url.escaped().strip_prefix(b"data:") else { return Source::Url(url) };
    let mut halves = rest.splitn(2, |byte| *byte == b',');
    match (halves.next().and_then(|head| head.strip_suffix(b";base64")), halves.next()) {
        (Some(head), Some(data)) => {
            let media = head.split(|byte| *byte == b';').next().unwrap_or_default();
            Source::Base64 { media: Text::from_escaped(media), data: Text::from_escaped(data) }
        }
        _ => Source::Url(url),
    }
}

fn read_calls<'a>(calls: Raw<'a>, parts: &mut Parts<'a>) -> Result<(), BadRequest> {
    for call in calls.elements() {
        let [id, function] = call?.pick(["id", "function"])?;
        let [name, arguments] = function.unwrap_or(Raw::NULL).pick(["name", "arguments"])?;
        let input = match arguments {
            Some(arguments) if arguments.kind() == Kind::Object => Input::Object(arguments),
            arguments => Input::Written(arguments.and_then(Raw::text).unwrap_or(Text::EMPTY)),
        };
        let name = name.and_then(Raw::text).unwrap_or(Text::EMPTY);
        parts.push(Part::Call { id: id.and_then(Raw::text).unwrap_or(Text::EMPTY), name, input });
    }
    Ok(())
}

fn read_tools<'a>(exchange: &mut Exchange<'a>, request: &'a Request) -> Result<(), BadRequest> {
    for tool in request.field("tools").unwrap_or(Raw::NULL).elements() {
        let [kind, function, cache] = tool?.pick(["type", "function", "cache_control"])?;
        let Some(function) = function else {
            let kind = kind.and_then(Raw::text).map(Text::decode).unwrap_or_default();
            exchange.server_tools.push(kind);
            continue;
        };
        let [name, description, schema, strict] = function.pick(["name", "description", "parameters", "strict"])?;
        let name = name.and_then(Raw::text).ok_or_else(|| BadRequest::new("`tools`: a tool has no name"))?;
        exchange.tools.push(Tool { name, description: description.and_then(Raw::text), schema, strict, cache });
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
pub(crate) fn sound(block: Raw<'_>) -> Result<Source<'_>, BadRequest> {
    let [inner] = block.pick(["input_audio"])?;
    let [data, format] = inner.unwrap_or(Raw::NULL).pick(["data", "format"])?;
    let word = format.and_then(Raw::text).map_or(&b""[..], Text::escaped);
    let known = SOUNDS.iter().find(|(name, _)| *name == word).map(|(_, media)| Text::from_escaped(media));
    match (known, data.and_then(Raw::text)) {
        (Some(media), Some(data)) => Ok(Source::Base64 { media, data }),
        (None, _) => Err(BadRequest::new("the `format` of an `input_audio` must be `wav` or `mp3`")),
        (_, None) => Err(BadRequest::new("an `input_audio` has no `data`")),
    }
}

/// Chat's word for a type of sound; None when it has none.
pub(super) fn sound_format(media: Text<'_>) -> Option<&'static str> {
    match &*media.decode() {
        "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => Some("wav"),
        "audio/mp3" | "audio/mpeg" => Some("mp3"),
        _ => None,
    }
}
