//! Members taken out of a body that goes on as it is otherwise.

use super::super::json::{Raw, push_string};
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
