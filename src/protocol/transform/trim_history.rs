//! `trim_history`: the oldest turns are dropped until a request fits.
//!
//! What is never dropped: system text, tools, the last turn of the user. A call stays with its results.
//! The first thing that the user said stays as long as it fits: it is often the task.

use super::super::encode::{EncodeError, Target};
use super::super::exchange::{Exchange, Part, Source, Speaker, Tool, Turn};
use super::super::message::Input;
use super::super::tokens::media::{Allowance, Media};
use super::super::tokens::{Counter, MESSAGE_TOKENS, Measure};

/// Left for the answer when neither the client nor the policy says how long it may be.
const DEFAULT_ANSWER_TOKENS: u64 = 4_096;
/// What text is taken for that is not counted.
const BYTES_A_TOKEN: usize = 4;

/// How many tokens a request may have; None: nobody says.
pub(super) fn room(target: &Target<'_>, limit: Option<u64>, asked: Option<u64>) -> Option<u64> {
    let context = target.context.map(|context| {
        let answer = match (asked, target.output_limit) {
            (Some(asked), Some(limit)) => asked.min(limit),
            (Some(tokens), None) | (None, Some(tokens)) => tokens,
            (None, None) => DEFAULT_ANSWER_TOKENS,
        };
        // Clients ask for far more than they get: half of the context is the most that is kept free.
        context - answer.min(context / 2)
    });
    match (limit, context) {
        (Some(limit), Some(context)) => Some(limit.min(context)),
        (limit, context) => limit.or(context),
    }
}

/// Drops what is too much. Returns whether anything was dropped.
///
/// # Errors
/// When the request is larger than the model's context with no history at all.
pub(super) fn trim(exchange: &mut Exchange<'_>, target: &Target<'_>, room: u64) -> Result<bool, EncodeError> {
    let mut history = History::new(exchange, Measure::of(target.wire, target.model));
    let least = history.least();
    if least > room
        && let Some(context) = target.context.filter(|context| least > *context)
    {
        return Err(EncodeError::Unsupported(format!(
            "about {least} tokens without any history, more than its context of {context}"
        )));
    }
    let keep = history.keep(room);
    let dropped: Vec<&Turn<'_>> =
        (0..).zip(&exchange.turns).filter(|(at, turn)| !keep.holds(*at, turn)).map(|(_, turn)| turn).collect();
    let bytes: usize = dropped.iter().flat_map(|turn| &turn.parts).map(bytes_of).sum();
    let (count, all) = (dropped.len(), exchange.turns.len());
    if least > room {
        exchange.warn(format!("history trimmed: what is left has about {least} tokens, {room} were wanted"));
    }
    if count == 0 {
        return Ok(false);
    }
    for (at, turn) in std::mem::take(&mut exchange.turns).into_iter().enumerate() {
        if keep.holds(at, &turn) {
            exchange.say(turn.speaker, turn.parts);
        }
    }
    let tokens = bytes / BYTES_A_TOKEN;
    exchange.changed("trim_history", format!("{count} of {all} turns (about {tokens} tokens) dropped to fit {room}"));
    exchange.warn(format!("history trimmed: {count} of {all} turns (about {tokens} tokens) left out to fit {room}"));
    Ok(true)
}

/// Which turns stay.
struct Keep {
    /// everything from here on
    from: usize,
    /// and what the user said first
    first: Option<usize>,
}

impl Keep {
    fn holds(&self, at: usize, turn: &Turn<'_>) -> bool {
        at >= self.from || self.first == Some(at) || turn.speaker == Speaker::System
    }
}

/// A conversation whose turns are counted once each, the newest first, as far as it is needed.
struct History<'e, 'a> {
    turns: &'e [Turn<'a>],
    measure: Measure,
    counter: Counter,
    allowance: Allowance,
    /// where the part begins that always stays
    tail: usize,
    first: Option<usize>,
}

impl<'e, 'a> History<'e, 'a> {
    fn new(exchange: &'e Exchange<'a>, measure: Measure) -> Self {
        let turns = exchange.turns.as_slice();
        let last = turns.iter().rposition(|turn| turn.speaker == Speaker::User).unwrap_or(turns.len());
        let tail = turns.iter().take(last + 1).rposition(begins).unwrap_or(0);
        let first = turns.iter().position(|turn| turn.speaker == Speaker::User && begins(turn));
        let mut history = Self {
            turns,
            measure,
            counter: measure.counter(),
            allowance: Allowance::default(),
            tail,
            first: first.filter(|first| *first < tail),
        };
        for part in &exchange.system {
            history.part(part);
        }
        for tool in &exchange.tools {
            history.tool(tool);
        }
        for turn in turns.iter().filter(|turn| turn.speaker == Speaker::System) {
            history.turn(turn);
        }
        history
    }

    /// Counts what always stays.
    fn least(&mut self) -> u64 {
        for turn in self.turns.iter().skip(self.tail).rev().filter(|turn| turn.speaker != Speaker::System) {
            self.turn(turn);
        }
        self.counter.tokens()
    }

    fn keep(&mut self, room: u64) -> Keep {
        let mut keep = Keep { from: self.tail, first: None };
        if let Some(first) = self.first.and_then(|at| self.turns.get(at)) {
            let before = self.counter.tokens();
            self.turn(first);
            if self.counter.tokens() <= room {
                keep.first = self.first;
            } else {
                self.counter = self.measure.counter();
                self.counter.add(before);
            }
        }
        for (at, turn) in self.turns.iter().enumerate().take(self.tail).rev() {
            if turn.speaker != Speaker::System && keep.first != Some(at) {
                self.turn(turn);
            }
            if self.counter.tokens() > room {
                break;
            }
            if begins(turn) {
                keep.from = at;
            }
        }
        keep
    }

    fn turn(&mut self, turn: &Turn<'_>) {
        self.counter.add(MESSAGE_TOKENS);
        for part in &turn.parts {
            self.part(part);
        }
    }

    fn tool(&mut self, tool: &Tool<'_>) {
        self.counter.text(&tool.name.decode());
        if let Some(description) = tool.description {
            self.counter.text(&description.decode());
        }
        self.counter.text(&String::from_utf8_lossy(tool.schema()));
    }

    fn part(&mut self, part: &Part<'_>) {
        match part {
            Part::Text(text) | Part::Redacted(text) | Part::Thinking { text, .. } => self.counter.text(&text.decode()),
            Part::Note(note) => self.counter.text(note),
            Part::Image(source) => self.counter.add(self.measure.image(media(*source), &mut self.allowance)),
            Part::Audio(source) => self.counter.add(self.measure.sound(media(*source))),
            Part::Document { source, .. } => {
                self.counter.add(self.measure.document(media(*source), &mut self.allowance));
            }
            Part::CacheMark(_) => {}
            Part::Call { name, input, .. } => {
                self.counter.text(&name.decode());
                match input {
                    Input::Object(raw) => self.counter.text(&String::from_utf8_lossy(raw.bytes())),
                    Input::Written(text) => self.counter.text(&text.decode()),
                }
            }
            Part::Result { parts, .. } => parts.iter().for_each(|part| self.part(part)),
        }
    }
}

/// Whether a conversation may begin with a turn: not with the results of calls, and not in the middle
/// of what the system says.
fn begins(turn: &Turn<'_>) -> bool {
    turn.speaker != Speaker::System && !turn.parts.iter().any(|part| matches!(part, Part::Result { .. }))
}

fn media(source: Source<'_>) -> Media<'_> {
    match source {
        Source::Base64 { media, data } => Media::of_base64(media, data),
        Source::Url(_) | Source::Id => Media::default(),
    }
}

/// About how much text a part has; nothing is counted that is only thrown away.
fn bytes_of(part: &Part<'_>) -> usize {
    match part {
        Part::Text(text) | Part::Redacted(text) | Part::Thinking { text, .. } => text.escaped().len(),
        Part::Note(note) => note.len(),
        Part::Call { name, input, .. } => {
            let input = match input {
                Input::Object(raw) => raw.bytes().len(),
                Input::Written(text) => text.escaped().len(),
            };
            name.escaped().len() + input
        }
        Part::Result { parts, .. } => parts.iter().map(bytes_of).sum(),
        Part::Image(_) | Part::Document { .. } | Part::Audio(_) | Part::CacheMark(_) => 0,
    }
}
