//! Reading a request of Anthropic Messages.

use super::super::Wire;
use super::super::asks::Asks;
use super::super::content::is_billing;
use super::super::encode::warnings;
use super::super::exchange::{Choice, Exchange, Format, Part, Parts, Source, Speaker, Tool};
use super::super::json::{Raw, Text};
use super::super::media;
use super::super::message::Input;
use super::super::request::{BadRequest, Request, shown};
use super::super::signed::Signed;
use super::super::strict::{Form, Members, Place, check_members};
use super::super::transform::repair::is_object;

/// Members that are carried over, or that only this side's provider has a use for.
const KNOWN: &Members = &[
    ("model", Form::Any),
    ("messages", Form::Any),
    ("system", Form::TextOrList),
    ("tools", Form::Any),
    ("tool_choice", Form::Object(&[("name", Form::Text), ("disable_parallel_tool_use", Form::Flag)])),
    ("max_tokens", Form::Any),
    ("temperature", Form::Number),
    ("top_p", Form::Number),
    ("top_k", Form::Number),
    ("stop_sequences", Form::Texts),
    ("stream", Form::Any),
    ("metadata", Form::Object(&[("user_id", Form::Text)])),
    ("thinking", Form::Object(&[("type", Form::Text), ("budget_tokens", Form::Number)])),
    ("output_config", Form::Object(&[("effort", Form::Text), ("format", Form::Object(&[]))])),
    ("output_format", Form::Object(&[])),
    ("service_tier", Form::Any),
    ("cache_control", Form::Object(&[])),
    ("inference_geo", Form::Any),
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
    exchange.system = system_parts(&Place::top("system"), request.field("system"), &mut exchange.warnings)?;
    for sequence in request.field("stop_sequences").unwrap_or(Raw::NULL).elements() {
        exchange.stop.extend(sequence?.text());
    }
    let list = Place::top("messages");
    let messages = request.field("messages").unwrap_or(Raw::NULL).picks(["role", "content"]);
    for (index, message) in messages.enumerate() {
        read_message(&mut exchange, message?, &list.element(index))?;
    }
    read_tools(&mut exchange, request)?;
    check_thinking(request)?;
    check_members(request, &mut exchange, KNOWN, &[])?;
    exchange.pair_results();
    Ok(exchange)
}

/// The texts of a `system` value and their cache marks, without the billing line: it changes with every
/// turn and would defeat every prompt cache.
fn system_parts<'a>(
    at: &Place<'_>,
    system: Option<Raw<'a>>,
    warnings: &mut Vec<String>,
) -> Result<Parts<'a>, BadRequest> {
    let says = |text: &Text<'_>| !text.is_empty() && !is_billing(*text);
    let system = at.content(system)?;
    let mut parts: Parts<'_> = system.text().filter(says).map(Part::Text).into_iter().collect();
    for (index, block) in system.picks(["type", "text", "cache_control"]).enumerate() {
        let at = at.element(index);
        let (block, [kind, text, mark]) = block?;
        at.inner(Some(block))?;
        if let Some(kind) = at.member("type").text(kind)?.filter(|kind| !kind.is("text")) {
            let kind = shown(&kind.decode());
            warnings.push(format!("a block of the type `{kind}` was left out: the system says texts alone"));
            continue;
        }
        let mark = at.member("cache_control").object(mark)?;
        if let Some(text) = at.member("text").text(text)?.filter(says) {
            parts.push(Part::Text(text));
            parts.extend(mark.map(Part::CacheMark));
        }
    }
    Ok(parts)
}

/// The form that is asked for.
pub(crate) fn format(request: &Request) -> Result<Format<'_>, BadRequest> {
    let (config, older) = (Place::top("output_config"), Place::top("output_format"));
    let [format] = request.field("output_config").unwrap_or(Raw::NULL).pick(["format"])?;
    let at = if format.is_some() { config.member("format") } else { older };
    let Some(format) = at.object(format.or_else(|| request.field("output_format")))? else { return Ok(Format::Free) };
    let [kind, schema, name] = format.pick(["type", "schema", "name"])?;
    match at.member("type").said(kind)?.escaped() {
        b"json_schema" => {
            let schema = at.member("schema").inner(schema)?;
            Ok(Format::Schema { name: at.member("name").text(name)?, schema })
        }
        kind => Err(at.member("type").refuse_word(kind, "`json_schema`")),
    }
}

/// A word for thinking that nobody knows would be no thinking, without a word.
fn check_thinking(request: &Request) -> Result<(), BadRequest> {
    let at = Place::top("thinking");
    let Some(thinking) = at.object(request.field("thinking"))? else { return Ok(()) };
    match at.member("type").said(thinking.get("type"))?.escaped() {
        b"enabled" | b"adaptive" | b"disabled" => Ok(()),
        kind => Err(at.member("type").refuse_word(kind, "`enabled`, `adaptive` and `disabled`")),
    }
}

fn read_message<'a>(
    exchange: &mut Exchange<'a>,
    (message, [role, content]): (Raw<'a>, [Option<Raw<'a>>; 2]),
    at: &Place<'_>,
) -> Result<(), BadRequest> {
    at.inner(Some(message))?;
    let within = at.member("content");
    let speaker = match at.member("role").said(role)?.escaped() {
        b"user" => Speaker::User,
        b"assistant" => Speaker::Assistant,
        b"system" => {
            let parts = system_parts(&within, content, &mut exchange.warnings)?;
            exchange.say(Speaker::System, parts);
            return Ok(());
        }
        _ => return Err(at.member("role").refuse("a role must be `user`, `assistant` or `system`")),
    };
    let content = within.content(content)?;
    if content.is_null() && speaker == Speaker::User {
        return Err(within.refuse("field required"));
    }
    let mut parts = Parts::new();
    if let Some(text) = content.text().filter(|text| !text.is_empty()) {
        parts.push(Part::Text(text));
    }
    for (index, block) in content.picks(BLOCK).enumerate() {
        let at = within.element(index);
        let whole = block?;
        let (block, [kind, ..]) = whole;
        at.inner(Some(block))?;
        let kind = at.member("type").said(kind)?.escaped();
        // What the model ought to see must not be missing; what it said itself can be told in words.
        if speaker == Speaker::User && !is_known(kind) {
            let kind = shown(&String::from_utf8_lossy(kind));
            return Err(at.refuse(format_args!("a block of the type `{kind}` cannot be translated")));
        }
        let wrong = if speaker == Speaker::User { is_assistants(kind) } else { kind == b"tool_result" };
        if wrong {
            let kind = String::from_utf8_lossy(kind);
            exchange.warn(format!("a block of the type `{kind}` was left out: it stands in the other side's turn"));
            continue;
        }
        read_block(exchange, whole, &at, &mut parts)?;
    }
    exchange.say(speaker, parts);
    Ok(())
}

/// Members of the blocks that come most, found in the one walk that measures them.
const BLOCK: [&str; 10] =
    ["type", "text", "source", "cache_control", "id", "name", "input", "tool_use_id", "content", "is_error"];

/// A block, and its members of these names.
type Block<'a> = (Raw<'a>, [Option<Raw<'a>>; BLOCK.len()]);

/// Whether a block is read as what it is, or put into words that say what it was.
fn is_known(kind: &[u8]) -> bool {
    match kind {
        b"text" | b"image" | b"document" | b"search_result" | b"tool_reference" | b"tool_result" => true,
        kind => is_assistants(kind) || kind.ends_with(b"_tool_result"),
    }
}

fn is_assistants(kind: &[u8]) -> bool {
    matches!(kind, b"thinking" | b"redacted_thinking" | b"tool_use" | b"server_tool_use" | b"mcp_tool_use")
}

fn read_block<'a>(
    exchange: &mut Exchange<'a>,
    whole: Block<'a>,
    at: &Place<'_>,
    parts: &mut Parts<'a>,
) -> Result<(), BadRequest> {
    let (block, [kind, text, source, mark, id, name, input, ..]) = whole;
    let mark = at.member("cache_control").object(mark)?;
    let before = parts.len();
    match at.member("type").said(kind)?.escaped() {
        b"text" => parts.extend(at.member("text").full(text)?.map(Part::Text)),
        b"image" => parts.push(Part::Image(read_source(source, at)?)),
        b"document" => {
            let asked = block.get("citations").and_then(|citations| citations.get("enabled"));
            if asked.and_then(Raw::boolean) == Some(true) {
                exchange.warn_once(warnings::unknown_member("citations"));
            }
            read_document(block, source, at, parts)?;
        }
        b"thinking" => {
            let [thinking, signature] = block.pick(["thinking", "signature"])?;
            let signature = at.member("signature").text(signature)?;
            parts.extend(at.member("thinking").text(thinking)?.map(|text| {
                let signature = signature.map(|text| Signed::of_client(Wire::Anthropic, text));
                Part::Thinking { text, signature }
            }));
        }
        b"redacted_thinking" => {
            let [data] = block.pick(["data"])?;
            parts.extend(at.member("data").full(data)?.map(Part::Redacted));
        }
        b"tool_use" => parts.push(read_call([id, name, input], at)?),
        b"tool_result" => {
            parts.push(read_result(exchange, whole, at)?);
            return Ok(());
        }
        kind => {
            if !is_known(kind) {
                let kind = shown(&String::from_utf8_lossy(kind));
                exchange.warn(format!("a block of the type `{kind}` was put into words"));
            }
            parts.push(Part::Note(rendered(kind, block)?));
        }
    }
    // A mark stands behind what it marks; nothing is nothing to mark.
    parts.extend(mark.filter(|_| parts.len() > before).map(Part::CacheMark));
    Ok(())
}

/// An input that is the text of an object is taken for the object: some clients send what a model wrote.
fn read_call<'a>([id, name, input]: [Option<Raw<'a>>; 3], at: &Place<'_>) -> Result<Part<'a>, BadRequest> {
    let written = input.and_then(Raw::text).filter(|text| is_object(text.decode().trim()));
    let input = match written {
        Some(text) => Input::Written(text),
        None => Input::Object(at.member("input").object(input)?.unwrap_or(Raw::from_measured(b"{}"))),
    };
    Ok(Part::Call { id: at.member("id").said(id)?, name: at.member("name").name(name)?, input })
}

fn read_source<'a>(source: Option<Raw<'a>>, at: &Place<'_>) -> Result<Source<'a>, BadRequest> {
    let at = at.member("source");
    let [kind, media, data, url] = at.inner(source)?.pick(["type", "media_type", "data", "url"])?;
    match at.member("type").said(kind)?.escaped() {
        b"base64" => media::base64((at.member("media_type"), media), (at.member("data"), data)),
        b"url" => media::address(&at.member("url"), at.member("url").name(url)?),
        b"file" => Ok(Source::Id),
        kind => Err(at.member("type").refuse_word(kind, "`base64`, `url` and `file`")),
    }
}

fn read_document<'a>(
    block: Raw<'a>,
    source: Option<Raw<'a>>,
    at: &Place<'_>,
    parts: &mut Parts<'a>,
) -> Result<(), BadRequest> {
    let within = at.member("source");
    let [kind, data, content] = within.inner(source)?.pick(["type", "data", "content"])?;
    let [title, context] = block.pick(["title", "context"])?;
    let title = at.member("title").full(title)?;
    let context = at.member("context").full(context)?;
    let (text, content) = match within.member("type").said(kind)?.escaped() {
        b"text" => (within.member("data").text(data)?, Raw::NULL),
        b"content" => {
            let content = within.member("content").content(content)?;
            (content.text(), content)
        }
        _ => {
            parts.extend(context.map(Part::Text));
            parts.push(Part::Document { name: title, source: read_source(source, at)? });
            return Ok(());
        }
    };
    parts.extend([title, context, text].into_iter().flatten().map(Part::Text));
    for (index, inner) in content.elements().enumerate() {
        let list = within.member("content");
        let at = list.element(index);
        let [text, source] = at.inner(Some(inner?))?.pick(["text", "source"])?;
        parts.extend(at.member("text").text(text)?.map(Part::Text));
        if source.is_some() {
            parts.push(Part::Image(read_source(source, &at)?));
        }
    }
    Ok(())
}

fn read_result<'a>(
    exchange: &mut Exchange<'a>,
    (_, members): Block<'a>,
    at: &Place<'_>,
) -> Result<Part<'a>, BadRequest> {
    let [_, _, _, mark, _, _, _, id, content, error] = members;
    let within = at.member("content");
    let content = within.content(content)?;
    let mut parts = Parts::new();
    parts.extend(content.text().map(Part::Text));
    for (index, inner) in content.picks(BLOCK).enumerate() {
        let at = within.element(index);
        let inner = inner?;
        let (block, [kind, ..]) = inner;
        at.inner(Some(block))?;
        // A result holds no result; without this, nesting would be recursion.
        if kind.is_some_and(|kind| kind.is_text("tool_result")) {
            return Err(at.refuse("a tool_result cannot hold another one"));
        }
        read_block(exchange, inner, &at, &mut parts)?;
    }
    // Results are put in order: its mark goes with it.
    parts.extend(at.member("cache_control").object(mark)?.map(Part::CacheMark));
    Ok(Part::Result {
        id: at.member("tool_use_id").said(id)?,
        error: at.member("is_error").flag(error)? == Some(true),
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
    if kind == b"tool_reference" {
        return Ok(format!("[the tool {} was found]", text(block.get("tool_name"))));
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
    let list = Place::top("tools");
    let members = ["type", "name", "description", "input_schema", "strict", "cache_control"];
    for (index, tool) in request.field("tools").unwrap_or(Raw::NULL).picks(members).enumerate() {
        let at = list.element(index);
        let (tool, [kind, name, description, schema, strict, cache]) = tool?;
        at.inner(Some(tool))?;
        let kind = at.member("type").text(kind)?.filter(|kind| !kind.is("custom"));
        let schema = at.member("input_schema").object(schema)?;
        match (kind, at.member("name").full(name)?) {
            (Some(kind), _) if schema.is_none() => exchange.server_tools.push(kind.decode()),
            (_, Some(name)) => exchange.tools.push(Tool {
                name,
                description: at.member("description").text(description)?,
                schema,
                strict: at.member("strict").flag(strict)?.and(strict),
                cache: at.member("cache_control").object(cache)?,
            }),
            (_, None) => return Err(at.refuse("a tool has no name")),
        }
    }
    let at = Place::top("tool_choice");
    let Some(choice) = at.object(request.field("tool_choice"))? else { return Ok(()) };
    let [kind, name, alone] = choice.pick(["type", "name", "disable_parallel_tool_use"])?;
    exchange.parallel = at.member("disable_parallel_tool_use").flag(alone)?.map(|alone| !alone);
    exchange.choice = match at.member("type").said(kind)?.escaped() {
        b"auto" => Choice::Auto,
        b"any" => Choice::Any,
        b"none" => Choice::None,
        b"tool" => Choice::Tool(at.member("name").name(name)?),
        kind => return Err(at.member("type").refuse_word(kind, "`auto`, `any`, `tool` and `none`")),
    };
    Ok(())
}
