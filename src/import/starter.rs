//! A first policy for somebody who has keys and no policy yet.

use super::ImportError;
use super::draft::{Attempt, Block, Draft, Given, RouteDraft, RuleDraft, field};
use super::finish::{Finished, finish};
use super::names::quoted;
use super::presets;
use super::report::Notes;

/// A provider that a first policy can be made for.
#[derive(Clone, Copy, Debug)]
pub struct Starter {
    /// the word for `--providers`, and its name in the policy
    pub id: &'static str,
    /// variables that may hold its key, the usual one first; none for one on this machine
    pub variables: &'static [&'static str],
    models: &'static [Model],
}

/// A model of a template: name, upstream, context and output in thousands of tokens, prices, what it
/// can do, and whether it is for small work.
#[derive(Clone, Copy, Debug)]
struct Model {
    name: &'static str,
    upstream: &'static str,
    context: u32,
    output: u32,
    price: &'static str,
    can: &'static str,
    small: bool,
}

const fn large(
    name: &'static str,
    upstream: &'static str,
    (context, output): (u32, u32),
    price: &'static str,
    can: &'static str,
) -> Model {
    Model { name, upstream, context, output, price, can, small: false }
}

const fn small(
    name: &'static str,
    upstream: &'static str,
    (context, output): (u32, u32),
    price: &'static str,
    can: &'static str,
) -> Model {
    Model { name, upstream, context, output, price, can, small: true }
}

const PLAIN: &str = "[tools]";
const SEES: &str = "[tools, vision]";
const THINKS: &str = "[tools, thinking]";
const BOTH: &str = "[tools, vision, thinking]";

/// All of them. Names and prices are examples from public lists.
pub const STARTERS: &[Starter] = &[
    Starter {
        id: "anthropic",
        variables: &["ANTHROPIC_API_KEY"],
        models: &[
            large(
                "sonnet",
                "claude-sonnet-4-5",
                (200, 64),
                "{ input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 }",
                "[tools, vision, documents, thinking, web_search]",
            ),
            small(
                "haiku",
                "claude-haiku-4-5",
                (200, 64),
                "{ input: 1, output: 5, cache_read: 0.1, cache_write: 1.25 }",
                "[tools, vision, documents, thinking]",
            ),
        ],
    },
    Starter {
        id: "openai",
        variables: &["OPENAI_API_KEY"],
        models: &[
            large("gpt", "gpt-5.1", (400, 128), "{ input: 1.25, output: 10, cache_read: 0.125 }", BOTH),
            small("gpt-mini", "gpt-5-mini", (400, 128), "{ input: 0.25, output: 2, cache_read: 0.025 }", BOTH),
        ],
    },
    Starter {
        id: "gemini",
        variables: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        models: &[
            large("gemini-pro", "gemini-2.5-pro", (1_000, 64), "{ input: 1.25, output: 10 }", BOTH),
            small("gemini-flash", "gemini-2.5-flash", (1_000, 64), "{ input: 0.3, output: 2.5 }", BOTH),
        ],
    },
    Starter {
        id: "openrouter",
        variables: &["OPENROUTER_API_KEY"],
        models: &[
            large("router-sonnet", "anthropic/claude-sonnet-4.5", (200, 64), "{ input: 3, output: 15 }", BOTH),
            small("router-flash", "google/gemini-2.5-flash", (1_000, 64), "{ input: 0.3, output: 2.5 }", BOTH),
        ],
    },
    Starter {
        id: "deepseek",
        variables: &["DEEPSEEK_API_KEY"],
        models: &[
            large(
                "deepseek-reasoner",
                "deepseek-reasoner",
                (128, 64),
                "{ input: 0.28, output: 0.42, cache_read: 0.028 }",
                THINKS,
            ),
            small(
                "deepseek-chat",
                "deepseek-chat",
                (128, 8),
                "{ input: 0.28, output: 0.42, cache_read: 0.028 }",
                PLAIN,
            ),
        ],
    },
    Starter {
        id: "ark",
        variables: &["ARK_API_KEY", "VOLCENGINE_API_KEY"],
        models: &[
            large("doubao-code", "doubao-seed-code", (256, 32), "{ input: 0.17, output: 1.12 }", THINKS),
            small("doubao-flash", "doubao-seed-1-6-flash", (256, 32), "{ input: 0.02, output: 0.21 }", SEES),
        ],
    },
    Starter {
        id: "moonshot",
        variables: &["MOONSHOT_API_KEY", "KIMI_API_KEY"],
        models: &[large("kimi", "kimi-k2-turbo-preview", (256, 32), "{ input: 1.15, output: 8 }", PLAIN)],
    },
    Starter {
        id: "zhipu",
        variables: &["ZHIPU_API_KEY", "ZAI_API_KEY", "GLM_API_KEY"],
        models: &[
            large("glm", "glm-4.6", (200, 96), "{ input: 0.6, output: 2.2 }", THINKS),
            small("glm-air", "glm-4.5-air", (128, 96), "{ input: 0.2, output: 1.1 }", THINKS),
            small("glm-eyes", "glm-4.5v", (64, 16), "{ input: 0.6, output: 1.8 }", BOTH),
        ],
    },
    Starter {
        id: "dashscope",
        variables: &["DASHSCOPE_API_KEY", "QWEN_API_KEY"],
        models: &[
            large("qwen-coder", "qwen3-coder-plus", (1_000, 64), "{ input: 1, output: 5 }", PLAIN),
            small("qwen-flash", "qwen-flash", (1_000, 32), "{ input: 0.05, output: 0.4 }", PLAIN),
            small("qwen-eyes", "qwen-vl-max", (128, 8), "{ input: 0.23, output: 0.57 }", SEES),
        ],
    },
    Starter {
        id: "siliconflow",
        variables: &["SILICONFLOW_API_KEY"],
        models: &[large(
            "silicon-deepseek",
            "deepseek-ai/DeepSeek-V3.1",
            (128, 8),
            "{ input: 0.27, output: 1 }",
            PLAIN,
        )],
    },
    Starter {
        id: "groq",
        variables: &["GROQ_API_KEY"],
        models: &[
            large("gpt-oss", "openai/gpt-oss-120b", (128, 32), "{ input: 0.15, output: 0.6 }", THINKS),
            small("llama-instant", "llama-3.1-8b-instant", (128, 32), "{ input: 0.05, output: 0.08 }", PLAIN),
        ],
    },
    Starter {
        id: "mistral",
        variables: &["MISTRAL_API_KEY"],
        models: &[
            large("mistral-large", "mistral-large-latest", (128, 16), "{ input: 2, output: 6 }", SEES),
            small("mistral-small", "mistral-small-latest", (128, 16), "{ input: 0.1, output: 0.3 }", SEES),
        ],
    },
    Starter {
        id: "ai302",
        variables: &["AI302_API_KEY", "API_302_KEY"],
        models: &[
            large("ai302-sonnet", "claude-sonnet-4-5", (200, 64), "{ input: 3, output: 15 }", BOTH),
            small("ai302-mini", "gpt-4.1-mini", (1_000, 32), "{ input: 0.4, output: 1.6 }", SEES),
        ],
    },
    Starter {
        id: "xai",
        variables: &["XAI_API_KEY"],
        models: &[large("grok", "grok-4", (256, 64), "{ input: 3, output: 15 }", BOTH)],
    },
    Starter {
        id: "ollama",
        variables: &[],
        models: &[small("local", "qwen2.5-coder:14b", (32, 8), "{ input: 0, output: 0 }", PLAIN)],
    },
];

/// What stands in when there is no key at all: it runs at once and costs nothing.
const MOCK: Starter = Starter {
    id: "mock",
    variables: &[],
    models: &[
        large("large", "large", (200, 32), "{ input: 1, output: 4 }", THINKS),
        small("small", "small", (128, 16), "{ input: 0.1, output: 0.4 }", PLAIN),
        small("eyes", "eyes", (128, 16), "{ input: 0.5, output: 2 }", SEES),
        large("wide", "wide", (1_000, 64), "{ input: 2, output: 8 }", THINKS),
    ],
};

/// The starter with this word; other words for the same provider count too.
#[must_use]
pub fn starter(word: &str) -> Option<&'static Starter> {
    let word = word.trim().to_ascii_lowercase();
    let id = presets::named(&word).map_or(word.as_str(), |preset| preset.id);
    STARTERS.iter().find(|starter| starter.id == id)
}

/// A provider with the variable that holds its key; None for one that needs none.
#[derive(Clone, Copy, Debug)]
pub struct Chosen {
    /// the provider
    pub starter: &'static Starter,
    /// the variable's name
    pub variable: Option<&'static str>,
}

/// Tokens in a thousand, as templates count.
const THOUSAND: u32 = 1_000;
/// From this window on a model is one for long conversations.
const WIDE: u32 = 400;
/// Where long conversations begin, below the smallest large window.
const LONG: u32 = 100_000;
/// Most attempts of a target.
const MOST_ATTEMPTS: usize = 3;

/// Writes the policy; without any provider one that runs on the built-in mock.
///
/// # Errors
/// Only [`ImportError::Broken`], a defect of the templates.
pub fn compose(chosen: &[Chosen]) -> Result<String, ImportError> {
    let mock = [Chosen { starter: &MOCK, variable: None }];
    let chosen = if chosen.is_empty() { &mock } else { chosen };
    let mut draft = Draft { head: head(chosen), ..Draft::default() };
    let mut all: Vec<Model> = Vec::new();
    // The first model of each provider: whoever sets up a provider finds it in the default.
    let leads: Vec<Model> = chosen.iter().filter_map(|one| one.starter.models.first().copied()).collect();
    for Chosen { starter, variable } in chosen {
        draft.providers.push(provider(starter, *variable));
        for model in starter.models {
            draft.models.push(block(model, starter.id));
            all.push(*model);
        }
    }
    draft.routes.push(RouteDraft { name: "main".to_owned(), remark: String::new(), rules: rules(&all, &leads) });
    let Finished { policy, .. } = finish(draft, &mut Notes::default(), true, "more providers can be added later")?;
    Ok(policy)
}

fn head(chosen: &[Chosen]) -> Vec<String> {
    let mut head = vec![
        "A first policy, made by `ccr-policy init`: background work goes to a small model, pictures to one".to_owned(),
        "that sees, long conversations to a wide one, the rest to the first large one; then fallbacks.".to_owned(),
        "Names and prices are examples: compare them with your provider's own list.".to_owned(),
        String::new(),
    ];
    let variables: Vec<String> =
        chosen.iter().filter_map(|one| one.variable).map(|variable| format!("{variable}=…")).collect();
    if !variables.is_empty() {
        head.push(format!("  export {}", variables.join(" ")));
    }
    head.push("  ccr-policy serve --policy .   # in this directory".to_owned());
    head.push("  ANTHROPIC_BASE_URL=http://127.0.0.1:3456 ANTHROPIC_AUTH_TOKEN=any claude".to_owned());
    head
}

fn provider(starter: &Starter, variable: Option<&str>) -> Block {
    let mut fields = Vec::new();
    match presets::named(starter.id) {
        Some(preset) => {
            fields.push(field("kind", preset.kind));
            fields.push(field("base", quoted(preset.base)));
        }
        None => fields.push(field("kind", "mock")),
    }
    fields.extend(variable.map(|variable| field("key", format!("env(\"{variable}\")"))));
    Block { name: starter.id.to_owned(), fields, ..Block::default() }
}

fn block(model: &Model, provider: &str) -> Block {
    let tokens = |thousands: u32| {
        if thousands >= THOUSAND { format!("{}M", thousands / THOUSAND) } else { format!("{thousands}k") }
    };
    let fields = vec![
        field("upstream", quoted(model.upstream)),
        field("context", tokens(model.context)),
        field("output", tokens(model.output)),
        field("price", model.price),
        field("can", model.can),
    ];
    Block { name: model.name.to_owned(), on: Some(provider.to_owned()), fields, ..Block::default() }
}

/// Slots that the models can fill.
fn rules(all: &[Model], leads: &[Model]) -> Vec<RuleDraft> {
    let pick =
        |wanted: &dyn Fn(&Model) -> bool| -> Vec<Model> { all.iter().copied().filter(|model| wanted(model)).collect() };
    let target = |most: usize, lists: &[&[Model]]| {
        let mut names: Vec<Attempt> = Vec::new();
        for model in lists.iter().copied().flatten() {
            let attempt = Attempt::Model(model.name.to_owned());
            if names.len() < most && !names.contains(&attempt) {
                names.push(attempt);
            }
        }
        names
    };
    let (big, little) = (pick(&|model| !model.small), pick(&|model| model.small));
    let usual = target(leads.len().max(MOST_ATTEMPTS), &[leads, &big, &little]);
    let mut rules = Vec::new();
    let mut add = |name: &str, condition: String, target: Vec<Attempt>, sample: Given| {
        // A rule that leads where the default leads says nothing.
        if !target.is_empty() && target != usual {
            rules.push(rule(name, Some(condition), target, sample));
        }
    };
    let eyes = target(MOST_ATTEMPTS, &[&pick(&|model| model.can.contains("vision"))]);
    add("picture", "request.images > 0".to_owned(), eyes, Given::of(&["images"], "1"));
    let wide = target(
        MOST_ATTEMPTS,
        &[&pick(&|model| model.context >= WIDE && !model.small), &pick(&|model| model.context >= WIDE)],
    );
    let narrow = big.iter().chain(&little).any(|model| model.context < WIDE);
    if narrow {
        add("long", format!("request.tokens > {LONG}"), wide, Given::of(&["tokens"], (LONG + 1).to_string()));
    }
    let background = target(MOST_ATTEMPTS, &[&little, &big]);
    let asked = "request.model.contains(\"haiku\")".to_owned();
    add("background", asked, background, Given::of(&["model"], quoted("claude-haiku-4-5")));
    rules.push(rule("default", None, usual, Given::of(&["text"], quoted("hello"))));
    rules
}

fn rule(name: &str, condition: Option<String>, target: Vec<Attempt>, sample: Given) -> RuleDraft {
    RuleDraft {
        name: name.to_owned(),
        remark: String::new(),
        path: String::new(),
        condition,
        target,
        options: Vec::new(),
        samples: vec![sample],
    }
}
