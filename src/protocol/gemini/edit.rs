//! Members taken out of a body that goes on as it is otherwise.

use super::super::Wire;
use super::super::json::{Raw, Text, push_string};
use super::super::signed::Signed;
use super::fields::{camel, is_named, peek};
use super::walk::server_kind;

/// The schema that the answer must fit.
pub(crate) fn schema(config: Raw<'_>) -> Option<Raw<'_>> {
    let [own, plain] = peek(config, ["responseSchema", "responseJsonSchema"]);
    own.or(plain)
}

/// An object without some members, and with another value for one.
pub(crate) fn without(object: Raw<'_>, names: &[&str], other: Option<(&str, &[u8])>) -> Vec<u8> {
    let mut out = Vec::with_capacity(object.bytes().len());
    for (key, value) in object.members().map_while(Result::ok) {
        if names.iter().any(|name| is_named(key, name)) {
            continue;
        }
        let other = other.filter(|(name, _)| is_named(key, name)).map(|(_, value)| value);
        out.push(if out.is_empty() { b'{' } else { b',' });
        out.push(b'"');
        out.extend_from_slice(key.escaped());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(other.unwrap_or(value.bytes()));
    }
    out.extend_from_slice(if out.is_empty() { b"{}" } else { b"}" });
    out
}

/// The tools without a search; None when no other tool is left.
pub(crate) fn without_search(tools: Raw<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(tools.bytes().len());
    for tool in tools.elements().map_while(Result::ok) {
        let mut kept = Vec::new();
        for (key, value) in tool.members().map_while(Result::ok).filter(|(key, _)| server_kind(*key) != "web_search") {
            kept.push(if kept.is_empty() { b'{' } else { b',' });
            push_string(&mut kept, &camel(key));
            kept.push(b':');
            kept.extend_from_slice(value.bytes());
        }
        if !kept.is_empty() {
            out.push(if out.is_empty() { b'[' } else { b',' });
            out.extend_from_slice(&kept);
            out.push(b'}');
        }
    }
    if out.is_empty() {
        return None;
    }
    out.push(b']');
    Some(out)
}

/// The tools that Google itself has, as they came.
pub(crate) fn served(tools: Raw<'_>, searches: bool) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for tool in tools.elements().map_while(Result::ok) {
        for (key, value) in tool.members().map_while(Result::ok) {
            let is_search = server_kind(key) == "web_search";
            if !is_named(key, "functionDeclarations") && (searches || !is_search) && !value.is_null() {
                out.push([b"{\"", key.escaped(), b"\":", value.bytes(), b"}"].concat());
            }
        }
    }
    out
}

/// What has to be done to a part whose signature is none of Gemini's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mend<'a> {
    /// another's thinking, or nothing but its signature: the part does not go on
    Part,
    /// the signature of something said does not go on
    Signature,
    /// in the place of a call's signature stands that there is none
    Call(Raw<'a>),
}

/// Looks at a part of the conversation; None when it goes on as it is. Gemini refuses a signature that it
/// has not made.
pub(crate) fn foreign<'a>(part: Raw<'a>) -> Option<Mend<'a>> {
    let [signature, thought, text, call] = peek(part, ["thoughtSignature", "thought", "text", "functionCall"]);
    let signature = signature?;
    Signed::of_client(Wire::Gemini, signature.text()?).is_foreign(Wire::Gemini).then(|| {
        let alone = part.members().map_while(Result::ok).count() == 1;
        if call.is_some() {
            Mend::Call(signature)
        } else if alone || thought.and_then(Raw::boolean) == Some(true) || text.is_some_and(|text| text.is_text("")) {
            Mend::Part
        } else {
            Mend::Signature
        }
    })
}

/// Whether a member is the signature of its part.
pub(crate) fn is_signature(key: Text<'_>) -> bool {
    is_named(key, "thoughtSignature")
}
