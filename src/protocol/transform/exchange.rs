//! Changes of the canonical request. They are made in one order, whatever the policy's, because no other
//! one works: schemas and marks are cleaned, the exit tool is added, history is trimmed while calls can
//! still be told from text, tools are put into words, and system text moves last, with those words.

use super::super::Wire;
use super::super::encode::warnings;
use super::super::encode::{Back, Change, EncodeError, Target};
use super::super::exchange::{Exchange, Format, Part, Parts, Speaker, Turn, schema_in_words};
use super::super::json::Raw;
use super::super::request::shown;
use super::schema_clean::Cleaner;
use super::stages::StageKind;
use super::{emulate, exit_tool, trim_history};
use crate::dsl::policy::Capability;
use crate::dsl::transform::Transform;

/// Most keywords that a warning names.
const MAX_NAMED_KEYWORDS: usize = 8;
/// Keywords that say nothing about what may be written: nobody misses them.
const SILENT: [&str; 4] = ["$schema", "$id", "$comment", "$anchor"];

/// Schemas as an upstream takes them, for those that change: an exchange borrows its texts.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    /// for each tool
    pub(crate) tools: Vec<Option<Vec<u8>>>,
    /// of the answer's form
    pub(crate) format: Option<Vec<u8>>,
    /// the keywords that were taken out, each once
    taken: Vec<String>,
}

impl Schemas {
    pub(crate) fn of(exchange: &Exchange<'_>, target: &Target<'_>) -> Self {
        if !target.has(|transform| matches!(transform, Transform::SchemaClean(_))) {
            return Self::default();
        }
        let refused =
            target.known().filter(|_| target.wire == Wire::Chat).map_or(&[][..], |known| known.refused_keywords);
        let mut taken = Vec::new();
        let mut clean = |schema: Raw<'_>| {
            let mut cleaned: Option<Vec<u8>> = None;
            for transform in target.transforms {
                let Transform::SchemaClean(named) = transform else { continue };
                let now = cleaned.as_deref().map_or(schema, Raw::from_measured);
                cleaned = Cleaner::new(named, target.wire, refused).clean(now, &mut taken).or(cleaned);
            }
            cleaned
        };
        let format = match exchange.format {
            Format::Schema { schema, .. } => clean(schema),
            _ => None,
        };
        let tools = exchange.tools.iter().map(|tool| clean(tool.schema?)).collect();
        Self { tools, format, taken }
    }

    /// Says what was taken out: in one warning, and for whoever looks at the request.
    pub(crate) fn tell(&self, warnings: &mut Vec<String>, changes: &mut Vec<Change>) {
        let count = self.tools.iter().chain([&self.format]).flatten().count();
        if count == 0 {
            return;
        }
        let s = if count == 1 { "" } else { "s" };
        let what = if self.taken.is_empty() {
            format!("{count} schema{s} reworded")
        } else {
            let mut names: Vec<String> =
                self.taken.iter().take(MAX_NAMED_KEYWORDS).map(|name| format!("`{}`", shown(name))).collect();
            if let Some(more) = self.taken.len().checked_sub(MAX_NAMED_KEYWORDS).filter(|more| *more > 0) {
                names.push(format!("{more} more"));
            }
            format!("{} taken out of {count} schema{s}", names.join(", "))
        };
        if self.taken.iter().any(|name| !SILENT.contains(&name.as_str())) {
            warnings.push(format!("schemas cleaned: {what}"));
        }
        changes.push(Change { transform: "schema_clean".to_owned(), what });
    }
}

/// Makes the changes of a model's chain, and notes for the way back what has to be looked for in the
/// answer. `bound` is an upper bound of the request's tokens. Returns whether the conversation or the
/// tools are others than before; cleaned schemas and marks do not count.
///
/// # Errors
/// When the request does not fit the model however much of its history is left out.
pub(crate) fn apply<'a>(
    exchange: &mut Exchange<'a>,
    schemas: &'a Schemas,
    target: &Target<'_>,
    bound: u64,
    back: &mut Back,
) -> Result<bool, EncodeError> {
    if target.transforms.is_empty() {
        return Ok(false);
    }
    use_schemas(exchange, schemas);
    if target.has(|transform| matches!(transform, Transform::CleanCache)) {
        let marks = clean_cache(exchange);
        if marks > 0 {
            exchange.changed("clean_cache", format!("{marks} mark{} removed", if marks == 1 { "" } else { "s" }));
        }
    }
    if target.has(|transform| matches!(transform, Transform::Reasoning)) {
        exchange.replay_thinking = true;
        let thinks = |turn: &&Turn<'_>| turn.parts.iter().any(|part| matches!(part, Part::Thinking { .. }));
        let turns = exchange.turns.iter().filter(thinks).count();
        if turns > 0 {
            exchange.changed(
                "reasoning",
                format!("the thinking of {turns} turn{} goes back", if turns == 1 { "" } else { "s" }),
            );
        }
    }
    super::watch(target, !exchange.tools.is_empty(), back);
    let mut rewritten = false;
    if target.has(|transform| matches!(transform, Transform::ToolUse))
        && let Some(name) = exit_tool::demand(exchange)
    {
        exchange.changed("tool_use", format!("a tool must be called; `{name}` was added for a plain answer"));
        back.stages.push(StageKind::ExitTool(name));
        rewritten = true;
    }
    for transform in target.transforms {
        let Transform::TrimHistory(limit) = transform else { continue };
        let room = trim_history::room(target, *limit, exchange.max_tokens);
        if let Some(room) = room.filter(|room| bound > *room) {
            rewritten |= trim_history::trim(exchange, target, room)?;
        }
    }
    if target.emulates_tools() {
        let tools = exchange.tools.len();
        let emulated = emulate::in_words(exchange);
        if emulated.changed {
            let s = if tools == 1 { "" } else { "s" };
            exchange.changed("emulate_tools", format!("{tools} tool{s}, their calls and results put into words"));
        }
        rewritten |= emulated.changed;
        if !emulated.names.is_empty() {
            back.stages.push(StageKind::Emulated(emulated.names));
        }
    }
    if target.has(|transform| matches!(transform, Transform::SystemAsUser)) {
        let moved = system_as_user(exchange, target);
        if moved {
            exchange.changed("system_as_user", "what the system says was put into the first user message");
        }
        rewritten |= moved;
    }
    back.stages.sort();
    Ok(rewritten)
}

fn use_schemas<'a>(exchange: &mut Exchange<'a>, schemas: &'a Schemas) {
    for (tool, cleaned) in exchange.tools.iter_mut().zip(&schemas.tools) {
        if let Some(cleaned) = cleaned {
            tool.schema = Some(Raw::from_measured(cleaned));
        }
    }
    if let (Format::Schema { schema, .. }, Some(cleaned)) = (&mut exchange.format, &schemas.format) {
        *schema = Raw::from_measured(cleaned);
    }
}

/// How many marks there were.
fn clean_cache(exchange: &mut Exchange<'_>) -> usize {
    let mut marks = 0_usize;
    let mut is_mark = |part: &mut Part<'_>| {
        let is_one = matches!(part, Part::CacheMark(_));
        marks += usize::from(is_one);
        is_one
    };
    exchange.system.retain(|part| !is_mark(part));
    for turn in &mut exchange.turns {
        turn.parts.retain(|part| !is_mark(part));
        for part in &mut turn.parts {
            if let Part::Result { parts, .. } = part {
                parts.retain_mut(|part| !is_mark(part));
            }
        }
    }
    for tool in &mut exchange.tools {
        marks += usize::from(tool.cache.take().is_some());
    }
    marks
}

/// All that the system says, the form of the answer included, is said by the user.
fn system_as_user(exchange: &mut Exchange<'_>, target: &Target<'_>) -> bool {
    let mut said = std::mem::take(&mut exchange.system);
    if let Format::Schema { schema, .. } = exchange.format
        && !target.can(Capability::JsonSchema)
    {
        said.push(Part::Note(schema_in_words(schema)));
        exchange.format = Format::Free;
        exchange.warn(warnings::SCHEMA_IN_WORDS);
    }
    let later = exchange.turns.iter().any(|turn| turn.speaker == Speaker::System);
    if said.is_empty() && !later {
        return false;
    }
    let mut first = Some(said).filter(|said| !said.is_empty());
    for mut turn in std::mem::take(&mut exchange.turns) {
        if turn.speaker == Speaker::System {
            turn.speaker = Speaker::User;
        }
        if let Some(said) = first.take() {
            turn = before(said, turn, exchange);
        }
        exchange.say(turn.speaker, turn.parts);
    }
    if let Some(said) = first {
        exchange.say(Speaker::User, said);
    }
    true
}

/// Puts what the system says before a turn's own words: inside of it if it is the user's.
fn before<'a>(mut said: Parts<'a>, turn: Turn<'a>, exchange: &mut Exchange<'a>) -> Turn<'a> {
    if turn.speaker == Speaker::User {
        said.extend(turn.parts);
        return Turn { speaker: Speaker::User, parts: said };
    }
    exchange.say(Speaker::User, said);
    turn
}
