//! A request in one form for all wires: two codecs a protocol instead of one a pair.
//!
//! It borrows: texts stay escaped, schemas and numbers stay as they were written. Reading is strict,
//! unlike the facts' walk: a body that is broken inside is a 400.

use std::borrow::Cow;
use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::Wire;
use super::asks::Asks;
use super::encode::Change;
use super::json::{Kind, Raw, Text};
use super::made_ids::made_id;
use super::message::Input;
use super::shared::Shared;
use super::signed::Signed;

/// A request.
#[derive(Debug, Default)]
pub(crate) struct Exchange<'a> {
    /// texts, notes and cache marks
    pub(crate) system: Parts<'a>,
    pub(crate) turns: Vec<Turn<'a>>,
    pub(crate) tools: Vec<Tool<'a>>,
    /// types of tools that a provider runs
    pub(crate) server_tools: Vec<Cow<'a, str>>,
    pub(crate) choice: Choice<'a>,
    /// whether several calls a turn are allowed
    pub(crate) parallel: Option<bool>,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) temperature: Option<Raw<'a>>,
    pub(crate) top_p: Option<Raw<'a>>,
    pub(crate) top_k: Option<Raw<'a>>,
    pub(crate) seed: Option<Raw<'a>>,
    pub(crate) presence_penalty: Option<Raw<'a>>,
    pub(crate) frequency_penalty: Option<Raw<'a>>,
    pub(crate) stop: Vec<Text<'a>>,
    pub(crate) user: Option<String>,
    /// names and texts that the client's own books have of it: OpenAI's `metadata`, Google's `labels`
    pub(crate) labels: Option<Raw<'a>>,
    /// what both of OpenAI's protocols have, and no other
    pub(crate) shared: Shared<'a>,
    pub(crate) asks: Asks<'a>,
    pub(crate) format: Format<'a>,
    /// earlier thinking goes on to an upstream that is not known to want it
    pub(crate) replay_thinking: bool,
    /// what could not be carried over
    pub(crate) warnings: Vec<String>,
    /// noted by the writer: where the long values stand in what it has written
    pub(crate) long: Places,
    /// what the model's transforms changed, for whoever looks at the request
    pub(crate) changes: Vec<Change>,
}

/// Places in a body.
pub(crate) type Places = SmallVec<[Range<usize>; 3]>;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    System,
    User,
    Assistant,
}

/// All that one side says before the other does.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) speaker: Speaker,
    pub(crate) parts: Parts<'a>,
}

pub(crate) type Parts<'a> = SmallVec<[Part<'a>; 2]>;

/// One thing in a turn.
#[derive(Clone, Debug)]
pub(crate) enum Part<'a> {
    Text(Text<'a>),
    /// text that was made here out of something that no other wire knows
    Note(String),
    Image(Source<'a>),
    Document {
        name: Option<Text<'a>>,
        source: Source<'a>,
    },
    /// a sound; its type is Gemini's word for it, such as `audio/wav`
    Audio(Source<'a>),
    Thinking {
        text: Text<'a>,
        /// what proves it to the wire that made it
        signature: Option<Signed<'a>>,
    },
    /// thinking of Anthropic's that nobody but it can read
    Redacted(Text<'a>),
    /// the provider may cache everything up to here: Anthropic's `cache_control`, as it was written
    CacheMark(Raw<'a>),
    Call {
        id: Text<'a>,
        name: Text<'a>,
        input: Input<'a>,
    },
    Result {
        id: Text<'a>,
        error: bool,
        parts: Vec<Part<'a>>,
    },
}

/// Where an attachment's bytes are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    Base64 {
        media: Text<'a>,
        data: Text<'a>,
    },
    Url(Text<'a>),
    /// at the provider, under an id that no other provider knows
    Id,
}

/// A client's tool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) description: Option<Text<'a>>,
    pub(crate) schema: Option<Raw<'a>>,
    pub(crate) strict: Option<Raw<'a>>,
    /// Anthropic's `cache_control`, as it was written
    pub(crate) cache: Option<Raw<'a>>,
}

impl<'a> Tool<'a> {
    /// The schema of its input: an object of anything when the client gave none.
    pub(crate) fn schema(&self) -> &'a [u8] {
        self.schema.map_or(b"{\"type\":\"object\",\"properties\":{}}", Raw::bytes)
    }
}

/// Which tool must be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    #[default]
    Unsaid,
    Auto,
    Any,
    None,
    Tool(Text<'a>),
}

/// The form that the answer must have.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Format<'a> {
    #[default]
    Free,
    Object,
    Schema {
        name: Option<Text<'a>>,
        schema: Raw<'a>,
    },
}

impl<'a> Exchange<'a> {
    /// Adds to the last turn if the same side goes on speaking, else begins one.
    pub(crate) fn say(&mut self, speaker: Speaker, parts: Parts<'a>) {
        if parts.is_empty() {
            return;
        }
        match self.turns.last_mut() {
            Some(turn) if turn.speaker == speaker => turn.parts.extend(parts),
            _ => self.turns.push(Turn { speaker, parts }),
        }
    }

    /// The penalties that are asked for, by Chat's names: 0 asks for none.
    pub(crate) fn penalties(&self) -> impl Iterator<Item = (&'static str, Raw<'a>)> + use<'a> {
        let said = [("presence_penalty", self.presence_penalty), ("frequency_penalty", self.frequency_penalty)];
        said.into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .filter(|(_, value)| value.number() != Some(0.0))
    }

    /// Notes what a transform of this name did.
    pub(crate) fn changed(&mut self, transform: &str, what: impl Into<String>) {
        self.changes.push(Change { transform: transform.to_owned(), what: what.into() });
    }

    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }

    /// Warns of what may come with every message.
    pub(crate) fn warn_once(&mut self, text: String) {
        if !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }

    /// Tells of inputs in the conversation that are no objects: a model that was cut off writes such.
    pub(crate) fn tell_of_inputs(&mut self, wire: Wire) {
        let is_broken = |part: &&Part<'_>| match part {
            Part::Call { input: Input::Written(text), .. } if !text.is_empty() => {
                !Raw::parse(text.decode().as_bytes()).is_ok_and(|input| input.kind() == Kind::Object)
            }
            _ => false,
        };
        let broken = self.turns.iter().flat_map(|turn| &turn.parts).filter(is_broken).count();
        if broken > 0 {
            let done = match wire {
                Wire::Anthropic | Wire::Gemini => "were mended, or kept under `_invalid_arguments`",
                Wire::Chat | Wire::Responses => "were sent as they are",
            };
            self.warn(format!("{broken} inputs of tool calls that are no JSON objects {done}"));
        }
    }

    /// Takes out what an assistant cannot show to an upstream that has attachments of users alone.
    pub(crate) fn leave_out_shown(&mut self) {
        let is_shown = |part: &Part<'_>| matches!(part, Part::Image(_) | Part::Document { .. } | Part::Audio(_));
        let mut left_out = 0;
        for turn in self.turns.iter_mut().filter(|turn| turn.speaker == Speaker::Assistant) {
            let before = turn.parts.len();
            turn.parts.retain(|part| !is_shown(part));
            left_out += before - turn.parts.len();
        }
        if left_out > 0 {
            self.warn(format!(
                "{left_out} attachments of the assistant's own turns were left out: only users show some"
            ));
        }
    }

    /// Puts every call's result behind it, in the order of the calls: upstreams refuse a
    /// conversation in which a result is missing, stands elsewhere, or belongs to no call. Calls get distinct
    /// ids, and their results with them.
    pub(crate) fn pair_results(&mut self) {
        let mut ids = Ids::of(&self.turns);
        let mut turns = Vec::with_capacity(self.turns.len());
        let mut calls: Vec<Called<'a>> = Vec::new();
        // A system turn between calls and their results goes behind the results.
        let mut between = None;
        for mut turn in std::mem::take(&mut self.turns) {
            if turn.speaker == Speaker::System && !calls.is_empty() && between.is_none() {
                between = Some(turn);
                continue;
            }
            if turn.speaker == Speaker::User {
                turn.parts = self.settled(turn.parts, &std::mem::take(&mut calls));
            } else if !calls.is_empty() {
                let parts = self.settled(Parts::new(), &std::mem::take(&mut calls));
                turns.push(Turn { speaker: Speaker::User, parts });
            }
            if turn.speaker == Speaker::Assistant {
                turns.extend(between.take());
                calls = ids.of_turn(&mut turn);
            }
            turns.push(turn);
            turns.extend(between.take());
        }
        if !calls.is_empty() {
            let parts = self.settled(Parts::new(), &calls);
            turns.push(Turn { speaker: Speaker::User, parts });
        }
        turns.extend(between);
        self.turns = turns;
        if ids.changed > 0 {
            self.warn(format!("{} tool calls got other ids: theirs were empty, or those of other calls", ids.changed));
        }
    }

    /// The parts of a user's turn, the results first and in the order of the calls before it.
    fn settled(&mut self, parts: Parts<'a>, calls: &[Called<'a>]) -> Parts<'a> {
        let is_result = |part: &Part<'a>| matches!(part, Part::Result { .. });
        if calls.is_empty() && !parts.iter().any(is_result) {
            return parts;
        }
        let (results, rest): (Vec<Part<'a>>, Vec<Part<'a>>) = parts.into_iter().partition(is_result);
        let mut by_id: FxHashMap<&[u8], Vec<Part<'a>>> = FxHashMap::default();
        for part in results.into_iter().rev() {
            if let Part::Result { id, .. } = &part {
                by_id.entry(id.escaped()).or_default().push(part);
            }
        }
        let mut settled = Parts::new();
        let mut missing = 0;
        for call in calls {
            let mut result = by_id.get_mut(call.own.escaped()).and_then(Vec::pop).unwrap_or_else(|| {
                missing += 1;
                let note = Part::Note("(no result: the call was interrupted)".to_owned());
                Part::Result { id: call.id, error: true, parts: vec![note] }
            });
            if let Part::Result { id, .. } = &mut result {
                *id = call.id;
            }
            settled.push(result);
        }
        let orphans: Vec<Part<'a>> = by_id.into_values().flatten().collect();
        if missing > 0 {
            self.warn(format!("{missing} missing tool results were filled in"));
        }
        if !orphans.is_empty() {
            self.warn(format!("{} tool results without a call were sent as text", orphans.len()));
        }
        for orphan in orphans {
            if let Part::Result { parts, .. } = orphan {
                settled.push(Part::Note("(result of a tool call that is not in the conversation)".to_owned()));
                settled.extend(parts);
            }
        }
        settled.extend(rest);
        settled
    }
}

/// A call that waits for its result.
struct Called<'a> {
    /// the id that the client gave it
    own: Text<'a>,
    /// the id that it goes on with
    id: Text<'a>,
}

/// The ids of a conversation's calls.
struct Ids<'a> {
    own: FxHashSet<&'a [u8]>,
    /// none is empty or comes twice
    distinct: bool,
    seen: FxHashSet<&'a [u8]>,
    /// the number to try next
    next: usize,
    changed: usize,
}

impl<'a> Ids<'a> {
    fn of(turns: &[Turn<'a>]) -> Self {
        let (mut own, mut all) = (FxHashSet::default(), 0);
        for part in turns.iter().filter(|turn| turn.speaker == Speaker::Assistant).flat_map(|turn| &turn.parts) {
            if let Part::Call { id, .. } = part {
                all += 1;
                if !id.is_empty() {
                    own.insert(id.escaped());
                }
            }
        }
        Self { distinct: own.len() == all, own, seen: FxHashSet::default(), next: 0, changed: 0 }
    }

    fn of_turn(&mut self, turn: &mut Turn<'a>) -> Vec<Called<'a>> {
        let calls = turn.parts.iter_mut().filter_map(|part| match part {
            Part::Call { id, .. } => {
                let own = *id;
                *id = self.distinct_id(own);
                Some(Called { own, id: *id })
            }
            _ => None,
        });
        calls.collect()
    }

    fn distinct_id(&mut self, own: Text<'a>) -> Text<'a> {
        if self.distinct || (!own.is_empty() && self.seen.insert(own.escaped())) {
            return own;
        }
        self.changed += 1;
        while let Some(made) = made_id(self.next) {
            self.next += 1;
            if !self.own.contains(made.escaped()) {
                return made;
            }
        }
        own
    }
}

/// Asks for an answer that fits a schema, of a model that takes none.
pub(crate) fn schema_in_words(schema: Raw<'_>) -> String {
    let schema = String::from_utf8_lossy(schema.bytes());
    format!("Answer with one JSON object and nothing else. It must fit this JSON schema: {schema}")
}
