//! A whole answer as the stream that Anthropic would have sent. Nothing is translated: a block that
//! this router does not know goes on as it is.

use super::super::json::{JsonError, Raw, Text, push_escaped, push_flat, push_number, push_with};
use super::super::message::Input;

/// Writes the stream of an answer.
pub(crate) fn replay(answer: Raw<'_>) -> Result<Vec<u8>, JsonError> {
    let [content, stop, sequence, usage] = answer.pick(["content", "stop_reason", "stop_sequence", "usage"])?;
    let mut out = Vec::with_capacity(answer.bytes().len() + 1_024);
    out.extend_from_slice(b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":");
    let end: &[(&str, &[u8])] = &[("content", b"[]"), ("stop_reason", b"null"), ("stop_sequence", b"null")];
    push_with(&mut out, answer, end)?;
    out.extend_from_slice(b"}\n\n");
    for (index, block) in (0..).zip(content.unwrap_or(Raw::NULL).elements()) {
        push_block(&mut out, index, block?)?;
    }
    out.extend_from_slice(b"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":");
    out.extend_from_slice(stop.unwrap_or(Raw::NULL).bytes());
    out.extend_from_slice(b",\"stop_sequence\":");
    out.extend_from_slice(sequence.unwrap_or(Raw::NULL).bytes());
    out.extend_from_slice(b"},\"usage\":");
    push_flat(&mut out, usage.unwrap_or(Raw::from_measured(b"{}")).bytes());
    out.extend_from_slice(b"}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    Ok(out)
}

fn push_block(out: &mut Vec<u8>, index: u64, block: Raw<'_>) -> Result<(), JsonError> {
    let [kind, text, thinking, signature, input, citations] =
        block.pick(["type", "text", "thinking", "signature", "input", "citations"])?;
    // What comes in deltas is empty at the start.
    let emptied: &[(&str, &[u8])] = match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
        b"text" => &[("text", b"\"\""), ("citations", b"[]")],
        b"thinking" => &[("thinking", b"\"\""), ("signature", b"\"\"")],
        b"tool_use" | b"server_tool_use" | b"mcp_tool_use" => &[("input", b"{}")],
        _ => &[],
    };
    out.extend_from_slice(b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
    push_number(out, index);
    out.extend_from_slice(b",\"content_block\":");
    let present: Vec<_> = emptied.iter().copied().filter(|(name, _)| block.get(name).is_some()).collect();
    push_with(out, block, &present)?;
    out.extend_from_slice(b"}\n\n");
    let is_emptied = |name: &str| emptied.iter().any(|(emptied, _)| *emptied == name);
    for (name, value, delta) in [
        ("text", text, &b"text_delta\",\"text\":"[..]),
        ("thinking", thinking, b"thinking_delta\",\"thinking\":"),
        ("signature", signature, b"signature_delta\",\"signature\":"),
    ] {
        if let Some(value) = value.filter(|value| is_emptied(name) && !value.is_text("")) {
            push_delta(out, index, delta, value.bytes());
        }
    }
    for citation in citations.filter(|_| is_emptied("citations")).unwrap_or(Raw::NULL).elements() {
        push_delta(out, index, b"citations_delta\",\"citation\":", citation?.bytes());
    }
    if let Some(input) = input.filter(|_| is_emptied("input")) {
        // Who reads a stream puts the pieces together and wants an object, whoever reads the whole.
        let (mut object, mut json) = (Vec::new(), b"\"".to_vec());
        Input::of(Some(input)).push_object(&mut object);
        push_escaped(&mut json, &object);
        json.push(b'"');
        push_delta(out, index, b"input_json_delta\",\"partial_json\":", &json);
    }
    out.extend_from_slice(b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
    push_number(out, index);
    out.extend_from_slice(b"}\n\n");
    Ok(())
}

fn push_delta(out: &mut Vec<u8>, index: u64, kind: &[u8], value: &[u8]) {
    out.extend_from_slice(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
    push_number(out, index);
    out.extend_from_slice(b",\"delta\":{\"type\":\"");
    out.extend_from_slice(kind);
    push_flat(out, value);
    out.extend_from_slice(b"}}\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data of each event, all of it JSON.
    fn data(answer: &str) -> Vec<String> {
        let stream = String::from_utf8(replay(Raw::parse(answer.as_bytes()).unwrap()).unwrap()).unwrap();
        let events = stream.split("\n\n").filter(|event| !event.is_empty());
        let data: Vec<String> = events.map(|event| event.split_once("\ndata: ").unwrap().1.to_owned()).collect();
        for data in &data {
            assert!(!data.contains('\n'), "{data}");
            serde_json::from_str::<serde::de::IgnoredAny>(data).unwrap();
        }
        data
    }

    #[test]
    fn every_block_goes_on_as_it_is() {
        let answer = concat!(
            r#"{"id":"msg_1","type":"message","model":"real","content":["#,
            r#"{"type":"thinking","thinking":"hm","signature":"sig"},"#,
            r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"q"}},"#,
            r#"{"type":"web_search_tool_result","tool_use_id":"s","content":[{"text":"x"}]},"#,
            r#"{"type":"text","text":"a\n","citations":[{"url":"u"}]},{"type":"text","text":"b"}],"#,
            r#""stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":6}}"#,
        );
        insta::assert_snapshot!(data(answer).join("\n"));
        let value: serde_json::Value = serde_json::from_str(answer).unwrap();
        let pretty = data(&serde_json::to_string_pretty(&value).unwrap());
        assert_eq!(pretty.len(), data(answer).len());
    }
}
