//! Reading a request of Gemini.

use super::super::Wire;
use super::super::asks::Asks;
use super::super::encode::{EncodeError, warnings};
use super::super::exchange::{Choice, Exchange, Format, Part, Parts, Speaker, Tool};
use super::super::json::{Kind, Raw, Text};
use super::super::message::Input;
use super::super::request::{BadRequest, Request, shown};
use super::super::signed::Signed;
use super::super::strict::{Form, Members, Place, check_members, plain_number};
use super::fields::{camel, field, is_named, peek, pick};
use super::media;
use super::pairs::Pairs;
use super::walk::{only_text, parts_of, server_kind};
use crate::bounds::MAX_LIST_LENGTH;

/// Members that are carried over, or that only this side's provider has a use for.
const KNOWN: &Members = &[
    ("model", Form::Any),
    ("contents", Form::Any),
    ("systemInstruction", Form::Content),
    ("generationConfig", CONFIG),
    ("tools", Form::Any),
    ("toolConfig", Form::Object(&[("functionCallingConfig", CALLING)])),
    ("labels", Form::Object(&[])),
    ("cachedContent", Form::Any),
];
const CONFIG: Form = Form::Object(&[
    ("temperature", Form::Numeral),
    ("topP", Form::Numeral),
    ("topK", Form::Numeral),
    ("seed", Form::Numeral),
    ("stopSequences", Form::Texts),
    ("responseMimeType", Form::Text),
    ("responseSchema", Form::Object(&[])),
    ("responseJsonSchema", Form::Object(&[])),
    ("candidateCount", Form::Numeral),
    ("presencePenalty", Form::Numeral),
    ("frequencyPenalty", Form::Numeral),
    ("responseLogprobs", Form::Flag),
    ("responseModalities", Form::Texts),
    ("thinkingConfig", THINKING),
]);
const THINKING: Form =
    Form::Object(&[("thinkingBudget", Form::Numeral), ("thinkingLevel", Form::Text), ("includeThoughts", Form::Flag)]);
const CALLING: Form = Form::Object(&[("mode", Form::Text), ("allowedFunctionNames", Form::Texts)]);
/// An empty list asks for nothing.
const NEUTRAL: &[(&str, &[u8])] = &[("safetySettings", b"[]")];

/// Reads a request whose schemas are JSON Schema already ([`super::plain_schemas`]).
///
/// # Errors
/// When it is broken inside, or holds what no other wire can carry.
pub(crate) fn read_request(request: &Request) -> Result<Exchange<'_>, EncodeError> {
    if !field(request, "cachedContent").is_null() {
        return Err(EncodeError::unsupported("`cachedContent` is kept by Google, which alone can read it"));
    }
    let mut exchange = Exchange {
        max_tokens: request.max_tokens(),
        user: request.user_id(),
        labels: request.field("labels"),
        asks: Asks::of(request),
        ..Exchange::default()
    };
    let mut reader = Reader { exchange: &mut exchange, pairs: Pairs::default() };
    reader.system(field(request, "systemInstruction"))?;
    let list = Place::top("contents");
    for (index, content) in field(request, "contents").elements().enumerate() {
        reader.content(content.map_err(BadRequest::from)?, &list.element(index))?;
    }
    read_config(&mut exchange, field(request, "generationConfig"))?;
    read_tools(&mut exchange, field(request, "tools"))?;
    read_choice(&mut exchange, field(request, "toolConfig"))?;
    check_members(request, &mut exchange, KNOWN, NEUTRAL)?;
    exchange.pair_results();
    Ok(exchange)
}

struct Reader<'e, 'a> {
    exchange: &'e mut Exchange<'a>,
    pairs: Pairs<'a>,
}

impl<'a> Reader<'_, 'a> {
    fn system(&mut self, system: Raw<'a>) -> Result<(), BadRequest> {
        let at = Place::top("systemInstruction");
        let within = at.member("parts");
        let within = if system.kind() == Kind::Object { within } else { at };
        let parts = parts_of(system);
        if parts.kind() != Kind::Object {
            within.content(Some(parts))?;
        }
        let mut said = Parts::new();
        said.extend(parts.text().map(Part::Text));
        for (index, part) in parts.each().enumerate() {
            let (part, at) = (part?, within.element(index));
            if let Some(text) = part.text() {
                said.push(Part::Text(text));
                continue;
            }
            let [text] = pick(at.inner(Some(part))?, ["text"])?;
            match at.member("text").text(text)? {
                Some(text) => said.push(Part::Text(text)),
                None => self.exchange.warn("a part of `systemInstruction` that is no text was left out"),
            }
        }
        said.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        self.exchange.system = said;
        Ok(())
    }

    fn content(&mut self, content: Raw<'a>, at: &Place<'_>) -> Result<(), EncodeError> {
        let [role, parts] = pick(at.inner(Some(content))?, ["role", "parts"]).map_err(BadRequest::from)?;
        let speaker = match at.member("role").said(role)?.escaped() {
            b"user" | b"function" | b"" => Speaker::User,
            b"model" => Speaker::Assistant,
            b"system" => Speaker::System,
            _ => return Err(at.member("role").refuse("a role must be `user` or `model`").into()),
        };
        let within = at.member("parts");
        let parts = parts.unwrap_or(Raw::NULL);
        if !matches!(parts.kind(), Kind::Array | Kind::Object | Kind::Null) {
            return Err(within.refuse("`parts` must be a list").into());
        }
        if speaker == Speaker::Assistant {
            self.pairs.next_turn();
        }
        let mut read = Parts::new();
        for (index, part) in parts.each().enumerate() {
            let at = within.element(index);
            let part = at.inner(Some(part.map_err(BadRequest::from)?))?;
            let [call, response] = peek(part, ["functionCall", "functionResponse"]);
            if call.is_some() && speaker != Speaker::Assistant {
                return Err(at.refuse("a functionCall must stand in a content of the role `model`").into());
            }
            if response.is_some() && speaker == Speaker::Assistant {
                return Err(at.refuse("a functionResponse must stand in a content of the role `user`").into());
            }
            self.part(part, &at, &mut read)?;
        }
        self.exchange.say(speaker, read);
        Ok(())
    }

    fn part(&mut self, part: Raw<'a>, at: &Place<'_>, parts: &mut Parts<'a>) -> Result<(), EncodeError> {
        let (mut thought, mut signature, mut found) = (false, None, None);
        for member in part.members() {
            let (key, value) = member.map_err(BadRequest::from)?;
            if value.is_null() {
                continue;
            }
            match &*camel(key) {
                "thought" => thought = at.member("thought").flag(Some(value))? == Some(true),
                "thoughtSignature" => signature = at.member("thoughtSignature").full(Some(value))?,
                "text"
                | "functionCall"
                | "functionResponse"
                | "inlineData"
                | "fileData"
                | "executableCode"
                | "codeExecutionResult" => {
                    if found.replace((camel(key), value)).is_some() {
                        return Err(at.refuse("a part holds one thing: a text, a call, a result or data").into());
                    }
                }
                name => self.exchange.warn(warnings::unknown_member(name)),
            }
        }
        let signature = signature.map(|text| Signed::of_client(Wire::Gemini, text));
        let Some((name, value)) = found else {
            parts.extend(signature.map(|signed| Part::Thinking { text: Text::EMPTY, signature: Some(signed) }));
            return Ok(());
        };
        let at = at.member(&name);
        if thought && &*name == "text" {
            parts.push(Part::Thinking { text: at.said(Some(value))?, signature });
            return Ok(());
        }
        if let Some(signed) = signature {
            sign(parts, signed);
        }
        match &*name {
            "text" => parts.extend(at.full(Some(value))?.map(Part::Text)),
            "functionCall" => parts.push(self.call(value, &at)?),
            "functionResponse" => parts.push(self.response(value, &at)?),
            "inlineData" => parts.push(media::inline(value, &at)?),
            "fileData" => parts.push(media::file(value, &at)?),
            _ => parts.push(Part::Note(media::code_note(at.inner(Some(value))?))),
        }
        Ok(())
    }

    fn call(&mut self, call: Raw<'a>, at: &Place<'_>) -> Result<Part<'a>, BadRequest> {
        let [id, name, args] = pick(at.inner(Some(call))?, ["id", "name", "args"])?;
        let name = at.member("name").full(name)?.ok_or_else(|| at.refuse("a functionCall has no name"))?;
        let input = Input::Object(at.member("args").object(args)?.unwrap_or(Raw::from_measured(b"{}")));
        let id = self.pairs.call(name, at.member("id").said(id)?).ok_or_else(|| at.refuse("too many calls"))?;
        Ok(Part::Call { id, name, input })
    }

    fn response(&mut self, response: Raw<'a>, at: &Place<'_>) -> Result<Part<'a>, EncodeError> {
        let names = ["id", "name", "response", "parts"];
        let [id, name, result, more] = pick(at.inner(Some(response))?, names).map_err(BadRequest::from)?;
        let name = at.member("name").full(name)?.ok_or_else(|| at.refuse("a functionResponse has no name"))?;
        let result = at.member("response").object(result)?.unwrap_or(Raw::NULL);
        let mut parts = Vec::new();
        let alone = only_text(result);
        match alone {
            Some((_, text)) => parts.push(Part::Text(text)),
            None if result.members().next().is_none() => {}
            None => parts.push(Part::Note(String::from_utf8_lossy(result.bytes()).into_owned())),
        }
        let [error, output] = peek(result, ["error", "output"]);
        let within = at.member("parts");
        for (index, part) in within.list(more)?.elements().enumerate() {
            let at = within.element(index);
            let part = at.inner(Some(part.map_err(BadRequest::from)?))?;
            let [inline, file] = pick(part, ["inlineData", "fileData"]).map_err(BadRequest::from)?;
            match (inline, file) {
                (Some(inline), _) => parts.push(media::inline(inline, &at.member("inlineData"))?),
                (None, Some(file)) => parts.push(media::file(file, &at.member("fileData"))?),
                _ => self.exchange.warn("a part of a functionResponse that is no data was left out"),
            }
        }
        let id = self.pairs.response(name, at.member("id").said(id)?);
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
            "temperature" => exchange.temperature = Some(plain_number(value)),
            "topP" => exchange.top_p = Some(plain_number(value)),
            "topK" => exchange.top_k = Some(plain_number(value)),
            "seed" => exchange.seed = Some(plain_number(value)),
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
            "candidateCount" if plain_number(value).number() == Some(1.0) => {}
            "presencePenalty" => exchange.presence_penalty = Some(plain_number(value)),
            "frequencyPenalty" => exchange.frequency_penalty = Some(plain_number(value)),
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
    let list = Place::top("tools");
    for (index, tool) in tools.elements().enumerate() {
        let at = list.element(index);
        for member in at.inner(Some(tool?))?.members() {
            let (key, value) = member?;
            if is_named(key, "functionDeclarations") {
                let within = at.member("functionDeclarations");
                for (index, declared) in within.list(Some(value))?.elements().enumerate() {
                    exchange.tools.push(declaration(declared?, &within.element(index))?);
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

fn declaration<'a>(declared: Raw<'a>, at: &Place<'_>) -> Result<Tool<'a>, BadRequest> {
    let names = ["name", "description", "parameters", "parametersJsonSchema"];
    let [name, description, parameters, json_schema] = pick(at.inner(Some(declared))?, names)?;
    let name = at.member("name").full(name)?.ok_or_else(|| at.refuse("a function has no name"))?;
    let parameters = at.member("parameters").object(parameters)?;
    let schema = at.member("parametersJsonSchema").object(json_schema)?.or(parameters);
    Ok(Tool { name, description: at.member("description").text(description)?, schema, strict: None, cache: None })
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
