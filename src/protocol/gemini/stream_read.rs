//! Reading Gemini's stream: every event is an answer of its own, with what came since the last one.

use super::super::Wire;
use super::super::errors::read_upstream_error;
use super::super::json::{Raw, Text, push_number, push_with};
use super::super::message::Input;
use super::super::stream::event::{Event, Foreign, Form, Sink, StreamError};
use super::super::stream::others::Others;
use super::super::usage::{Stop, Usage};
use super::answer::{Content, Finish, Said, finish, has_sources, read_part};
use super::edit::without;
use super::fields::{is_named, pick};

/// Most calls of one answer.
const MAX_CALLS: usize = 256;

/// Reads the chunks of `streamGenerateContent`.
#[derive(Debug, Default)]
pub(crate) struct StreamReader {
    /// ids of calls that have none are made of it
    id: String,
    calls: usize,
    /// what came last was thinking that nothing has signed
    thinks: bool,
    usage: Usage,
    /// the usage has the output in it
    counted: bool,
    finished: bool,
    /// the events go on as they are, so a reason to stop needs no translation
    as_it_is: bool,
    /// something that a client sees was read
    said: bool,
    /// the other candidates, when the client speaks Gemini too
    others: Others,
    /// the chunks are written anew for a client of Gemini: what only Gemini knows is told
    own: bool,
}

impl StreamReader {
    /// A reader of the answer with this id.
    pub(crate) fn new(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// What it reads goes on to the client as it came.
    pub(crate) fn pass_on(&mut self) {
        self.as_it_is = true;
    }

    /// What it reads is written anew for a client of Gemini.
    pub(crate) fn keep_own(&mut self) {
        self.pass_on();
        self.own = true;
    }

    fn foreign(&self, form: Form, raw: Raw<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        if self.own { sink(Event::Foreign(Foreign { wire: Wire::Gemini, form, raw })) } else { Ok(()) }
    }

    pub(crate) fn unfinished(&self) -> bool {
        self.others.unfinished()
    }

    pub(crate) fn read(&mut self, data: &[u8], sink: Sink<'_>) -> Result<(), StreamError> {
        if data.is_empty() {
            return Ok(());
        }
        let chunk = Raw::object(data)?;
        let names = ["candidates", "usageMetadata", "promptFeedback", "error"];
        let [candidates, usage, feedback, error] = pick(chunk, names)?;
        if error.is_some() {
            let (kind, message) = read_upstream_error(data);
            return Err(StreamError::Upstream { kind, message });
        }
        if self.own {
            let head = without(chunk, &["candidates", "usageMetadata"], None);
            self.foreign(Form::Head, Raw::from_measured(&head), sink)?;
        }
        let mut stop = None;
        // What is said behind the reason to stop is nobody's in another protocol.
        let told = candidates.filter(|_| self.as_it_is || !self.finished);
        if candidates.is_some_and(|list| list.elements().next().is_some()) {
            for (place, candidate) in (0..).zip(told.unwrap_or(Raw::NULL).elements()) {
                let candidate = candidate?;
                if let Some((ended, word)) = self.candidate(place, candidate, sink)? {
                    stop = Some((ended, Some(word).filter(|_| self.own)));
                }
            }
        } else if feedback.is_some_and(|feedback| feedback.get("blockReason").is_some()) {
            stop = Some((Stop::Refusal, None));
        }
        if let Some(usage) = usage {
            self.counted |= self.usage.read(Wire::Gemini, usage);
            self.foreign(Form::Tail, usage, sink)?;
        }
        self.finished |= stop.is_some();
        if usage.is_some() || stop.is_some() {
            // Each chunk tells sums so far: only the last ones are those of the answer.
            sink(Event::Usage { usage: self.usage, last: self.finished && self.counted })?;
        }
        if let Some((stop, word)) = stop {
            sink(Event::Stop { stop, sequence: None, word })?;
        }
        // This protocol has no event for its end. The reason to stop is one as soon as the sums are told,
        // which Google does beside it: what breaks afterwards breaks nothing.
        if self.finished && usage.is_some() && !self.unfinished() { sink(Event::End) } else { Ok(()) }
    }

    /// Reads a candidate; returns why it ended, and the word for it.
    fn candidate<'a>(
        &mut self,
        place: u64,
        candidate: Raw<'a>,
        sink: Sink<'_>,
    ) -> Result<Option<(Stop, Text<'a>)>, StreamError> {
        let names = ["content", "finishReason", "finishMessage", "groundingMetadata", "index"];
        let [content, word, sentence, grounding, index] = pick(candidate, names)?;
        // Only the first of several candidates is told: no other protocol has more than one.
        let number = index.and_then(Raw::whole).unwrap_or(place);
        if number != 0 {
            if self.as_it_is {
                self.others.see(number, word.is_some_and(|word| !word.is_text("")))?;
            }
            if self.own {
                // In a chunk of its own its place says nothing.
                let (mut numbered, mut own) = (Vec::new(), Vec::new());
                push_number(&mut own, number);
                push_with(&mut numbered, candidate, &[("index", &own)])?;
                self.foreign(Form::Beside, Raw::from_measured(&numbered), sink)?;
            }
            return Ok(None);
        }
        let [parts] = pick(content.unwrap_or(Raw::NULL), ["parts"])?;
        let begun = self.said;
        for part in parts.unwrap_or(Raw::NULL).elements() {
            let part = part?;
            let said = read_part(part)?;
            // Nobody looks at thinking, and a signature stays in its part.
            let signs = said.signature.is_some() && matches!(said.content, Content::Nothing);
            if self.own && (signs || matches!(said.content, Content::Thought(_))) {
                self.said = true;
                self.foreign(Form::Block, part, sink)?;
            } else {
                self.part(said, sink)?;
            }
        }
        if self.own {
            let rest = without(candidate, &["content", "finishReason"], None);
            let said = |member: Result<(Text<'_>, Raw<'_>), _>| member.is_ok_and(|(key, _)| !is_named(key, "index"));
            if Raw::from_measured(&rest).members().any(said) {
                self.foreign(Form::Beside, Raw::from_measured(&rest), sink)?;
            }
        } else if let Some(grounding) = grounding.filter(|found| has_sources(*found)) {
            sink(Event::Foreign(Foreign { wire: Wire::Gemini, form: Form::Block, raw: grounding }))?;
        }
        let Some(word) = word.and_then(Raw::text).filter(|word| !word.is_empty()) else { return Ok(None) };
        match finish(word) {
            Finish::Ended(Stop::End) if self.calls > 0 => Ok(Some((Stop::ToolUse, word))),
            Finish::Ended(stop) => Ok(Some((stop, word))),
            // The client has begun to read, and its own protocol says what became of the answer.
            Finish::Failed if self.as_it_is && begun => Ok(Some((Stop::End, word))),
            Finish::Failed => {
                let message = sentence.and_then(Raw::text).map(|text| text.decode().into_owned()).unwrap_or_default();
                Err(StreamError::Upstream { kind: word.decode().into_owned(), message })
            }
        }
    }

    fn part(&mut self, said: Said<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        self.said |= !matches!(said.content, Content::Nothing);
        if let Content::Thought(text) = said.content {
            self.thinks = true;
            sink(Event::Thinking(text))?;
        }
        // An empty part at the end signs a text that is gone already: it is not needed again.
        let signs = !matches!(said.content, Content::Nothing) || self.thinks;
        if let Some(signature) = said.signature.filter(|_| signs) {
            self.thinks = false;
            sink(Event::Signature(signature))?;
        }
        match said.content {
            Content::Nothing | Content::Thought(_) => Ok(()),
            Content::Text(text) => {
                self.thinks = false;
                sink(Event::Text(text))
            }
            Content::Call { id, name, input } => {
                self.thinks = false;
                self.call(id, name, input, sink)
            }
            Content::Other(part) => sink(Event::Foreign(Foreign { wire: Wire::Gemini, form: Form::Block, raw: part })),
        }
    }

    fn call(
        &mut self,
        id: Option<Text<'_>>,
        name: Option<Text<'_>>,
        input: Input<'_>,
        sink: Sink<'_>,
    ) -> Result<(), StreamError> {
        let slot = self.calls;
        if slot >= MAX_CALLS {
            return Err(StreamError::Malformed(format!("more than {MAX_CALLS} tool calls")));
        }
        self.calls += 1;
        let made = format!("call_{}_{slot}", self.id);
        let id = id.unwrap_or(Text::from_escaped(made.as_bytes()));
        sink(Event::ToolStart { slot, id: Some(id), name })?;
        input.with_text(|json| sink(Event::ToolInput { slot, json }))
    }
}
