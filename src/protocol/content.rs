//! One way to walk over what a conversation holds, whichever protocol wrote it.
//!
//! The walk is lenient: facts are for choosing a model, and a body that is broken inside goes to
//! the upstream, whose error the client gets. Translation reads strictly (`anthropic`, `openai`).

use std::sync::LazyLock;

use aho_corasick::packed::{MatchKind, Searcher};
use memchr::memmem;

use super::json::{Kind, Raw, Text};
use super::request::Request;
use super::{Protocol, gemini};

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Role {
    System,
    User,
    Assistant,
    Tool,
}

/// One message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// who says it
    pub role: Role,
    /// a string, a list of blocks, or `null`
    pub content: Raw<'a>,
    /// the whole message
    pub raw: Raw<'a>,
}

/// One thing in a message.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// text
    Text(Text<'a>),
    /// what the model thought
    Thinking(Text<'a>),
    /// a tool call: its name and its input, an object or a string that holds one
    Call(Text<'a>, Raw<'a>),
    /// text in a tool's result
    Result(Text<'a>),
    /// an image, with its own block
    Image(Raw<'a>),
    /// a document, with its own block
    Document(Raw<'a>),
    /// a sound, with its own block
    Audio(Raw<'a>),
    /// a block of another type
    Other(Raw<'a>),
}

/// What was said, in the member that the protocol has for it.
pub(crate) fn conversation(request: &Request) -> Raw<'_> {
    let name = match request.protocol() {
        Protocol::Responses => "input",
        Protocol::Gemini => "contents",
        _ => "messages",
    };
    request.field(name).unwrap_or(Raw::NULL)
}

/// The messages; `/chat` has none.
pub fn messages(request: &Request) -> impl Iterator<Item = Message<'_>> {
    let is_gemini = request.protocol() == Protocol::Gemini;
    let list = conversation(request);
    // All that a user says to Responses may be one text.
    let alone = list.text().map(|_| Message { role: Role::User, content: list, raw: list });
    alone.into_iter().chain(list.each().map_while(Result::ok).map(move |raw| {
        if is_gemini {
            return gemini::message(raw);
        }
        let [role, content] = raw.peek(["role", "content"]);
        let role = match role.and_then(Raw::text).map(Text::escaped) {
            Some(b"user") => Role::User,
            Some(b"assistant") => Role::Assistant,
            Some(b"system" | b"developer") => Role::System,
            Some(b"tool" | b"function") => Role::Tool,
            _ if request.protocol() == Protocol::Responses => return item(raw),
            // Whoever that is: rules see no less than an upstream that takes it for a user.
            _ => Role::User,
        };
        Message { role, content: content.unwrap_or(Raw::NULL), raw }
    }))
}

/// An item of Responses that is no message.
fn item(raw: Raw<'_>) -> Message<'_> {
    let [kind, output] = raw.peek(["type", "output"]);
    let is_result = kind.and_then(Raw::text).is_some_and(|kind| kind.escaped().ends_with(b"_output"));
    let role = if is_result { Role::Tool } else { Role::Assistant };
    Message { role, content: output.filter(|_| is_result).unwrap_or(Raw::NULL), raw }
}

/// What an item of Responses that the assistant wrote holds besides messages.
fn item_pieces<'a>(raw: Raw<'a>, visit: &mut dyn FnMut(Piece<'a>)) {
    let [kind, name, arguments, input, summary, content] =
        raw.peek(["type", "name", "arguments", "input", "summary", "content"]);
    match kind.and_then(Raw::text).map(Text::escaped) {
        Some(b"function_call" | b"custom_tool_call") => {
            let name = name.and_then(Raw::text).unwrap_or(Text::EMPTY);
            visit(Piece::Call(name, arguments.or(input).unwrap_or(Raw::NULL)));
        }
        Some(b"reasoning") => {
            for part in [summary, content].into_iter().flatten().flat_map(Raw::elements).map_while(Result::ok) {
                visit(Piece::Thinking(part.get("text").and_then(Raw::text).unwrap_or(Text::EMPTY)));
            }
        }
        Some(kind) if kind != b"message" => visit(Piece::Other(raw)),
        _ => {}
    }
}

/// Shows every piece of a message, tool calls of the Chat protocol included.
pub fn pieces<'a>(message: Message<'a>, visit: &mut dyn FnMut(Piece<'a>)) {
    if message.role == Role::Tool {
        return result_pieces(message.content, visit);
    }
    content_pieces(message.content, visit);
    if message.role == Role::Assistant {
        let [calls, reasoning] = message.raw.peek(["tool_calls", "reasoning_content"]);
        if let Some(text) = reasoning.and_then(Raw::text) {
            visit(Piece::Thinking(text));
        }
        if message.content.is_null() {
            item_pieces(message.raw, visit);
        }
        for call in calls.unwrap_or(Raw::NULL).elements().map_while(Result::ok) {
            let function = call.get("function").unwrap_or(Raw::NULL);
            let [name, arguments] = function.peek(["name", "arguments"]);
            let name = name.and_then(Raw::text).unwrap_or(Text::EMPTY);
            visit(Piece::Call(name, arguments.unwrap_or(Raw::NULL)));
        }
    }
}

/// Shows every piece of a `content` or `system` value.
pub fn content_pieces<'a>(content: Raw<'a>, visit: &mut dyn FnMut(Piece<'a>)) {
    if let Some(text) = content.text() {
        return visit(Piece::Text(text));
    }
    for block in content.each().map_while(Result::ok) {
        block_pieces(block, visit);
    }
}

fn block_pieces<'a>(block: Raw<'a>, visit: &mut dyn FnMut(Piece<'a>)) {
    // In a list of texts to embed.
    if let Some(text) = block.text() {
        return visit(Piece::Text(text));
    }
    let [kind, text] = block.peek(["type", "text"]);
    match kind.and_then(Raw::text).map(|kind| kind.decode()).as_deref() {
        Some("text" | "input_text" | "output_text") => {
            visit(Piece::Text(text.and_then(Raw::text).unwrap_or(Text::EMPTY)))
        }
        Some("thinking") => visit(Piece::Thinking(block.get("thinking").and_then(Raw::text).unwrap_or(Text::EMPTY))),
        Some("tool_use" | "server_tool_use") => {
            let [name, input] = block.peek(["name", "input"]);
            visit(Piece::Call(name.and_then(Raw::text).unwrap_or(Text::EMPTY), input.unwrap_or(Raw::NULL)));
        }
        Some("tool_result") => result_pieces(block.get("content").unwrap_or(Raw::NULL), visit),
        Some("refusal") => visit(Piece::Text(block.get("refusal").and_then(Raw::text).unwrap_or(Text::EMPTY))),
        Some("image" | "image_url" | "input_image" | "computer_screenshot") => visit(Piece::Image(block)),
        Some("document" | "file" | "input_file") => visit(Piece::Document(block)),
        Some("input_audio" | "audio" | "audio_url" | "video_url" | "input_video") => visit(Piece::Audio(block)),
        Some(_) => visit(Piece::Other(block)),
        // Only Gemini's parts have no type.
        None => gemini::part_pieces(block, visit),
    }
}

/// What the system says, wherever the protocol has a member for it.
pub fn system(request: &Request) -> Raw<'_> {
    match request.protocol() {
        Protocol::Gemini => gemini::system(request),
        Protocol::Responses => request.field("instructions").unwrap_or(Raw::NULL),
        _ => request.field("system").unwrap_or(Raw::NULL),
    }
}

/// A tool's result: its texts are results, its images are images.
fn result_pieces<'a>(content: Raw<'a>, visit: &mut dyn FnMut(Piece<'a>)) {
    let mut as_result = |piece: Piece<'a>| match piece {
        Piece::Text(text) => visit(Piece::Result(text)),
        other => visit(other),
    };
    if let Some(text) = content.text() {
        return as_result(Piece::Text(text));
    }
    for block in content.each().map_while(Result::ok) {
        // A result holds no result; without this, nesting would be recursion.
        if !block.get("type").is_some_and(|kind| kind.is_text("tool_result")) {
            block_pieces(block, &mut as_result);
        }
    }
}

/// A tool that the client offers, or that the provider runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolKind<'a> {
    /// the client tool's name, or the server tool's type
    pub name: std::borrow::Cow<'a, str>,
    /// whether the provider runs it
    pub server: bool,
}

impl ToolKind<'_> {
    fn is_web_search(&self) -> bool {
        self.server && self.name.starts_with("web_search")
    }
}

/// The tools, in order.
pub fn tool_kinds(request: &Request) -> impl Iterator<Item = ToolKind<'_>> {
    let list = request.field("tools").filter(|_| request.protocol() != Protocol::Gemini).unwrap_or(Raw::NULL);
    let search = request.field("web_search_options").filter(|_| request.protocol() == Protocol::Chat);
    let search = search.map(|_| ToolKind { name: "web_search".into(), server: true });
    let is_responses = request.protocol() == Protocol::Responses;
    let (plain, responses) = if is_responses { (Raw::NULL, Some(request)) } else { (list, None) };
    let grouped = responses.into_iter().flat_map(super::responses::each_tool).map(|tool| {
        let own = if tool.is_own() { tool.name() } else { None };
        let own = own.and_then(|name| request.prepared().find(name, tool.namespace()));
        own.map_or_else(|| tool_kind(tool.raw), |own| ToolKind { name: own.flat.as_str().into(), server: false })
    });
    let plain = plain.elements().map_while(Result::ok).map(tool_kind);
    plain.chain(grouped).chain(search).chain(gemini::tool_kinds(request))
}

/// Whether the provider is asked to search the web. Most requests offer tools and no search: those
/// are not walked over.
#[must_use]
pub fn searches_the_web(request: &Request) -> bool {
    let tools = request.field("tools").unwrap_or(Raw::NULL).bytes();
    let marks = ["web_search", "oogle", "\\u00"];
    let may = marks.iter().any(|mark| find(tools, mark).is_some());
    (may || request.field("web_search_options").is_some()) && tool_kinds(request).any(|tool| tool.is_web_search())
}

/// Whether the provider itself has this tool.
pub(crate) fn is_server_tool(tool: Raw<'_>) -> bool {
    let kind = tool_kind(tool);
    // Responses groups the client's own tools so.
    kind.server && kind.name != "namespace"
}

/// Whether this tool is a search that the provider runs.
pub(crate) fn is_web_search(tool: Raw<'_>) -> bool {
    tool_kind(tool).is_web_search()
}

fn tool_kind(tool: Raw<'_>) -> ToolKind<'_> {
    let [kind, name, function, schema] = tool.peek(["type", "name", "function", "input_schema"]);
    let kind = kind.and_then(Raw::text).map(Text::decode);
    if let Some(function) = function {
        let name = function.get("name").and_then(Raw::text).map(Text::decode);
        return ToolKind { name: name.unwrap_or_default(), server: false };
    }
    match kind {
        Some(kind) if schema.is_none() && !matches!(&*kind, "custom" | "function") => {
            ToolKind { name: kind, server: true }
        }
        _ => ToolKind { name: name.and_then(Raw::text).map(Text::decode).unwrap_or_default(), server: false },
    }
}

/// How many things there are that are not text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attachments {
    /// images
    pub images: u32,
    /// documents and files
    pub documents: u32,
    /// sounds
    pub audio: u32,
}

/// What must stand in a conversation that holds an attachment, as it is written without escapes.
/// `\u00` is the way to write it with escapes.
static MARKS: LazyLock<Option<Searcher>> = LazyLock::new(|| {
    let marks = [
        "\"image",
        "\"document\"",
        "\"file\"",
        "\"input_audio\"",
        "\"audio\"",
        "\"audio_url",
        "\"video_url",
        "\"input_video",
        "\"computer_screenshot\"",
        "\"input_image\"",
        "\"input_file\"",
        "\\u00",
        "\"inlineData",
        "\"inline_data",
        "\"fileData",
        "\"file_data",
    ];
    aho_corasick::packed::Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(marks).build()
});

impl Attachments {
    pub(super) fn of(request: &Request) -> Self {
        let mut found = Self::default();
        let list = conversation(request);
        if !matches!(list.kind(), Kind::Array | Kind::Object) {
            return found;
        }
        if MARKS.as_ref().is_some_and(|marks| marks.find(list.bytes()).is_none()) {
            return found;
        }
        for message in messages(request) {
            pieces(message, &mut |piece| found.add(piece));
        }
        found
    }

    /// Whether there are any.
    #[must_use]
    pub fn any(self) -> bool {
        self.images + self.documents + self.audio > 0
    }

    fn add(&mut self, piece: Piece<'_>) {
        let count = match piece {
            Piece::Image(_) => &mut self.images,
            Piece::Document(_) => &mut self.documents,
            Piece::Audio(_) => &mut self.audio,
            _ => return,
        };
        *count += 1;
    }
}

/// Whether this text is Claude Code's billing line, which changes with every turn.
#[must_use]
pub fn is_billing(text: Text<'_>) -> bool {
    text.escaped().starts_with(b"x-anthropic-billing-header:")
}

/// Finds a text in bytes, for the few needles that are looked for in whole bodies.
#[must_use]
pub fn find(haystack: &[u8], needle: &str) -> Option<usize> {
    memmem::find(haystack, needle.as_bytes())
}
