//! Reading a request of Gemini.

use super::super::Wire;
use super::super::asks::Asks;
use super::super::encode::{EncodeError, warnings};
use super::super::exchange::{Choice, Exchange, Format, Part, Parts, Speaker, Tool};
use super::super::json::{Kind, Raw, Text};
use super::super::message::Input;
use super::super::request::{BadRequest, Request, shown};
use super::super::signed::Signed;
use super::fields::{camel, field, is_named, peek, pick, text};
use super::media;
use super::pairs::Pairs;
use super::walk::{only_text, parts_of, server_kind};
use crate::bounds::MAX_LIST_LENGTH;

/// Reads a request whose schemas are JSON Schema already ([`super::plain_schemas`]).
///
/// # Errors
/// When it is broken inside, or holds what no other wire can carry.
pub(crate) fn read_request(request: &Request) -> Result<Exchange<'_>, EncodeError> {
    let mut exchange = Exchange {
        max_tokens: request.max_tokens(),
        user: request.user_id(),
        asks: Asks::of(request),
        ..Exchange::default()
    };
    let mut reader = Reader { exchange: &mut exchange, pairs: Pairs::default() };
    reader.system(field(request, "systemInstruction"))?;
    for content in field(request, "contents").elements() {
        reader.content(content.map_err(BadRequest::from)?)?;
    }
    read_config(&mut exchange, field(request, "generationConfig"))?;
    read_tools(&mut exchange, field(request, "tools"))?;
    read_choice(&mut exchange, field(request, "toolConfig"))?;
    for (name, value) in request.members().filter(|(_, value)| !value.is_null()) {
        match &*camel(name) {
            "cachedContent" => {
                return Err(EncodeError::unsupported("`cachedContent` is kept by Google, which alone can read it"));
            }
            "model" | "contents" | "systemInstruction" | "generationConfig" | "tools" | "toolConfig" | "labels" => {}
            _ if value.bytes() == b"[]" => {}
            name => exchange.warn(warnings::unknown_member(name)),
        }
    }
    exchange.pair_results();
    Ok(exchange)
}

struct Reader<'e, 'a> {
    exchange: &'e mut Exchange<'a>,
    pairs: Pairs<'a>,
}

impl<'a> Reader<'_, 'a> {
    fn system(&mut self, system: Raw<'a>) -> Result<(), BadRequest> {
        let parts = parts_of(system);
        let mut said = Parts::new();
        said.extend(parts.text().map(Part::Text));
        for part in parts.elements() {
            let part = part?;
            let [text] = pick(part, ["text"])?;
            match text.or(Some(part)).and_then(Raw::text) {
                Some(text) => said.push(Part::Text(text)),
                None => self.exchange.warn("a part of `systemInstruction` that is no text was left out"),
            }
        }
        said.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        self.exchange.system = said;
        Ok(())
    }

    fn content(&mut self, content: Raw<'a>) -> Result<(), EncodeError> {
        let [role, parts] = pick(content, ["role", "parts"]).map_err(BadRequest::from)?;
        let speaker = match role.and_then(Raw::text).map_or(&b"user"[..], Text::escaped) {
            b"user" | b"function" | b"" => Speaker::User,
            b"model" => Speaker::Assistant,
            b"system" => Speaker::System,
            _ => return Err(BadRequest::new("`contents`: a role must be `user` or `model`").into()),
        };
        let parts = parts.unwrap_or(Raw::NULL);
        if !matches!(parts.kind(), Kind::Array | Kind::Null) {
            return Err(BadRequest::new("`contents`: `parts` must be a list").into());
        }
        if speaker == Speaker::Assistant {
            self.pairs.next_turn();
        }
        let mut read = Parts::new();
        for part in parts.elements() {
            self.part(part.map_err(BadRequest::from)?, &mut read)?;
        }
        self.exchange.say(speaker, read);
        Ok(())
    }

    fn part(&mut self, part: Raw<'a>, parts: &mut Parts<'a>) -> Result<(), EncodeError> {
        let (mut thought, mut signature, mut found) = (false, None, None);
        for member in part.members() {
            let (key, value) = member.map_err(BadRequest::from)?;
            if value.is_null() {
                continue;
            }
            match &*camel(key) {
                "thought" => thought = value.boolean() == Some(true),
                "thoughtSignature" => signature = value.text().filter(|text| !text.is_empty()),
                "text"
                | "functionCall"
                | "functionResponse"
                | "inlineData"
                | "fileData"
                | "executableCode"
                | "codeExecutionResult" => found = Some((camel(key), value)),
                name => self.exchange.warn(warnings::unknown_member(name)),
            }
        }
        let signature = signature.map(|text| Signed::of_client(Wire::Gemini, text));
        let Some((name, value)) = found else {
            parts.extend(signature.map(|signed| Part::Thinking { text: Text::EMPTY, signature: Some(signed) }));
            return Ok(());
        };
        if thought && &*name == "text" {
            parts.push(Part::Thinking { text: text(Some(value)), signature });
            return Ok(());
        }
        if let Some(signed) = signature {
            sign(parts, signed);
        }
        match &*name {
            "text" => parts.extend(value.text().filter(|text| !text.is_empty()).map(Part::Text)),
            "functionCall" => parts.push(self.call(value)?),
            "functionResponse" => parts.push(self.response(value)?),
            "inlineData" => parts.push(media::inline(value)?),
            "fileData" => parts.push(media::file(value)?),
            _ => parts.push(Part::Note(media::code_note(value))),
        }
        Ok(())
    }

    fn call(&mut self, call: Raw<'a>) -> Result<Part<'a>, BadRequest> {
        let [id, name, args] = pick(call, ["id", "name", "args"])?;
        let name = name.and_then(Raw::text).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| BadRequest::new("`contents`: a functionCall has no name"))?;
        let input = Input::Object(args.unwrap_or(Raw::from_measured(b"{}")));
        Ok(Part::Call { id: self.pairs.call(name, text(id)), name, input })
    }

    fn response(&mut self, response: Raw<'a>) -> Result<Part<'a>, EncodeError> {
        let names = ["id", "name", "response", "parts"];
        let [id, name, result, more] = pick(response, names).map_err(BadRequest::from)?;
        let name = name.and_then(Raw::text).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| BadRequest::new("`contents`: a functionResponse has no name"))?;
        let result = result.unwrap_or(Raw::NULL);
        let mut parts = Vec::new();
        let alone = only_text(result);
        match alone {
            Some((_, text)) => parts.push(Part::Text(text)),
            None if result.members().next().is_none() => {}
            None => parts.push(Part::Note(String::from_utf8_lossy(result.bytes()).into_owned())),
        }
        let [error, output] = peek(result, ["error", "output"]);
        for part in more.unwrap_or(Raw::NULL).elements() {
            let [inline, file] =
                pick(part.map_err(BadRequest::from)?, ["inlineData", "fileData"]).map_err(BadRequest::from)?;
            match (inline, file) {
                (Some(inline), _) => parts.push(media::inline(inline)?),
                (None, Some(file)) => parts.push(media::file(file)?),
                _ => self.exchange.warn("a part of a functionResponse that is no data was left out"),
            }
        }
        let id = self.pairs.response(name, text(id));
        Ok(Part::Result { id, error: error.is_some() && output.is_none(), parts })
    }
}

/// Puts a signature before what it signs: to the thinking there, if there is any without one.
fn sign<'a>(parts: &mut Parts<'a>, signed: Signed<'a>) {
    match parts.last_mut() {
        Some(Part::Thinking { signature: signature @ None, .. }) => *signature = Some(signed),
        _ => parts.push(Part::Thinking { text: Text::EMPTY, signature: Some(signed) }),
    }
}

fn read_config<'a>(exchange: &mut Exchange<'a>, config: Raw<'a>) -> Result<(), BadRequest> {
    let (mut schema, mut json) = (None, false);
    for member in config.members() {
        let (key, value) = member?;
        match &*camel(key) {
            _ if value.is_null() => {}
            "maxOutputTokens" | "thinkingConfig" => {}
            "temperature" => exchange.temperature = Some(value),
            "topP" => exchange.top_p = Some(value),
            "topK" => exchange.top_k = Some(value),
            "seed" => exchange.seed = Some(value),
            "stopSequences" => {
                for stop in value.elements() {
                    exchange.stop.extend(stop?.text());
                }
            }
            "responseMimeType" => match value.text().map_or(&b""[..], Text::escaped) {
                b"application/json" => json = true,
                b"text/plain" | b"" => {}
                _ => exchange.warn(warnings::unknown_member("responseMimeType")),
            },
            "responseSchema" | "responseJsonSchema" => schema = Some(value),
            "candidateCount" if value.number() == Some(1.0) => {}
            "presencePenalty" => exchange.presence_penalty = Some(value),
            "frequencyPenalty" => exchange.frequency_penalty = Some(value),
            "responseLogprobs" if value.boolean() == Some(false) => {}
            "responseModalities" if value.elements().map_while(Result::ok).all(|word| word.is_text("TEXT")) => {}
            name => exchange.warn(warnings::unknown_member(name)),
        }
    }
    exchange.format = match schema {
        Some(schema) => Format::Schema { name: None, schema },
        None if json => Format::Object,
        None => Format::Free,
    };
    Ok(())
}

fn read_tools<'a>(exchange: &mut Exchange<'a>, tools: Raw<'a>) -> Result<(), BadRequest> {
    for tool in tools.elements() {
        for member in tool?.members() {
            let (key, value) = member?;
            if is_named(key, "functionDeclarations") {
                for declared in value.elements() {
                    exchange.tools.push(declaration(declared?)?);
                }
            } else if !value.is_null() {
                exchange.server_tools.push(server_kind(key));
            }
        }
    }
    if exchange.tools.len() > MAX_LIST_LENGTH {
        return Err(BadRequest::new(format!("`tools`: at most {MAX_LIST_LENGTH} functions are allowed")));
    }
    Ok(())
}

fn declaration(declared: Raw<'_>) -> Result<Tool<'_>, BadRequest> {
    let names = ["name", "description", "parameters", "parametersJsonSchema"];
    let [name, description, parameters, json_schema] = pick(declared, names)?;
    let name = name.and_then(Raw::text).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| BadRequest::new("`tools`: a function has no name"))?;
    let schema = json_schema.or(parameters);
    Ok(Tool { name, description: description.and_then(Raw::text), schema, strict: None, cache: None })
}

fn read_choice<'a>(exchange: &mut Exchange<'a>, config: Raw<'a>) -> Result<(), BadRequest> {
    for member in config.members() {
        let (key, value) = member?;
        if is_named(key, "functionCallingConfig") {
            read_calling(exchange, value)?;
        } else if !value.is_null() {
            exchange.warn(warnings::unknown_member(&camel(key)));
        }
    }
    Ok(())
}

fn read_calling<'a>(exchange: &mut Exchange<'a>, config: Raw<'a>) -> Result<(), BadRequest> {
    let [mode, allowed] = pick(config, ["mode", "allowedFunctionNames"])?;
    let mut names = Vec::new();
    for name in allowed.unwrap_or(Raw::NULL).elements() {
        names.extend(name?.text());
    }
    exchange.choice = match mode.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
        b"" | b"MODE_UNSPECIFIED" => Choice::Unsaid,
        // No other wire promises that a call fits its schema, or text.
        b"AUTO" | b"VALIDATED" => Choice::Auto,
        b"NONE" => Choice::None,
        b"ANY" => match names.as_slice() {
            [name] => Choice::Tool(*name),
            _ => Choice::Any,
        },
        word => {
            let word = shown(&String::from_utf8_lossy(word));
            let text = format!("`toolConfig`: the mode `{word}` is none of AUTO, ANY, NONE and VALIDATED");
            return Err(BadRequest::new(text));
        }
    };
    if !names.is_empty() {
        if let Some(name) = names.iter().find(|name| !exchange.tools.iter().any(|tool| tool.name == **name)) {
            let text = format!("`toolConfig`: no function `{}` is declared", shown(&name.decode()));
            return Err(BadRequest::new(text));
        }
        // The others may not be called: no other wire can say so but by leaving them out.
        exchange.tools.retain(|tool| names.contains(&tool.name));
    }
    Ok(())
}
