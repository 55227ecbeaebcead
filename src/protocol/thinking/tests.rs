//! What each family of models is told, for every wish.

use super::*;
use crate::protocol::Protocol;
use crate::protocol::request::Request;

const ALL: [Effort; 7] = [Nil, Minimal, Low, Medium, High, XHigh, Max];
/// One name of every family, and the forms in which hosts write them.
const MODELS: &[&str] = &[
    "gpt-5-chat-latest",
    "gpt-5-pro",
    "gpt-5.2-pro",
    "gpt-5-codex",
    "gpt-5.1-codex-max",
    "gpt-5.1-codex",
    "gpt-5.1",
    "gpt-5.2-mini",
    "gpt-5-nano",
    "o1-mini",
    "openai/o3",
    "o4-mini",
    "gpt-4o",
    "openai/gpt-oss-120b",
    "deepseek-reasoner",
    "deepseek-chat",
    "accounts/fireworks/models/kimi-k2",
    "GLM-4.6",
    "Doubao-Seed-1.6",
    "qwen3-coder-plus",
    "qwen-plus",
    "Qwen/Qwen3-8B-Instruct",
    "anthropic/claude-sonnet-4.5",
    "z-ai/glm-4.6",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-3-pro-preview",
    "gemini-3-flash-preview",
    "gemini-2.0-flash",
    "claude-opus-4-7",
    "claude-opus-4-6",
    "claude-opus-4-5-20251101",
    "claude-sonnet-4-20250514",
    "anthropic.claude-3-7-sonnet",
    "claude-3-5-haiku",
    "claude-sonnet-5",
    "mistral-large",
    "",
];

fn on(effort: Effort) -> Wish {
    Wish::On { effort, budget: None, measured: true }
}

fn chat(model: &str, wish: Wish) -> String {
    let mut out = Vec::new();
    let warning = push_chat(ChatSays::of(model), wish, true, &mut out);
    format!("{}{}", String::from_utf8(out).unwrap(), warning.map_or("", |_| "!"))
}

#[test]
fn words_and_budgets_stand_for_each_other() {
    for pair in ALL.windows(2) {
        assert!(pair[0] < pair[1] && pair[0].budget() < pair[1].budget(), "{pair:?}");
    }
    for effort in ALL {
        assert_eq!(Effort::of_word(effort.word()), Some(effort));
        assert_eq!(Effort::of_budget(effort.budget()), effort);
    }
    let mut last = Nil;
    for tokens in 0..70_000 {
        let effort = Effort::of_budget(tokens);
        assert!(effort >= last, "{tokens}");
        last = effort;
    }
    assert_eq!(Effort::of_word("enormous"), None);
}

#[test]
fn more_stays_more_in_every_family() {
    for (_, says) in CHAT {
        let ChatSays::Effort(words) = says else { continue };
        let given: Vec<Effort> = ALL.iter().map(|effort| effort.among(words).unwrap()).collect();
        assert!(given.is_sorted() && given.iter().all(|effort| *effort > Nil && words.contains(effort)), "{words:?}");
    }
    for model in MODELS {
        let levels = |says| match says {
            Some(GeminiSays::Budget(tokens)) => u64::try_from(tokens).unwrap(),
            Some(GeminiSays::Level(word)) => Effort::of_word(word).unwrap().budget(),
            None => 0,
        };
        let given: Vec<u64> = ALL[1..].iter().map(|effort| levels(gemini(model, on(*effort)))).collect();
        assert!(given.is_sorted(), "{model} {given:?}");
    }
}

#[test]
fn nothing_is_switched_on_that_was_not_asked_for() {
    for model in MODELS {
        assert_eq!(chat(model, Wish::Unsaid), "", "{model}");
        assert_eq!((effort_word(model, Wish::Unsaid), gemini(model, Wish::Unsaid)), (None, None), "{model}");
        for wish in [Wish::Unsaid, Wish::Off] {
            assert_eq!(AnthropicSays::of(model).effort_word(wish), None);
        }
        let off = chat(model, Wish::Off);
        let quiet = ["", "\"none\"", "\"minimal\"", "\"low\"", "disabled", "false"];
        assert!(quiet.iter().any(|word| off.contains(word)), "{model} {off}");
        assert!(!["enabled\"}", "true", "high", "medium", "!"].iter().any(|word| off.contains(word)), "{model} {off}");
        let most = match gemini(model, Wish::Off) {
            Some(GeminiSays::Budget(tokens)) => tokens,
            Some(GeminiSays::Level(word)) => i64::from(!matches!(word, "minimal" | "low")) * 9_999,
            None => 0,
        };
        assert!((0..=512).contains(&most), "{model}");
    }
}

#[test]
fn every_family_has_its_own_words() {
    for (model, high, off) in [
        ("gpt-5-chat-latest", "!", ""),
        ("gpt-5-pro", r#","reasoning_effort":"high""#, ""),
        ("gpt-5-codex", r#","reasoning_effort":"high""#, ""),
        ("gpt-5.1-codex-max", r#","reasoning_effort":"xhigh""#, r#","reasoning_effort":"low""#),
        ("gpt-5.1", r#","reasoning_effort":"high""#, r#","reasoning_effort":"none""#),
        ("gpt-5.2-mini", r#","reasoning_effort":"xhigh""#, r#","reasoning_effort":"none""#),
        ("gpt-5-nano", r#","reasoning_effort":"high""#, r#","reasoning_effort":"minimal""#),
        ("o1-mini", "!", ""),
        ("openai/o3", r#","reasoning_effort":"high""#, ""),
        ("gpt-4o", "!", ""),
        ("deepseek-reasoner", "!", ""),
        ("deepseek-chat", r#","thinking":{"type":"enabled"}"#, r#","thinking":{"type":"disabled"}"#),
        ("accounts/x/models/kimi-k2", r#","thinking":{"type":"enabled"}"#, r#","thinking":{"type":"disabled"}"#),
        ("qwen3-coder-plus", "!", ""),
        ("Qwen/Qwen3-8B-Instruct", "!", ""),
        ("qwen-plus", r#","enable_thinking":true,"thinking_budget":32768"#, r#","enable_thinking":false"#),
        ("z-ai/glm-4.6", r#","reasoning":{"effort":"xhigh"}"#, r#","reasoning":{"enabled":false}"#),
        ("gemini-2.5-flash", r#","reasoning_effort":"high""#, r#","reasoning_effort":"none""#),
        ("gemini-2.5-pro", r#","reasoning_effort":"high""#, r#","reasoning_effort":"minimal""#),
        ("mistral-large", r#","reasoning_effort":"high""#, ""),
    ] {
        assert_eq!((chat(model, on(XHigh)).as_str(), chat(model, Wish::Off).as_str()), (high, off), "{model}");
    }
    let budget = |budget| Wish::On { effort: Effort::of_budget(budget), budget: Some(budget), measured: true };
    let unmeasured = Wish::On { effort: Medium, budget: None, measured: false };
    assert_eq!(chat("z-ai/glm-4.6", budget(5_000)), r#","reasoning":{"max_tokens":5000}"#);
    assert_eq!(chat("z-ai/glm-4.6", unmeasured), r#","reasoning":{"enabled":true}"#);
    assert_eq!(chat("qwen-plus", budget(5_000)), r#","enable_thinking":true,"thinking_budget":5000"#);
    assert_eq!(chat("qwen-plus", unmeasured), r#","enable_thinking":true"#);
    let mut out = Vec::new();
    assert_eq!(push_chat(ChatSays::of("qwen-plus"), on(High), false, &mut out), Some(warnings::NO_THINKING));
    assert_eq!((push_chat(ChatSays::of("moonshotai/kimi-k2"), Wish::Off, false, &mut out), out.len()), (None, 0));
}

#[test]
fn anthropic_takes_a_budget_or_decides_by_itself() {
    let efforts = |model: &str| {
        let says = AnthropicSays::of(model);
        let kind = match says {
            AnthropicSays::Nothing => "nothing",
            AnthropicSays::Budget(_) => "budget",
            AnthropicSays::Adaptive { .. } => "adaptive",
        };
        format!("{kind} {} {}", says.effort_word(on(XHigh)).unwrap_or("-"), says.takes_sampling())
    };
    for (model, expected) in [
        ("claude-opus-4-7", "adaptive xhigh false"),
        ("claude-sonnet-5", "adaptive xhigh false"),
        ("claude-opus-4-6", "adaptive high true"),
        ("anthropic.claude-sonnet-4-6-v1:0", "adaptive high true"),
        ("claude-opus-4-5-20251101", "budget high true"),
        ("claude-sonnet-4-5", "budget - true"),
        ("claude-opus-4-20250514", "budget - true"),
        ("claude-haiku-4-5", "budget - true"),
        ("claude-3-7-sonnet-latest", "budget - true"),
        ("claude-3-5-haiku", "nothing - true"),
        ("glm-4.6", "budget - true"),
    ] {
        assert_eq!(efforts(model), expected, "{model}");
    }
}

#[test]
fn gemini_has_a_budget_or_a_level() {
    let budget = |tokens| Wish::On { effort: Effort::of_budget(tokens), budget: Some(tokens), measured: true };
    let unmeasured = Wish::On { effort: Medium, budget: None, measured: false };
    for (model, wish, expected) in [
        ("gemini-2.5-pro", Wish::Off, Some(GeminiSays::Budget(128))),
        ("gemini-2.5-pro", on(Max), Some(GeminiSays::Budget(32_768))),
        ("gemini-2.5-flash", Wish::Off, Some(GeminiSays::Budget(0))),
        ("gemini-2.5-flash", budget(99_999), Some(GeminiSays::Budget(24_576))),
        ("models/gemini-2.5-flash-lite", budget(3), Some(GeminiSays::Budget(512))),
        ("gemini-2.5-flash", unmeasured, Some(GeminiSays::Budget(-1))),
        ("gemini-3-pro-preview", Wish::Off, Some(GeminiSays::Level("low"))),
        ("gemini-3-pro-preview", on(Medium), Some(GeminiSays::Level("low"))),
        ("gemini-3.1-pro-preview", on(Medium), Some(GeminiSays::Level("medium"))),
        ("gemini-3-flash-preview", Wish::Off, Some(GeminiSays::Level("minimal"))),
        ("gemini-3-flash-preview", budget(99_999), Some(GeminiSays::Level("high"))),
        ("gemini-3-flash-preview", unmeasured, None),
        ("gemini-2.0-flash", on(High), None),
    ] {
        assert_eq!(gemini(model, wish), expected, "{model} {wish:?}");
    }
}

#[test]
fn wishes_are_read_in_every_dialect() {
    let wish = |protocol, members: &str| {
        let body = format!(r#"{{"model":"m","messages":[]{members}}}"#);
        Asks::of(&Request::parse(protocol, body.into()).unwrap()).wish()
    };
    let tokens = |budget| Wish::On { effort: Effort::of_budget(budget), budget: Some(budget), measured: true };
    let unmeasured = Wish::On { effort: Medium, budget: None, measured: false };
    for (members, expected) in [
        ("", Wish::Unsaid),
        (r#","reasoning_effort":null"#, Wish::Unsaid),
        (r#","reasoning_effort":"none""#, Wish::Off),
        (r#","reasoning_effort":"xhigh""#, on(XHigh)),
        (r#","reasoning":{"effort":"low"}"#, on(Low)),
        (r#","reasoning":{"max_tokens":5000}"#, tokens(5_000)),
        (r#","reasoning":{"enabled":true}"#, unmeasured),
        (r#","reasoning":{"enabled":false}"#, Wish::Off),
        (r#","enable_thinking":true"#, unmeasured),
        (r#","enable_thinking":true,"thinking_budget":700"#, tokens(700)),
        (r#","enable_thinking":false"#, Wish::Off),
        (r#","thinking":{"type":"enabled"}"#, unmeasured),
        (r#","thinking":{"type":"disabled"},"reasoning_effort":"high""#, Wish::Off),
    ] {
        assert_eq!(wish(Protocol::Chat, members), expected, "{members}");
    }
    for (members, expected) in [
        ("", Wish::Unsaid),
        (r#","output_config":{"effort":"high"}"#, Wish::Unsaid),
        (r#","thinking":{"type":"adaptive"}"#, unmeasured),
        (r#","thinking":{"type":"adaptive"},"output_config":{"effort":"max"}"#, on(Max)),
        (r#","thinking":{"type":"enabled","budget_tokens":4096}"#, tokens(4_096)),
        (r#","thinking":{"type":"disabled"},"output_config":{"effort":"max"}"#, Wish::Off),
        (r#","thinking":{"type":"new"}"#, Wish::Unsaid),
    ] {
        assert_eq!(wish(Protocol::Anthropic, members), expected, "{members}");
    }
}
