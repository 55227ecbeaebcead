//! Writing a Responses stream: items strictly one after another, each begun, filled and done.

use super::super::Wire;
use super::super::json::{Raw, Text, push_flat, push_member, push_number, push_string, push_text, push_with};
use super::super::sse::EventTooLarge;
use super::super::stream::event::{Event, Foreign, Form, StreamError};
use super::super::stream::in_order::InOrder;
use super::super::stream::tracker::Tracker;
use super::super::stream::writer::Heading;
use super::super::usage::Stop;
use super::items::{Called, Item, Progress, State, plain_input, push_part, push_response, push_summary};
use crate::bounds::MAX_EVENT_BYTES;

/// Writes the events of Responses.
#[derive(Debug, Default)]
pub(crate) struct StreamWriter {
    begun: bool,
    done: bool,
    order: InOrder,
    items: Items,
}

/// What has been written.
#[derive(Debug, Default)]
struct Items {
    /// the number of the next event
    sequence: u64,
    open: Option<Item>,
    /// the place of the open item, or of the next one
    place: u64,
    /// the items that are done: the last event repeats them all
    finished: Vec<u8>,
    /// bytes of the open item
    open_bytes: usize,
    /// the `response` of the upstream's first event and of its last one, when it speaks Responses too
    head: Option<Vec<u8>>,
    tail: Option<Vec<u8>>,
}

impl StreamWriter {
    pub(crate) fn write(&mut self, heading: &Heading, event: Event<'_>, out: &mut Vec<u8>) -> Result<(), StreamError> {
        if self.done {
            return Ok(());
        }
        let (begun, items) = (&mut self.begun, &mut self.items);
        if let Event::Foreign(Foreign { form: form @ (Form::Head | Form::Tail), raw, .. }) = event {
            let kept = if form == Form::Head { &mut items.head } else { &mut items.tail };
            *kept = Some(raw.bytes().to_vec());
            return Ok(());
        }
        self.order.push(event, &mut |event| {
            items.begin(begun, heading, out);
            items.take(heading, event, out)
        })
    }

    pub(crate) fn ping(&self, out: &mut Vec<u8>) {
        if !self.done {
            out.extend_from_slice(b": ping\n\n");
        }
    }

    /// The number of the next event.
    pub(crate) fn sequence(&self) -> u64 {
        self.items.sequence
    }

    /// Closes what is open and writes the end.
    pub(crate) fn end(&mut self, heading: &Heading, tracker: &Tracker, out: &mut Vec<u8>) -> Result<(), StreamError> {
        if self.done {
            return Ok(());
        }
        let stop = tracker.stop.unwrap_or_default();
        let (begun, items) = (&mut self.begun, &mut self.items);
        items.begin(begun, heading, out);
        self.order.end(stop, &mut |event| items.take(heading, event, out))?;
        self.items.close(heading, if stop == Stop::MaxTokens { Progress::Cut } else { Progress::Done }, out);
        self.items.end(stop, heading, tracker, out)?;
        self.done = true;
        Ok(())
    }
}

impl Items {
    /// Appends the head of an event, up to its number.
    fn event(&mut self, name: &str, out: &mut Vec<u8>) {
        for part in [&b"event: "[..], name.as_bytes(), b"\ndata: {\"type\":\"", name.as_bytes()] {
            out.extend_from_slice(part);
        }
        out.extend_from_slice(b"\",\"sequence_number\":");
        push_number(out, self.sequence);
        self.sequence += 1;
    }

    /// The same for an event inside the open item. `part`: the member that says which part of it.
    fn inner_event(&mut self, name: &str, heading: &Heading, part: &str, out: &mut Vec<u8>) {
        self.event(name, out);
        push_member(out, "item_id");
        push_string(out, &self.open.as_ref().map(|item| item.id(heading, self.place)).unwrap_or_default());
        push_member(out, "output_index");
        push_number(out, self.place);
        if !part.is_empty() {
            push_member(out, part);
            out.push(b'0');
        }
    }

    fn begin(&mut self, begun: &mut bool, heading: &Heading, out: &mut Vec<u8>) {
        if std::mem::replace(begun, true) {
            return;
        }
        for name in ["response.created", "response.in_progress"] {
            self.event(name, out);
            out.extend_from_slice(b",\"response\":");
            match &self.head {
                Some(head) => push_flat(out, head),
                None => push_response(out, heading, State::InProgress, b""),
            }
            out.extend_from_slice(b"}\n\n");
        }
    }

    fn end(&mut self, stop: Stop, heading: &Heading, tracker: &Tracker, out: &mut Vec<u8>) -> Result<(), StreamError> {
        let tail = self.tail.take();
        let tail = tail.as_deref().map(Raw::from_measured);
        let complete = match tail.and_then(|tail| tail.get("status")) {
            Some(status) => !status.is_text("incomplete"),
            None => !matches!(stop, Stop::MaxTokens | Stop::Refusal),
        };
        self.event(if complete { "response.completed" } else { "response.incomplete" }, out);
        out.extend_from_slice(b",\"response\":");
        match tail {
            Some(tail) => push_with(out, tail, &[("output", &[b"[", &*self.finished, b"]"].concat())])?,
            None => {
                let state = State::Ended(stop, tracker.spent(heading.input_tokens).usage);
                push_response(out, heading, state, &self.finished);
            }
        }
        out.extend_from_slice(b"}\n\n");
        Ok(())
    }

    /// Takes what came from an upstream that speaks Responses too.
    fn foreign(&mut self, heading: &Heading, foreign: Foreign<'_>, out: &mut Vec<u8>) -> Result<(), StreamError> {
        let Foreign { form, raw, .. } = foreign;
        match form {
            Form::Block => {
                self.count(Text::from_escaped(raw.bytes()))?;
                self.open_item(heading, Item::Own(raw.bytes().to_vec()), out);
            }
            Form::Done => {
                self.count(Text::from_escaped(raw.bytes()))?;
                if let Some(Item::Own(item)) = &mut self.open {
                    *item = raw.bytes().to_vec();
                }
                self.close(heading, Progress::Done, out);
            }
            Form::More | Form::Beside => {
                if let (Some(Item::Message { annotations, .. }), Some(annotation)) =
                    (&mut self.open, raw.get("annotation"))
                {
                    if !annotations.is_empty() {
                        annotations.push(b',');
                    }
                    annotations.extend_from_slice(annotation.bytes());
                }
                self.own_event(heading, raw, out)?;
            }
            Form::Head | Form::Tail => {}
        }
        Ok(())
    }

    /// Writes an event of the upstream's, with numbers of ours.
    fn own_event(&mut self, heading: &Heading, event: Raw<'_>, out: &mut Vec<u8>) -> Result<(), StreamError> {
        let number = |number: u64| {
            let mut digits = Vec::new();
            push_number(&mut digits, number);
            digits
        };
        let (sequence, place) = (number(self.sequence), number(self.place));
        self.sequence += 1;
        let mut members: Vec<(&str, &[u8])> = vec![("sequence_number", &sequence)];
        if event.get("output_index").is_some() {
            members.push(("output_index", &place));
        }
        let mut id = Vec::new();
        if let Some(item) = self.open.as_ref().filter(|item| !matches!(item, Item::Own(_))) {
            push_string(&mut id, &item.id(heading, self.place));
        }
        if event.get("item_id").is_some() && !id.is_empty() {
            members.push(("item_id", &id));
        }
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(event.get("type").and_then(Raw::text).unwrap_or(Text::EMPTY).escaped());
        out.extend_from_slice(b"\ndata: ");
        push_with(out, event, &members)?;
        out.extend_from_slice(b"\n\n");
        Ok(())
    }

    fn take(&mut self, heading: &Heading, event: Event<'_>, out: &mut Vec<u8>) -> Result<(), StreamError> {
        match event {
            Event::Text(text) => {
                if !matches!(self.open, Some(Item::Message { .. })) {
                    let item = Item::Message { text: Vec::new(), annotations: Vec::new() };
                    self.open_item(heading, item, out);
                    self.inner_event("response.content_part.added", heading, "content_index", out);
                    push_member(out, "part");
                    push_part(out, b"", b"");
                    out.extend_from_slice(b"}\n\n");
                }
                self.grow(text)?;
                self.inner_event("response.output_text.delta", heading, "content_index", out);
                push_member(out, "delta");
                push_text(out, text);
                out.extend_from_slice(b",\"logprobs\":[]}\n\n");
            }
            Event::Thinking(text) => {
                let fresh = match &self.open {
                    Some(Item::Reasoning { text, .. }) => text.is_empty(),
                    _ => {
                        self.open_item(heading, Item::Reasoning { text: Vec::new(), signature: None }, out);
                        true
                    }
                };
                if fresh {
                    self.inner_event("response.reasoning_summary_part.added", heading, "summary_index", out);
                    push_member(out, "part");
                    push_summary(out, b"");
                    out.extend_from_slice(b"}\n\n");
                }
                self.grow(text)?;
                self.inner_event("response.reasoning_summary_text.delta", heading, "summary_index", out);
                push_member(out, "delta");
                push_text(out, text);
                out.extend_from_slice(b"}\n\n");
            }
            Event::Signature(signed) => {
                if !matches!(self.open, Some(Item::Reasoning { .. })) {
                    self.open_item(heading, Item::Reasoning { text: Vec::new(), signature: None }, out);
                }
                self.count(signed.text)?;
                if let Some(Item::Reasoning { signature, .. }) = &mut self.open {
                    signed.push(Wire::Responses, signature.get_or_insert_default());
                }
                // What is thought behind it is another item, with a proof of its own.
                self.close(heading, Progress::Done, out);
            }
            Event::ToolStart { id, name, .. } => {
                let called = Called::of(&heading.back, &name.unwrap_or(Text::EMPTY).decode());
                let place = self.place + u64::from(self.open.is_some());
                let id = id.map_or_else(|| format!("call_{}_{place}", heading.id), |id| id.decode().into_owned());
                self.open_item(heading, Item::Call { id, called, arguments: Vec::new() }, out);
            }
            Event::ToolInput { json, .. } => {
                self.grow(json)?;
                // Plain text is known when its quotes are closed.
                if matches!(&self.open, Some(Item::Call { called, .. }) if !called.is_custom()) {
                    self.arguments_delta(heading, json, out);
                }
            }
            Event::Foreign(foreign) => self.foreign(heading, foreign, out)?,
            Event::Break => self.close(heading, Progress::Done, out),
            Event::Usage { .. } | Event::Stop { .. } | Event::End => {}
        }
        Ok(())
    }

    fn count(&mut self, piece: Text<'_>) -> Result<(), StreamError> {
        self.open_bytes += piece.escaped().len();
        if self.finished.len() + self.open_bytes > MAX_EVENT_BYTES { Err(EventTooLarge.into()) } else { Ok(()) }
    }

    fn arguments_delta(&mut self, heading: &Heading, piece: Text<'_>, out: &mut Vec<u8>) {
        self.inner_event("response.function_call_arguments.delta", heading, "", out);
        push_member(out, "delta");
        push_text(out, piece);
        out.extend_from_slice(b"}\n\n");
    }

    /// Remembers a piece of the open item.
    fn grow(&mut self, piece: Text<'_>) -> Result<(), StreamError> {
        self.count(piece)?;
        if let Some(Item::Message { text, .. } | Item::Reasoning { text, signature: None }) = &mut self.open {
            text.extend_from_slice(piece.escaped());
        } else if let Some(Item::Call { arguments, .. }) = &mut self.open {
            arguments.extend_from_slice(piece.escaped());
        }
        Ok(())
    }

    fn open_item(&mut self, heading: &Heading, item: Item, out: &mut Vec<u8>) {
        self.close(heading, Progress::Done, out);
        self.event("response.output_item.added", out);
        push_member(out, "output_index");
        push_number(out, self.place);
        push_member(out, "item");
        item.push(out, heading, self.place, Progress::Begun);
        out.extend_from_slice(b"}\n\n");
        self.open = Some(item);
    }

    fn close(&mut self, heading: &Heading, progress: Progress, out: &mut Vec<u8>) {
        if let Some(Item::Call { called, arguments, .. }) = &mut self.open {
            if called.is_custom() {
                *arguments = plain_input(Text::from_escaped(arguments));
            } else if arguments.is_empty() {
                // Whoever adds the deltas up gets the same as who waits for the whole.
                arguments.extend_from_slice(b"{}");
                self.arguments_delta(heading, Text::from_escaped(b"{}"), out);
            }
        }
        self.done_events(heading, out);
        let Some(item) = self.open.take() else { return };
        if !self.finished.is_empty() {
            self.finished.push(b',');
        }
        let from = self.finished.len();
        item.push(&mut self.finished, heading, self.place, progress);
        self.event("response.output_item.done", out);
        push_member(out, "output_index");
        push_number(out, self.place);
        push_member(out, "item");
        out.extend_from_slice(self.finished.get(from..).unwrap_or_default());
        out.extend_from_slice(b"}\n\n");
        self.place += 1;
        self.open_bytes = 0;
    }

    /// The events that say that the open item's contents are whole.
    fn done_events(&mut self, heading: &Heading, out: &mut Vec<u8>) {
        match self.open.take() {
            Some(item @ Item::Message { .. }) => self.text_done(heading, item, ["output_text", "content_part"], out),
            Some(item @ Item::Reasoning { .. }) => {
                self.text_done(heading, item, ["reasoning_summary_text", "reasoning_summary_part"], out);
            }
            Some(Item::Call { id, called, arguments }) => {
                let custom = called.is_custom();
                let whole = arguments.clone();
                self.open = Some(Item::Call { id, called, arguments });
                if custom {
                    self.inner_event("response.custom_tool_call_input.delta", heading, "", out);
                    push_member(out, "delta");
                    push_text(out, Text::from_escaped(&whole));
                    out.extend_from_slice(b"}\n\n");
                }
                let (name, member) = if custom {
                    ("response.custom_tool_call_input.done", "input")
                } else {
                    ("response.function_call_arguments.done", "arguments")
                };
                self.inner_event(name, heading, "", out);
                push_member(out, member);
                push_text(out, Text::from_escaped(&whole));
                out.extend_from_slice(b"}\n\n");
            }
            own => self.open = own,
        }
    }

    fn text_done(&mut self, heading: &Heading, item: Item, [text_name, part_name]: [&str; 2], out: &mut Vec<u8>) {
        let thought = matches!(item, Item::Reasoning { .. });
        let (text, annotations) = match &item {
            Item::Message { text, annotations } => (text.clone(), annotations.clone()),
            Item::Reasoning { text, .. } => (text.clone(), Vec::new()),
            Item::Call { .. } | Item::Own(_) => return,
        };
        let (index, logprobs) =
            if thought { ("summary_index", &b""[..]) } else { ("content_index", &b",\"logprobs\":[]"[..]) };
        self.open = Some(item);
        if thought && text.is_empty() {
            return;
        }
        self.inner_event(&format!("response.{text_name}.done"), heading, index, out);
        push_member(out, "text");
        push_text(out, Text::from_escaped(&text));
        out.extend_from_slice(logprobs);
        out.extend_from_slice(b"}\n\n");
        self.inner_event(&format!("response.{part_name}.done"), heading, index, out);
        push_member(out, "part");
        if thought {
            push_summary(out, &text);
        } else {
            push_part(out, &text, &annotations);
        }
        out.extend_from_slice(b"}\n\n");
    }
}
