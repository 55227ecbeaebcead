//! A request's body as the cache sees it: two requests with the same key would get the same answer.
//!
//! It is the body as JSON with sorted keys and no white space, without what [`LEFT_OUT`] names. One
//! walk: every value is copied once when it is met, and an object whose keys were not in order is
//! put in order behind that. Escapes and numbers stay as they are written: two ways to write one
//! value are two keys, which costs a miss and never a wrong answer.

use super::Protocol;
use super::content::is_billing;
use super::json::{JsonError, Raw, Text, member_at, separator, skip_space, skip_value};
use super::request::Request;
use crate::bounds::MAX_JSON_DEPTH;

/// Members of a body that are not part of the key, and why.
pub const LEFT_OUT: &[(&str, &str)] = &[
    ("model", "the model that answers is part of the key by itself"),
    ("metadata", "says who asks, not what; counts where answers repeat it (Responses)"),
    ("user", "says who asks, not what; counts where answers repeat it (Responses)"),
    ("safety_identifier", "says who asks, not what; counts where answers repeat it (Responses)"),
    ("client_metadata", "says who asks, not what"),
    ("prompt_cache_key", "a hint for the provider's own cache; counts where answers repeat it (Responses)"),
    ("stream_options", "changes how usage is told, not the answer"),
    ("labels", "Gemini's: say who asks, not what"),
    ("user_id", "of `/chat`: says who asks, not what"),
    ("session_id", "of `/chat`: says in which conversation, not what"),
    ("system[x-anthropic-billing-header]", "Claude Code's billing line, which changes with every turn"),
];

/// Those of [`LEFT_OUT`] that an answer of Responses repeats: a kept one would tell the next client who the
/// first was.
const REPEATED: &[&str] = &["metadata", "user", "safety_identifier", "prompt_cache_key"];

/// The key's part that the body makes. A body that is broken inside is its own key.
#[must_use]
pub fn canonical_key(request: &Request) -> Vec<u8> {
    let mut writer = Canonical { out: Vec::with_capacity(request.body().len()), ..Canonical::default() };
    match writer.body(request) {
        Ok(()) => writer.out,
        Err(_) => request.body().to_vec(),
    }
}

#[derive(Default)]
struct Canonical<'a> {
    out: Vec<u8>,
    /// the members of the objects that are open, the innermost last: key, and place in `out`
    members: Vec<(&'a [u8], usize, usize)>,
    scratch: Vec<u8>,
}

impl<'a> Canonical<'a> {
    fn body(&mut self, request: &'a Request) -> Result<(), JsonError> {
        let repeats = request.protocol() == Protocol::Responses;
        let counts = |name: &&str| repeats && REPEATED.contains(name);
        let left_out = |key: &Text<'a>| LEFT_OUT.iter().any(|(name, _)| key.is(name) && !counts(name));
        let mut members: Vec<(Text<'a>, Raw<'a>)> = request.members().filter(|(key, _)| !left_out(key)).collect();
        members.sort_unstable_by_key(|(key, _)| key.escaped());
        for (key, value) in members {
            self.out.push(if self.out.is_empty() { b'{' } else { b',' });
            self.key(key.escaped());
            if key.is("system") && value.bytes().starts_with(b"[") {
                self.system(value)?;
            } else {
                self.value(value.bytes(), 0, 0)?;
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    fn key(&mut self, key: &[u8]) {
        self.out.push(b'"');
        self.out.extend_from_slice(key);
        self.out.extend_from_slice(b"\":");
    }

    fn system(&mut self, blocks: Raw<'a>) -> Result<(), JsonError> {
        self.out.push(b'[');
        for block in blocks.elements() {
            let block = block?;
            if !block.get("text").and_then(Raw::text).is_some_and(is_billing) {
                self.value(block.bytes(), 0, 0)?;
                self.out.push(b',');
            }
        }
        self.out.push(b']');
        Ok(())
    }

    /// Appends the value at `at`; returns the place behind it.
    fn value(&mut self, bytes: &'a [u8], at: usize, depth: u32) -> Result<usize, JsonError> {
        if depth > MAX_JSON_DEPTH {
            return Err(JsonError { what: "too many brackets are nested", at });
        }
        match bytes.get(at) {
            Some(b'{') => self.object(bytes, at + 1, depth),
            Some(b'[') => self.array(bytes, at + 1, depth),
            _ => {
                let end = skip_value(bytes, at)?;
                self.out.extend_from_slice(bytes.get(at..end).unwrap_or_default());
                Ok(end)
            }
        }
    }

    fn array(&mut self, bytes: &'a [u8], mut at: usize, depth: u32) -> Result<usize, JsonError> {
        self.out.push(b'[');
        let mut first = true;
        while let Some(start) = separator(bytes, at, first, b']')? {
            if !std::mem::replace(&mut first, false) {
                self.out.push(b',');
            }
            at = self.value(bytes, start, depth + 1)?;
        }
        self.out.push(b']');
        Ok(skip_space(bytes, at) + 1)
    }

    fn object(&mut self, bytes: &'a [u8], mut at: usize, depth: u32) -> Result<usize, JsonError> {
        self.out.push(b'{');
        let begin = self.out.len();
        let base = self.members.len();
        let mut sorted = true;
        while let Some(start) = separator(bytes, at, self.members.len() == base, b'}')? {
            let (key, value) = member_at(bytes, start)?;
            let key = key.escaped();
            if let Some((last, _, _)) = self.members.last().filter(|_| self.members.len() > base) {
                sorted &= *last <= key;
                self.out.push(b',');
            }
            let from = self.out.len();
            self.key(key);
            at = self.value(bytes, value, depth + 1)?;
            self.members.push((key, from, self.out.len()));
        }
        if !sorted {
            self.sort(begin, base);
        }
        self.members.truncate(base);
        self.out.push(b'}');
        Ok(skip_space(bytes, at) + 1)
    }

    /// Puts the members of the object that begins at `begin` in order.
    fn sort(&mut self, begin: usize, base: usize) {
        let members = self.members.get_mut(base..).unwrap_or_default();
        members.sort_by_key(|(key, _, _)| *key);
        self.scratch.clear();
        for (index, (_, from, to)) in members.iter().enumerate() {
            if index > 0 {
                self.scratch.push(b',');
            }
            self.scratch.extend_from_slice(self.out.get(*from..*to).unwrap_or_default());
        }
        self.out.truncate(begin);
        self.out.extend_from_slice(&self.scratch);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn key(body: &str) -> String {
        key_of(Protocol::Anthropic, body)
    }

    fn key_of(protocol: Protocol, body: &str) -> String {
        let request = Request::parse(protocol, Bytes::copy_from_slice(body.as_bytes())).unwrap();
        String::from_utf8(canonical_key(&request)).unwrap()
    }

    #[test]
    fn keys_are_sorted_and_space_is_gone() {
        let body = r#" { "messages" : [ { "role" : "user" , "content" : [ {"type":"text","text":"a b"} , 1 ] } ] , "a" : {"z":{"y":1,"x":2},"b":[]} } "#;
        let expected = r#"{"a":{"b":[],"z":{"x":2,"y":1}},"messages":[{"content":[{"text":"a b","type":"text"},1],"role":"user"}]}"#;
        assert_eq!(key(body), expected);
    }

    #[test]
    fn who_asks_is_left_out() {
        let one = r#"{"model":"a","messages":[],"metadata":{"user_id":"1"},"system":[{"type":"text","text":"x-anthropic-billing-header: 1"},{"type":"text","text":"s"}]}"#;
        let two = r#"{"model":"b","messages":[],"user":"2","prompt_cache_key":"k","stream_options":{},"system":[{"type":"text","text":"x-anthropic-billing-header: 2"},{"text":"s","type":"text"}]}"#;
        assert_eq!(key(one), key(two));
        assert_ne!(key(one), key(&one.replace("\"s\"", "\"t\"")));
    }

    #[test]
    fn who_asks_counts_where_the_answer_repeats_it() {
        let plain = r#"{"model":"a","input":"hi"}"#;
        for (name, value) in
            REPEATED.iter().map(|name| (name, if *name == "metadata" { r#"{"a":"1"}"# } else { "\"1\"" }))
        {
            let said = plain.replace("}", &format!(r#","{name}":{value}}}"#));
            assert_ne!(key_of(Protocol::Responses, plain), key_of(Protocol::Responses, &said), "{name}");
            let chat = |body: &str| key_of(Protocol::Chat, &body.replace("\"input\":\"hi\"", "\"messages\":[]"));
            assert_eq!(chat(plain), chat(&said), "{name}");
        }
        assert!(REPEATED.iter().all(|name| LEFT_OUT.iter().any(|(left_out, _)| left_out == name)));
    }

    #[test]
    fn a_body_that_is_broken_inside_is_its_own_key() {
        let body = r#"{"messages":[{"a" 1}]}"#;
        assert_eq!(key(body), body);
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<i32>().prop_map(serde_json::Value::from),
            "[a-z\"\\\\ ]{0,5}".prop_map(serde_json::Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::btree_map("[a-c]{0,2}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Without `preserve_order`, `serde_json` prints keys in order: an independent answer.
        #[test]
        fn agrees_with_serde(value in value(), pretty in any::<bool>()) {
            let body = serde_json::json!({"messages":[value]});
            let text = if pretty { serde_json::to_string_pretty(&body) } else { serde_json::to_string(&body) }.unwrap();
            prop_assert_eq!(key(&text), serde_json::to_string(&body).unwrap());
        }
    }
}
