//! A Gemini body as the facts see it: leniently, and without translating it.

use std::borrow::Cow;

use super::super::Protocol;
use super::super::asks::Asks;
use super::super::content::{Message, Piece, Role, ToolKind};
use super::super::json::{Kind, Raw, Text};
use super::super::request::Request;
use super::super::strict::plain_number;
use super::fields::{camel, field, get, is_named, peek, text};

/// One of the `contents`.
pub(crate) fn message(raw: Raw<'_>) -> Message<'_> {
    let [role, parts] = peek(raw, ["role", "parts"]);
    // Without a role, and with the old one `function`, it is the user's side that speaks.
    let role = if text(role).is("model") { Role::Assistant } else { Role::User };
    Message { role, content: parts.unwrap_or(Raw::NULL), raw }
}

/// The system's content: a text, or a list of parts.
pub(crate) fn system(request: &Request) -> Raw<'_> {
    parts_of(field(request, "systemInstruction"))
}

/// A content's parts; a text and a list of parts stand for themselves, as the SDKs allow it.
pub(super) fn parts_of(content: Raw<'_>) -> Raw<'_> {
    if content.kind() == Kind::Object { get(content, "parts") } else { content }
}

/// Shows what one part holds.
pub(crate) fn part_pieces<'a>(part: Raw<'a>, visit: &mut dyn FnMut(Piece<'a>)) {
    let names = ["text", "thought", "functionCall", "functionResponse", "inlineData", "fileData"];
    let [said, thought, call, response, inline, file] = peek(part, names);
    if let Some(said) = said.and_then(Raw::text) {
        let thought = thought.and_then(Raw::boolean) == Some(true);
        visit(if thought { Piece::Thinking(said) } else { Piece::Text(said) });
    } else if let Some(call) = call {
        let [name, args] = peek(call, ["name", "args"]);
        visit(Piece::Call(text(name), args.unwrap_or(Raw::NULL)));
    } else if let Some(response) = response {
        response_pieces(response, visit);
    } else if let Some(data) = inline.or(file) {
        data_piece(part, data, visit);
    } else {
        visit(Piece::Other(part));
    }
}

/// A function's result: its one text is a text, any other object is what it is.
fn response_pieces<'a>(response: Raw<'a>, visit: &mut dyn FnMut(Piece<'a>)) {
    let [result, parts] = peek(response, ["response", "parts"]);
    let result = result.unwrap_or(Raw::NULL);
    match only_text(result) {
        Some((_, text)) => visit(Piece::Result(text)),
        None => visit(Piece::Other(result)),
    }
    for part in parts.unwrap_or(Raw::NULL).elements().map_while(Result::ok) {
        let [inline, file] = peek(part, ["inlineData", "fileData"]);
        if let Some(data) = inline.or(file) {
            data_piece(part, data, visit);
        }
    }
}

/// The text of an object that has nothing else, and its name.
pub(super) fn only_text(object: Raw<'_>) -> Option<(Text<'_>, Text<'_>)> {
    let mut members = object.members();
    let (key, value) = members.next()?.ok()?;
    if members.next().is_some() { None } else { Some((key, value.text()?)) }
}

fn data_piece<'a>(part: Raw<'a>, data: Raw<'a>, visit: &mut dyn FnMut(Piece<'a>)) {
    let media = text(peek(data, ["mimeType"])[0]).decode();
    visit(match media.split('/').next().unwrap_or_default() {
        "image" => Piece::Image(part),
        "audio" | "video" => Piece::Audio(part),
        _ => Piece::Document(part),
    });
}

/// The tools, in order: a client's by their names, the provider's by their types.
pub(crate) fn tool_kinds(request: &Request) -> impl Iterator<Item = ToolKind<'_>> {
    let list = request.field("tools").filter(|_| request.protocol() == Protocol::Gemini).unwrap_or(Raw::NULL);
    let groups = list.elements().map_while(Result::ok).flat_map(|tool| tool.members().map_while(Result::ok));
    groups.flat_map(|(key, value)| {
        let declared = is_named(key, "functionDeclarations");
        let names = if declared { value } else { Raw::NULL }.elements().map_while(Result::ok);
        let names = names.map(|tool| ToolKind { name: text(tool.get("name")).decode(), server: false });
        let served = (!declared && !value.is_null()).then(|| ToolKind { name: server_kind(key), server: true });
        names.chain(served)
    })
}

/// What a provider's tool is called here: a search has one name in all protocols.
pub(super) fn server_kind(key: Text<'_>) -> Cow<'static, str> {
    match &*camel(key) {
        "googleSearch" | "googleSearchRetrieval" | "enterpriseWebSearch" => Cow::Borrowed("web_search"),
        "codeExecution" => Cow::Borrowed("code_execution"),
        "urlContext" => Cow::Borrowed("url_context"),
        other => Cow::Owned(other.to_owned()),
    }
}

/// Whether a function must be called.
pub(crate) fn demands_call(request: &Request) -> bool {
    get(get(field(request, "toolConfig"), "functionCallingConfig"), "mode").is_text("ANY")
}

/// Whether a part is a function's result.
pub(crate) fn is_response(part: Raw<'_>) -> bool {
    peek(part, ["functionResponse"])[0].is_some()
}

/// The number of tokens that the client accepts, where it stands in the body.
pub(crate) fn max_tokens(request: &Request) -> Option<Raw<'_>> {
    let number = plain_number(get(field(request, "generationConfig"), "maxOutputTokens"));
    (!number.is_null()).then_some(number)
}

/// Whether the client wants to see what the model thinks.
pub(crate) fn wants_thoughts(request: &Request) -> bool {
    let thinking = get(field(request, "generationConfig"), "thinkingConfig");
    get(thinking, "includeThoughts").boolean() == Some(true)
}

/// Reads what is asked for. A budget of 0 is thinking that is off; thinking that is only to be shown is
/// thinking that is wanted.
pub(crate) fn read_asks<'a>(request: &'a Request, asks: &mut Asks<'a>) {
    let names = ["thinkingConfig", "responseMimeType", "responseSchema", "responseJsonSchema"];
    let [thinking, media, schema, json_schema] = peek(field(request, "generationConfig"), names);
    let thinking = thinking.unwrap_or(Raw::NULL);
    let [budget, level, shown] = peek(thinking, ["thinkingBudget", "thinkingLevel", "includeThoughts"]);
    asks.effort = level.and_then(Raw::text).map(Text::decode).unwrap_or_default().to_ascii_lowercase().into();
    if asks.effort == "thinking_level_unspecified" {
        asks.effort = Cow::Borrowed("");
    }
    let budget = budget.map(plain_number).and_then(Raw::number);
    asks.thinking_off = budget == Some(0.0);
    let shown = shown.and_then(Raw::boolean) == Some(true);
    asks.thinking = !asks.thinking_off && (budget.is_some() || !asks.effort.is_empty() || shown);
    // -1: the model decides.
    asks.thinking_budget = thinking_budget(budget);
    asks.json_schema = schema.or(json_schema).is_some();
    asks.json = asks.json_schema || media.is_some_and(|media| media.is_text("application/json"));
}

fn thinking_budget(budget: Option<f64>) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    budget.filter(|budget| *budget > 0.0).map_or(0, |budget| budget as u64)
}
