//! A whole answer as the events that Responses would have sent. Nothing is translated: an item that this
//! router does not know is announced and done as it is.

use super::super::json::{JsonError, Raw, Text, push_flat, push_member, push_number, push_text, push_with};

/// Writes the stream of an answer.
pub(crate) fn replay(answer: Raw<'_>) -> Result<Vec<u8>, JsonError> {
    let [output, status] = answer.pick(["output", "status"])?;
    let mut events = Events { out: Vec::with_capacity(answer.bytes().len() * 3 + 1_024), sequence: 0, place: 0 };
    let mut begun = Vec::new();
    let open: &[(&str, &[u8])] = &[("output", b"[]"), ("status", b"\"in_progress\""), ("usage", b"null")];
    push_with(&mut begun, answer, open)?;
    for name in ["response.created", "response.in_progress"] {
        events.head(name);
        events.member("response", &begun);
        events.close();
    }
    for item in output.unwrap_or(Raw::NULL).elements() {
        events.item(item?)?;
        events.place += 1;
    }
    let incomplete = status.is_some_and(|status| status.is_text("incomplete"));
    events.head(if incomplete { "response.incomplete" } else { "response.completed" });
    events.member("response", answer.bytes());
    events.close();
    Ok(events.out)
}

/// The events so far.
struct Events {
    out: Vec<u8>,
    /// the number of the next event
    sequence: u64,
    /// the place of the item
    place: u64,
}

impl Events {
    fn head(&mut self, name: &str) {
        for part in [&b"event: "[..], name.as_bytes(), b"\ndata: {\"type\":\"", name.as_bytes()] {
            self.out.extend_from_slice(part);
        }
        self.out.extend_from_slice(b"\",\"sequence_number\":");
        push_number(&mut self.out, self.sequence);
        self.sequence += 1;
    }

    fn member(&mut self, name: &str, value: &[u8]) {
        push_member(&mut self.out, name);
        push_flat(&mut self.out, value);
    }

    fn close(&mut self) {
        self.out.extend_from_slice(b"}\n\n");
    }

    /// The head of an event about the item; `part`: the member that numbers its parts, and the number.
    fn about(&mut self, name: &str, item: Raw<'_>, part: Option<(&str, u64)>) {
        self.head(name);
        self.member("item_id", item.get("id").unwrap_or(Raw::from_measured(b"\"\"")).bytes());
        push_member(&mut self.out, "output_index");
        push_number(&mut self.out, self.place);
        if let Some((name, number)) = part {
            push_member(&mut self.out, name);
            push_number(&mut self.out, number);
        }
    }

    fn whole_item(&mut self, name: &str, item: &[u8]) {
        self.head(name);
        push_member(&mut self.out, "output_index");
        push_number(&mut self.out, self.place);
        self.member("item", item);
        self.close();
    }

    fn item(&mut self, item: Raw<'_>) -> Result<(), JsonError> {
        let [kind, content, summary, arguments, input] =
            item.pick(["type", "content", "summary", "arguments", "input"])?;
        // What comes in deltas is empty at the start.
        let emptied: &[(&str, &[u8])] = match kind.and_then(Raw::text).map_or(&b""[..], Text::escaped) {
            b"message" => &[("content", b"[]"), ("status", b"\"in_progress\"")],
            b"reasoning" if summary.is_some() => &[("summary", b"[]")],
            b"function_call" if arguments.is_some() => &[("arguments", b"\"\""), ("status", b"\"in_progress\"")],
            b"custom_tool_call" if input.is_some() => &[("input", b"\"\""), ("status", b"\"in_progress\"")],
            _ => &[],
        };
        let present: Vec<_> = emptied.iter().copied().filter(|(name, _)| item.get(name).is_some()).collect();
        let mut begun = Vec::new();
        push_with(&mut begun, item, &present)?;
        self.whole_item("response.output_item.added", &begun);
        match emptied.first() {
            Some(("content", _)) => self.parts(item, content, "content_index", "content_part", "output_text")?,
            Some(("summary", _)) => {
                self.parts(item, summary, "summary_index", "reasoning_summary_part", "reasoning_summary_text")?;
            }
            Some((member, _)) => {
                let name = if *member == "input" { "custom_tool_call_input" } else { "function_call_arguments" };
                self.text(item, None, name, member, arguments.or(input).unwrap_or(Raw::NULL));
            }
            None => {}
        }
        self.whole_item("response.output_item.done", item.bytes());
        Ok(())
    }

    fn parts(
        &mut self,
        item: Raw<'_>,
        parts: Option<Raw<'_>>,
        index: &str,
        name: &str,
        said: &str,
    ) -> Result<(), JsonError> {
        for (number, part) in (0..).zip(parts.unwrap_or(Raw::NULL).elements()) {
            let part = part?;
            let [text, refusal] = part.pick(["text", "refusal"])?;
            let (said, member) =
                if text.is_none() && refusal.is_some() { ("refusal", "refusal") } else { (said, "text") };
            let mut begun = Vec::new();
            let emptied: &[(&str, &[u8])] = &[(member, b"\"\""), ("annotations", b"[]")];
            let present: Vec<_> = emptied.iter().copied().filter(|(name, _)| part.get(name).is_some()).collect();
            push_with(&mut begun, part, &present)?;
            self.about(&format!("response.{name}.added"), item, Some((index, number)));
            self.member("part", &begun);
            self.close();
            if let Some(text) = text.or(refusal) {
                self.text(item, Some((index, number)), said, member, text);
            }
            self.about(&format!("response.{name}.done"), item, Some((index, number)));
            self.member("part", part.bytes());
            self.close();
        }
        Ok(())
    }

    /// A text as one delta, and as a whole.
    fn text(&mut self, item: Raw<'_>, part: Option<(&str, u64)>, name: &str, member: &str, text: Raw<'_>) {
        let text = text.text().unwrap_or(Text::EMPTY);
        let logprobs = name == "output_text";
        for (event, member) in [("delta", "delta"), ("done", member)] {
            if event == "delta" && text.is_empty() {
                continue;
            }
            self.about(&format!("response.{name}.{event}"), item, part);
            push_member(&mut self.out, member);
            push_text(&mut self.out, text);
            if logprobs {
                self.member("logprobs", b"[]");
            }
            self.close();
        }
    }
}
