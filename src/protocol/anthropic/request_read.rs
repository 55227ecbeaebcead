//! Reading a request of Anthropic Messages.

use super::super::Wire;
use super::super::asks::Asks;
use super::super::content::is_billing;
use super::super::encode::warnings;
use super::super::exchange::{Choice, Exchange, Format, Part, Parts, Source, Speaker, Tool};
use super::super::json::{JsonError, Kind, Raw, Text};
use super::super::message::Input;
use super::super::request::{BadRequest, Request};
use super::super::signed::Signed;

/// Members that are carried over, or that only this side's provider has a use for.
const KNOWN: &[&str] = &[
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "stream",
    "metadata",
    "thinking",
    "output_config",
    "output_format",
    "service_tier",
    "cache_control",
    "inference_geo",
];

pub(crate) fn read_request(request: &Request) -> Result<Exchange<'_>, BadRequest> {
    let mut exchange = Exchange {
        max_tokens: request.max_tokens(),
        temperature: request.field("temperature"),
        top_p: request.field("top_p"),
        top_k: request.field("top_k"),
        user: request.user_id(),
        asks: Asks::of(request),
        format: format(request)?,
        ..Exchange::default()
    };
    exchange.system = system_parts(request.field("system").unwrap_or(Raw::NULL))?;
    for sequence in request.field("stop_sequences").unwrap_or(Raw::NULL).elements() {
        exchange.stop.extend(sequence?.text());
    }
    for message in request.field("messages").unwrap_or(Raw::NULL).picks(["role", "content"]) {
        read_message(&mut exchange, message?.1)?;
    }
    read_tools(&mut exchange, request)?;
    for (name, _) in
        request.members().filter(|(name, value)| !value.is_null() && !KNOWN.iter().any(|known| name.is(known)))
    {
        exchange.warn(warnings::unknown_member(&name.decode()));
    }
    exchange.pair_results();
    Ok(exchange)
}

/// The texts of a `system` value and their cache marks, without the billing line: it changes with every
/// turn and would defeat every prompt cache.
fn system_parts(system: Raw<'_>) -> Result<Parts<'_>, BadRequest> {
    let says = |text: &Text<'_>| !text.is_empty() && !is_billing(*text);
    let mut parts: Parts<'_> = system.text().filter(says).map(Part::Text).into_iter().collect();
    for block in system.picks(["text", "cache_control"]) {
        let (_, [text, mark]) = block?;
        if let Some(text) = text.and_then(Raw::text).filter(says) {
            parts.push(Part::Text(text));
            parts.extend(mark.map(Part::CacheMark));
        }
    }
    Ok(parts)
}

/// The form that is asked for.
pub(crate) fn format(request: &Request) -> Result<Format<'_>, BadRequest> {
    let config = request.field("output_config").unwrap_or(Raw::NULL);
    let [format] = config.pick(["format"])?;
    let Some(format) = format.or_else(|| request.field("output_format")) else { return Ok(Format::Free) };
    let [kind, schema, name] = format.pick(["type", "schema", "name"])?;
    Ok(match schema {
        Some(schema) if kind.is_some_and(|kind| kind.is_text("json_schema")) => {
            Format::Schema { name: name.and_then(Raw::text), schema }
        }
        _ => Format::Free,
    })
}

fn read_message<'a>(exchange: &mut Exchange<'a>, [role, content]: [Option<Raw<'a>>; 2]) -> Result<(), BadRequest> {
    let content = content.unwrap_or(Raw::NULL);
    let speaker = match role.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
        b"user" => Speaker::User,
        b"assistant" => Speaker::Assistant,
        b"system" => {
            exchange.say(Speaker::System, system_parts(content)?);
            return Ok(());
        }
        _ => return Err(BadRequest::new("`messages`: a role must be `user`, `assistant` or `system`")),
    };
    let mut parts = Parts::new();
    if let Some(text) = content.text().filter(|text| !text.is_empty()) {
        parts.push(Part::Text(text));
    }
    for block in content.picks(BLOCK) {
        read_block(exchange, block?, &mut parts)?;
    }
    exchange.say(speaker, parts);
    Ok(())
}

/// Members of the blocks that come most, found in the one walk that measures them.
const BLOCK: [&str; 10] =
    ["type", "text", "source", "cache_control", "id", "name", "input", "tool_use_id", "content", "is_error"];

/// A block, and its members of these names.
type Block<'a> = (Raw<'a>, [Option<Raw<'a>>; BLOCK.len()]);

fn read_block<'a>(exchange: &mut Exchange<'a>, whole: Block<'a>, parts: &mut Parts<'a>) -> Result<(), BadRequest> {
    let (block, [kind, text, source, mark, id, name, input, ..]) = whole;
    let source = source.unwrap_or(Raw::NULL);
    let before = parts.len();
    match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
        b"text" => parts.extend(text.and_then(Raw::text).filter(|text| !text.is_empty()).map(Part::Text)),
        b"image" => parts.push(Part::Image(read_source(source)?)),
        b"document" => read_document(block, source, parts)?,
        b"thinking" => {
            let [thinking, signature] = block.pick(["thinking", "signature"])?;
            parts.extend(thinking.and_then(Raw::text).map(|text| {
                let signature = signature.and_then(Raw::text).map(|text| Signed::of_client(Wire::Anthropic, text));
                Part::Thinking { text, signature }
            }));
        }
        b"redacted_thinking" => {
            let [data] = block.pick(["data"])?;
            parts.extend(data.and_then(Raw::text).filter(|data| !data.is_empty()).map(Part::Redacted));
        }
        b"tool_use" => {
            parts.push(Part::Call {
                id: id.and_then(Raw::text).unwrap_or(Text::EMPTY),
                name: name.and_then(Raw::text).unwrap_or(Text::EMPTY),
                input: Input::Object(input.unwrap_or(Raw::from_measured(b"{}"))),
            });
        }
        b"tool_result" => {
            parts.push(read_result(exchange, whole)?);
            return Ok(());
        }
        kind => parts.push(Part::Note(rendered(kind, block)?)),
    }
    // A mark stands behind what it marks; nothing is nothing to mark.
    parts.extend(mark.filter(|_| parts.len() > before).map(Part::CacheMark));
    Ok(())
}

fn read_source(source: Raw<'_>) -> Result<Source<'_>, JsonError> {
    let [kind, media, data, url] = source.pick(["type", "media_type", "data", "url"])?;
    let text = |raw: Option<Raw<'_>>| raw.is_some_and(|raw| raw.kind() == Kind::String);
    Ok(match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
        b"base64" if text(data) => Source::Base64 {
            media: media.and_then(Raw::text).unwrap_or(Text::EMPTY),
            data: data.and_then(Raw::text).unwrap_or(Text::EMPTY),
        },
        b"url" if text(url) => Source::Url(url.and_then(Raw::text).unwrap_or(Text::EMPTY)),
        _ => Source::Id,
    })
}

fn read_document<'a>(block: Raw<'a>, source: Raw<'a>, parts: &mut Parts<'a>) -> Result<(), JsonError> {
    let [kind, data, content] = source.pick(["type", "data", "content"])?;
    let [title, context] = block.pick(["title", "context"])?;
    let title = title.and_then(Raw::text).filter(|title| !title.is_empty());
    let is_text = match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
        b"text" => data.and_then(Raw::text),
        b"content" => content.and_then(Raw::text),
        _ => {
            parts.push(Part::Document { name: title, source: read_source(source)? });
            return Ok(());
        }
    };
    for head in [title, context.and_then(Raw::text)] {
        parts.extend(head.map(Part::Text));
    }
    parts.extend(is_text.map(Part::Text));
    for inner in content.unwrap_or(Raw::NULL).elements() {
        let [text, source] = inner?.pick(["text", "source"])?;
        parts.extend(text.and_then(Raw::text).map(Part::Text));
        if let Some(source) = source {
            parts.push(Part::Image(read_source(source)?));
        }
    }
    Ok(())
}

fn read_result<'a>(exchange: &mut Exchange<'a>, (_, members): Block<'a>) -> Result<Part<'a>, BadRequest> {
    let [_, _, _, mark, _, _, _, id, content, error] = members;
    let content = content.unwrap_or(Raw::NULL);
    let mut parts = Parts::new();
    parts.extend(content.text().map(Part::Text));
    for inner in content.picks(BLOCK) {
        let inner = inner?;
        let (_, [kind, ..]) = inner;
        // A result holds no result; without this, nesting would be recursion.
        if kind.is_some_and(|kind| kind.is_text("tool_result")) {
            return Err(BadRequest::new("`messages`: a tool_result cannot hold another one"));
        }
        read_block(exchange, inner, &mut parts)?;
    }
    // Results are put in order: its mark goes with it.
    parts.extend(mark.map(Part::CacheMark));
    Ok(Part::Result {
        id: id.and_then(Raw::text).unwrap_or(Text::EMPTY),
        error: error.and_then(Raw::boolean) == Some(true),
        parts: parts.into_vec(),
    })
}

/// What only this protocol knows, as text: what a provider's own tools were asked and found.
fn rendered(kind: &[u8], block: Raw<'_>) -> Result<String, BadRequest> {
    let [name, input, content, title, source] = block.pick(["name", "input", "content", "title", "source"])?;
    let text =
        |raw: Option<Raw<'_>>| raw.and_then(Raw::text).map(|text| text.decode().into_owned()).unwrap_or_default();
    let raw_text =
        |raw: Option<Raw<'_>>| raw.map(|raw| String::from_utf8_lossy(raw.bytes()).into_owned()).unwrap_or_default();
    if kind == b"server_tool_use" {
        return Ok(format!("[called {} with {}]", text(name), raw_text(input)));
    }
    let mut out = format!("[{}]", String::from_utf8_lossy(kind));
    for part in [text(title), text(source)] {
        if !part.is_empty() {
            out.push(' ');
            out.push_str(&part);
        }
    }
    let mut any = false;
    for inner in content.unwrap_or(Raw::NULL).elements() {
        let [title, url, inner] = inner?.pick(["title", "url", "text"])?;
        let line = [text(title), text(url), text(inner)].into_iter().filter(|part| !part.is_empty());
        let line: Vec<String> = line.collect();
        if !line.is_empty() {
            any = true;
            out.push_str("\n- ");
            out.push_str(&line.join(" "));
        }
    }
    if !any && content.is_some() {
        out.push(' ');
        out.push_str(&raw_text(content));
    }
    Ok(out)
}

fn read_tools<'a>(exchange: &mut Exchange<'a>, request: &'a Request) -> Result<(), BadRequest> {
    let members = ["type", "name", "description", "input_schema", "strict", "cache_control"];
    for tool in request.field("tools").unwrap_or(Raw::NULL).picks(members) {
        let (_, [kind, name, description, schema, strict, cache]) = tool?;
        let kind = kind.and_then(Raw::text).filter(|kind| !kind.is("custom"));
        match (kind, name.and_then(Raw::text)) {
            (Some(kind), _) if schema.is_none() => exchange.server_tools.push(kind.decode()),
            (_, Some(name)) => {
                exchange.tools.push(Tool { name, description: description.and_then(Raw::text), schema, strict, cache })
            }
            (_, None) => return Err(BadRequest::new("`tools`: a tool has no name")),
        }
    }
    let Some(choice) = request.field("tool_choice") else { return Ok(()) };
    let [kind, name, alone] = choice.pick(["type", "name", "disable_parallel_tool_use"])?;
    exchange.parallel = alone.and_then(Raw::boolean).map(|alone| !alone);
    exchange.choice = match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
        b"auto" => Choice::Auto,
        b"any" => Choice::Any,
        b"none" => Choice::None,
        b"tool" => name.and_then(Raw::text).map_or(Choice::Any, Choice::Tool),
        _ => return Err(BadRequest::new("`tool_choice`: its type must be `auto`, `any`, `tool` or `none`")),
    };
    Ok(())
}
