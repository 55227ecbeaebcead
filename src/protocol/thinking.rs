//! How each family of models is told to think, and how much: one table a wire, by the model's name.
//!
//! What was asked for ([`Wish`]) is one of three things. *Unsaid* never says anything to anybody.
//! *Off* switches thinking off where a family can, says the least where it cannot, and never switches
//! anything on. *On* carries an effort; words and budgets of tokens are turned into each other so that
//! more stays more.

use super::asks::Asks;
use super::encode::{Target, warnings};
use super::json::{push_member, push_number, push_string};
use crate::dsl::transform::presets::ThinkingForm;

/// How hard a model thinks, from not at all to as hard as it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

use Effort::{High, Low, Max, Medium, Minimal, None as Nil, XHigh};

/// Every effort, its word, and the tokens that stand for it.
const EFFORTS: [(Effort, &str, u64); 7] = [
    (Nil, "none", 0),
    (Minimal, "minimal", 1_024),
    (Low, "low", 2_048),
    (Medium, "medium", 8_192),
    (High, "high", 16_384),
    (XHigh, "xhigh", 32_768),
    (Max, "max", 65_536),
];

impl Effort {
    /// Reads a word; an unknown one says nothing.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        EFFORTS.iter().find(|(_, known, _)| *known == word).map(|(effort, ..)| *effort)
    }

    /// The effort that a budget of tokens stands for: the nearest one.
    pub(crate) fn of_budget(tokens: u64) -> Self {
        match tokens {
            0 => Nil,
            1..=1_024 => Minimal,
            1_025..4_096 => Low,
            4_096..16_384 => Medium,
            16_384..32_768 => High,
            32_768..65_536 => XHigh,
            _ => Max,
        }
    }

    /// Its word.
    pub(crate) fn word(self) -> &'static str {
        EFFORTS.iter().find(|(effort, ..)| *effort == self).map_or("medium", |(_, word, _)| word)
    }

    /// The tokens that stand for it.
    pub(crate) fn budget(self) -> u64 {
        EFFORTS.iter().find(|(effort, ..)| *effort == self).map_or(0, |(.., tokens)| *tokens)
    }

    /// The nearest of the words that a model takes: the greatest that is not above, else the least that
    /// is any thinking at all.
    fn among(self, words: &[Self]) -> Option<Self> {
        let thinks = || words.iter().copied().filter(|word| *word > Nil);
        thinks().filter(|word| *word <= self).max().or_else(|| thinks().min())
    }
}

/// What a request says about thinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// nothing: it stays as the model has it
    Unsaid,
    /// no thinking
    Off,
    /// thinking
    On {
        /// how much
        effort: Effort,
        /// tokens, when the client said it in tokens
        budget: Option<u64>,
        /// the client said how much, in one way or the other
        measured: bool,
    },
}

impl Asks<'_> {
    /// What is wished for. An effort alone wishes for nothing: it also says how long an answer may be.
    pub(crate) fn wish(&self) -> Wish {
        if !self.thinking {
            return if self.thinking_off { Wish::Off } else { Wish::Unsaid };
        }
        let budget = (self.thinking_budget > 0).then_some(self.thinking_budget);
        let said = Effort::of_word(&self.effort).filter(|effort| *effort > Nil);
        let effort = said.or(budget.map(Effort::of_budget));
        Wish::On { effort: effort.unwrap_or(Medium), budget, measured: effort.is_some() }
    }
}

/// How a model behind Chat Completions is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChatSays {
    /// not at all: it does not think, or cannot be told
    Nothing,
    /// `reasoning_effort`, one of these words
    Effort(&'static [Effort]),
    /// `thinking: { type: enabled | disabled }`
    Switch,
    /// `enable_thinking`, and `thinking_budget` in tokens
    Enable,
    /// `reasoning: { effort | max_tokens | enabled }`, OpenRouter's one form for all families
    Unified,
    /// `chat_template_kwargs: { enable_thinking }`, which vLLM hands to a model's template
    Template,
}

const LOW_TO_HIGH: &[Effort] = &[Low, Medium, High];
const LOW_TO_XHIGH: &[Effort] = &[Low, Medium, High, XHigh];

/// Vendors as OpenRouter writes them before a model's name. `openai/` is not among them: it takes
/// `reasoning_effort` for those, and so does everybody else who uses the same names.
const OPENROUTER: &[&str] =
    &["anthropic", "bytedance-seed", "deepseek", "google", "minimax", "moonshotai", "qwen", "x-ai", "xiaomi", "z-ai"];

/// Beginnings of names (with `*`: parts of them), and how those models are told; the first that fits
/// counts. Sources: OpenAI's reference of `reasoning_effort`, the vendors' pages on thinking.
const CHAT: &[(&[&str], ChatSays)] = &[
    // The chat variants think, if at all, by themselves.
    (&["gpt-5-chat", "gpt-5.1-chat", "gpt-5.2-chat", "gpt-5.3-chat"], ChatSays::Nothing),
    (&["gpt-5-pro"], ChatSays::Effort(&[High])),
    (&["gpt-5.2-pro", "gpt-5.4-pro"], ChatSays::Effort(&[Medium, High, XHigh])),
    (&["gpt-5-codex"], ChatSays::Effort(LOW_TO_HIGH)),
    (&["gpt-5.1-codex-max", "gpt-5.2-codex", "gpt-5.3-codex"], ChatSays::Effort(LOW_TO_XHIGH)),
    (&["gpt-5.1-codex"], ChatSays::Effort(LOW_TO_HIGH)),
    (&["gpt-5.1"], ChatSays::Effort(&[Nil, Low, Medium, High])),
    (&["gpt-5."], ChatSays::Effort(&[Nil, Low, Medium, High, XHigh])),
    (&["gpt-5"], ChatSays::Effort(&[Minimal, Low, Medium, High])),
    (&["o1-mini", "o1-preview"], ChatSays::Nothing),
    (&["o1", "o3", "o4", "codex-mini", "gpt-oss"], ChatSays::Effort(LOW_TO_HIGH)),
    (&["gpt-3", "gpt-4", "chatgpt-"], ChatSays::Nothing),
    // Those that always think and have no word for how much.
    (&["*deepseek-r", "*reasoner", "*kimi-k2-thinking", "qwq", "qvq"], ChatSays::Nothing),
    (&["*deepseek", "*kimi", "*glm", "*doubao"], ChatSays::Switch),
    // Those that never do, among the ones that can.
    (&["qwen3-coder", "qwen2", "qwen1", "qwen-coder", "qwen-vl"], ChatSays::Nothing),
    (&["qwen"], ChatSays::Enable),
    // Gemini's own Chat endpoint; its thinking cannot always be switched off there.
    (&["gemini-2.5-pro", "gemini-3"], ChatSays::Effort(&[Minimal, Low, Medium, High])),
    (&["gemini-2.5"], ChatSays::Effort(&[Nil, Minimal, Low, Medium, High])),
    (&[""], ChatSays::Effort(LOW_TO_HIGH)),
];

/// The name alone, in small letters.
fn bare(model: &str) -> String {
    model.rsplit('/').next().unwrap_or_default().to_ascii_lowercase()
}

fn row<T: Copy>(table: &[(&[&str], T)], name: &str) -> Option<T> {
    let fits = |pattern: &&str| match pattern.strip_prefix('*') {
        Some(part) => name.contains(part),
        None => name.starts_with(pattern),
    };
    table.iter().find(|(patterns, _)| patterns.iter().any(fits)).map(|(_, value)| *value)
}

impl ChatSays {
    /// How a target is told: in the form that its preset knows, if its name says that it can be told.
    pub(crate) fn by(target: &Target<'_>) -> Self {
        let named = Self::of(target.model);
        let form = target.known().and_then(|known| known.thinking);
        match (form, named) {
            (None, _) | (Some(ThinkingForm::Effort), Self::Effort(_)) => named,
            (Some(ThinkingForm::Silent), _) | (Some(_), Self::Nothing) => Self::Nothing,
            (Some(ThinkingForm::Effort), _) => Self::Effort(LOW_TO_HIGH),
            (Some(ThinkingForm::Switch), _) => Self::Switch,
            (Some(ThinkingForm::Reasoning), _) => Self::Unified,
            (Some(ThinkingForm::Flag), _) => Self::Enable,
            (Some(ThinkingForm::Template), _) => Self::Template,
        }
    }

    /// How a model with this name is told.
    pub(crate) fn of(model: &str) -> Self {
        let vendor = model.split_once('/').map_or("", |(vendor, _)| vendor);
        if OPENROUTER.contains(&vendor) {
            return Self::Unified;
        }
        let name = bare(model);
        let told = row(CHAT, &name).unwrap_or(Self::Nothing);
        // Open weights come in variants that always or never think.
        let fixed = name.contains("-instruct") || name.contains("-thinking");
        if told == Self::Enable && fixed { Self::Nothing } else { told }
    }
}

/// Appends what a model behind Chat Completions is told. `thinks`: the policy says that it does.
/// Returns what the client has to know.
pub(crate) fn push_chat(says: ChatSays, wish: Wish, thinks: bool, out: &mut Vec<u8>) -> Option<&'static str> {
    let on = matches!(wish, Wish::On { .. });
    if on && !thinks {
        return Some(warnings::NO_THINKING);
    }
    let flag: &[u8] = if on { b"true" } else { b"false" };
    match says {
        _ if wish == Wish::Unsaid => {}
        ChatSays::Nothing => return on.then_some(warnings::UNTOLD_THINKING),
        ChatSays::Effort(words) => {
            if let Some(word) = word_of(words, wish) {
                push_member(out, "reasoning_effort");
                push_string(out, word);
            }
        }
        ChatSays::Switch => {
            push_member(out, "thinking");
            out.extend_from_slice(if on { b"{\"type\":\"enabled\"}" } else { b"{\"type\":\"disabled\"}" });
        }
        ChatSays::Template => {
            push_member(out, "chat_template_kwargs");
            out.extend_from_slice(if on { b"{\"enable_thinking\":true}" } else { b"{\"enable_thinking\":false}" });
        }
        ChatSays::Enable => {
            push_member(out, "enable_thinking");
            out.extend_from_slice(flag);
            if let Wish::On { effort, budget, measured: true } = wish {
                push_member(out, "thinking_budget");
                push_number(out, budget.unwrap_or(effort.budget()));
            }
        }
        // Other hosts use the same names, and refuse the member: a model that does not think, as the
        // policy says, is not told to stop.
        ChatSays::Unified if !thinks => {}
        ChatSays::Unified => {
            push_member(out, "reasoning");
            match wish {
                Wish::On { budget: Some(budget), .. } => {
                    out.extend_from_slice(b"{\"max_tokens\":");
                    push_number(out, budget);
                }
                Wish::On { effort, measured: true, .. } => {
                    out.extend_from_slice(b"{\"effort\":");
                    push_string(out, effort.among(&[Minimal, Low, Medium, High, XHigh]).map_or("medium", Effort::word));
                }
                _ => {
                    out.extend_from_slice(b"{\"enabled\":");
                    out.extend_from_slice(flag);
                }
            }
            out.push(b'}');
        }
    }
    None
}

/// The word for `reasoning_effort`, or for `reasoning.effort` of Responses, of a model with this name.
/// None: nothing is to be said.
pub(crate) fn effort_word(model: &str, wish: Wish) -> Option<&'static str> {
    let ChatSays::Effort(words) = row(CHAT, &bare(model)).unwrap_or(ChatSays::Nothing) else { return None };
    word_of(words, wish)
}

/// See [`effort_word`].
pub(crate) fn word_of(words: &[Effort], wish: Wish) -> Option<&'static str> {
    match wish {
        Wish::Unsaid => None,
        // An unknown model may think only when it is told to: then any word would switch it on.
        Wish::Off if words == LOW_TO_HIGH => None,
        Wish::Off => words.iter().copied().find(|word| *word <= Low).map(Effort::word),
        Wish::On { effort, .. } => effort.among(words).map(Effort::word),
    }
}

/// How a model behind Anthropic Messages is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnthropicSays {
    /// it does not think
    Nothing,
    /// `thinking: { type: enabled, budget_tokens }`, and, where there are words, `output_config.effort`
    Budget(&'static [Effort]),
    /// `thinking: { type: adaptive }` and `output_config.effort`
    Adaptive {
        /// what its effort can be
        efforts: &'static [Effort],
        /// it still takes `enabled` with a budget, and sampling parameters while it does not think
        takes_budget: bool,
    },
}

/// See [`CHAT`]; the names are those of Anthropic, whoever serves them.
const ANTHROPIC: &[(&[&str], AnthropicSays)] = &[
    (
        &["*claude-opus-4-6", "*claude-opus-4.6", "*claude-sonnet-4-6", "*claude-sonnet-4.6"],
        AnthropicSays::Adaptive { efforts: &[Low, Medium, High, Max], takes_budget: true },
    ),
    (&["*claude-opus-4-5", "*claude-opus-4.5"], AnthropicSays::Budget(LOW_TO_HIGH)),
    (
        &["*claude-3-7", "*claude-3.7", "*claude-haiku-4", "*claude-sonnet-4", "*claude-opus-4-0", "*claude-opus-4-1"],
        AnthropicSays::Budget(&[]),
    ),
    (&["*claude-opus-4-2", "*claude-opus-4@", "*claude-opus-4.1"], AnthropicSays::Budget(&[])),
    (&["*claude-3", "*claude-2", "*claude-instant"], AnthropicSays::Nothing),
    // Everything newer decides by itself how much it thinks, and refuses a budget.
    (&["*claude-"], AnthropicSays::Adaptive { efforts: &[Low, Medium, High, XHigh, Max], takes_budget: false }),
    // Other vendors' models behind this protocol took over its oldest form.
    (&[""], AnthropicSays::Budget(&[])),
];

impl AnthropicSays {
    /// How a model with this name is told.
    pub(crate) fn of(model: &str) -> Self {
        row(ANTHROPIC, &bare(model)).unwrap_or(Self::Nothing)
    }

    /// Whether it takes `temperature`, `top_p` and `top_k` while it does not think.
    pub(crate) fn takes_sampling(self) -> bool {
        !matches!(self, Self::Adaptive { takes_budget: false, .. })
    }

    /// The word for `output_config.effort`; None: nothing is to be said.
    pub(crate) fn effort_word(self, wish: Wish) -> Option<&'static str> {
        let (Self::Budget(efforts) | Self::Adaptive { efforts, .. }) = self else { return None };
        match wish {
            Wish::On { effort, measured: true, .. } => effort.among(efforts).map(Effort::word),
            _ => None,
        }
    }
}

/// What Gemini is told, in `generationConfig.thinkingConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GeminiSays {
    /// `thinkingBudget`: tokens; 0 is off, -1 is as much as it likes
    Budget(i64),
    /// `thinkingLevel`
    Level(&'static str),
}

#[derive(Clone, Copy)]
enum GeminiKind {
    Nothing,
    /// the least and the most tokens, and whether 0 switches it off
    Budget(u64, u64, bool),
    Level(&'static [Effort]),
}

/// See [`CHAT`].
const GEMINI: &[(&[&str], GeminiKind)] = &[
    (&["gemini-2.5-flash-lite"], GeminiKind::Budget(512, 24_576, true)),
    (&["gemini-2.5-flash", "gemini-flash"], GeminiKind::Budget(1, 24_576, true)),
    (&["gemini-2.5", "gemini-pro-latest"], GeminiKind::Budget(128, 32_768, false)),
    (&["gemini-3-pro"], GeminiKind::Level(&[Low, High])),
    (&["gemini-3.1-pro", "gemini-3.5-pro"], GeminiKind::Level(LOW_TO_HIGH)),
    (&["gemini-3"], GeminiKind::Level(&[Minimal, Low, Medium, High])),
    (&[""], GeminiKind::Nothing),
];

/// What a Gemini model with this name is told. None: nothing is to be said.
pub(crate) fn gemini(model: &str, wish: Wish) -> Option<GeminiSays> {
    match (row(GEMINI, &bare(model))?, wish) {
        (GeminiKind::Nothing, _) | (_, Wish::Unsaid) => None,
        (GeminiKind::Budget(_, _, true), Wish::Off) => Some(GeminiSays::Budget(0)),
        (GeminiKind::Budget(least, ..), Wish::Off) => Some(GeminiSays::Budget(tokens(least))),
        (GeminiKind::Budget(..), Wish::On { measured: false, .. }) => Some(GeminiSays::Budget(-1)),
        (GeminiKind::Budget(least, most, _), Wish::On { effort, budget, .. }) => {
            Some(GeminiSays::Budget(tokens(budget.unwrap_or(effort.budget()).clamp(least, most))))
        }
        (GeminiKind::Level(words), Wish::Off) => words.first().map(|least| GeminiSays::Level(least.word())),
        (GeminiKind::Level(_), Wish::On { measured: false, .. }) => None,
        (GeminiKind::Level(words), Wish::On { effort, .. }) => {
            effort.among(words).map(|effort| GeminiSays::Level(effort.word()))
        }
    }
}

fn tokens(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
