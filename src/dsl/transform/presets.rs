//! What is known of the APIs in the world: `preset: NAME`. A preset is data: where the API stands,
//! what it wants beyond its wire format, and the transforms that it needs.
//!
//! Each row names the page of the vendor that it was written from.

use crate::dsl::policy::ProviderKind::{self, Anthropic, Gemini, OpenAi, Responses};

/// How thinking is switched on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinkingForm {
    /// `reasoning_effort: "high"`
    Effort,
    /// `thinking: { type: "enabled" }`
    Switch,
    /// `reasoning: { effort | max_tokens | enabled }`
    Reasoning,
    /// `enable_thinking: true` and `thinking_budget: 4096`
    Flag,
    /// `chat_template_kwargs: { enable_thinking: true }`
    Template,
    /// not at all: the model's name decides
    Silent,
}

/// What an API wants beyond its wire format. None: what the model's name tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// `max_completion_tokens` in place of `max_tokens`
    pub completion_tokens: Option<bool>,
    /// the role `developer` in place of `system`
    pub developer: Option<bool>,
    /// takes `cache_control` in messages and tools
    pub cache_control: Option<bool>,
    /// how thinking is switched
    pub thinking: Option<ThinkingForm>,
    /// earlier thinking comes back as `reasoning_content`
    pub replay_thinking: Option<bool>,
    /// takes `parallel_tool_calls`
    pub parallel_tool_calls: Option<bool>,
    /// takes `strict` in tools and schemas
    pub strict: Option<bool>,
    /// takes a `tool_choice` that a tool must be called
    pub required_choice: Option<bool>,
    /// fetches images by their addresses
    pub image_urls: Option<bool>,
    /// most stop sequences
    pub most_stops: Option<usize>,
    /// keywords of JSON schemas that it refuses besides those that `schema_clean` takes out anyway
    pub refused_keywords: &'static [&'static str],
}

const UNKNOWN: Habits = Habits {
    completion_tokens: None,
    developer: None,
    cache_control: None,
    thinking: None,
    replay_thinking: None,
    parallel_tool_calls: None,
    strict: None,
    required_choice: None,
    image_urls: None,
    most_stops: None,
    refused_keywords: &[],
};

/// Chat Completions as most of OpenAI's followers have it: `max_tokens`, the role `system`, no `cache_control`.
const PLAIN: Habits =
    Habits { completion_tokens: Some(false), developer: Some(false), cache_control: Some(false), ..UNKNOWN };

/// An API that is known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// its name
    pub name: &'static str,
    /// its base by the kinds of providers that it can be, the usual one first
    pub bases: &'static [(ProviderKind, &'static str)],
    /// the variable that holds its key as a rule; "" for servers on the own machine
    pub env: &'static str,
    /// its habits as a Chat Completions API; the other wires have none that differ
    pub habits: Habits,
    /// the built-in transforms that stand first in the chain of its models, those without arguments
    pub transforms: &'static [&'static str],
    /// what an author should know
    pub doc: &'static str,
}

impl Preset {
    /// Whether a provider of this kind can be it. A mock can be everything.
    #[must_use]
    pub fn fits(&self, kind: ProviderKind) -> bool {
        kind == ProviderKind::Mock || self.base(kind).is_some()
    }

    /// Its base for a kind of provider.
    #[must_use]
    pub fn base(&self, kind: ProviderKind) -> Option<&'static str> {
        self.bases.iter().find(|(known, _)| *known == kind).map(|(_, base)| *base)
    }
}

/// The preset with this name.
#[must_use]
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// Keywords of JSON schemas that Gemini's function declarations do not know.
const GEMINI_KEYWORDS: &[&str] = &["exclusiveMinimum", "exclusiveMaximum", "patternProperties"];

/// The table.
pub const PRESETS: &[Preset] = &[
    // https://platform.openai.com/docs/api-reference/chat/create
    Preset {
        name: "openai",
        bases: &[(OpenAi, "https://api.openai.com/v1"), (Responses, "https://api.openai.com/v1")],
        env: "OPENAI_API_KEY",
        habits: Habits {
            cache_control: Some(false),
            thinking: Some(ThinkingForm::Effort),
            replay_thinking: Some(false),
            parallel_tool_calls: Some(true),
            strict: Some(true),
            required_choice: Some(true),
            image_urls: Some(true),
            most_stops: Some(4),
            ..UNKNOWN
        },
        transforms: &[],
        doc: "OpenAI's own API",
    },
    // https://docs.claude.com/en/api/messages
    Preset {
        name: "anthropic",
        bases: &[(Anthropic, "https://api.anthropic.com")],
        env: "ANTHROPIC_API_KEY",
        habits: UNKNOWN,
        transforms: &[],
        doc: "Anthropic's own API",
    },
    // https://ai.google.dev/gemini-api/docs/openai
    Preset {
        name: "gemini",
        bases: &[
            (Gemini, "https://generativelanguage.googleapis.com/v1beta"),
            (OpenAi, "https://generativelanguage.googleapis.com/v1beta/openai"),
        ],
        env: "GEMINI_API_KEY",
        habits: Habits {
            thinking: Some(ThinkingForm::Effort),
            replay_thinking: Some(false),
            parallel_tool_calls: Some(false),
            strict: Some(false),
            required_choice: Some(true),
            most_stops: Some(5),
            refused_keywords: GEMINI_KEYWORDS,
            ..PLAIN
        },
        transforms: &["schema_clean"],
        doc: "Gemini by its own protocol (`kind: gemini`) or by its address for OpenAI's (`kind: openai`)",
    },
    // https://www.volcengine.com/docs/82379/1494384
    Preset {
        name: "ark",
        bases: &[
            (OpenAi, "https://ark.cn-beijing.volces.com/api/v3"),
            (Responses, "https://ark.cn-beijing.volces.com/api/v3"),
            (Anthropic, "https://ark.cn-beijing.volces.com/api/compatible"),
        ],
        env: "ARK_API_KEY",
        habits: Habits { thinking: Some(ThinkingForm::Switch), image_urls: Some(true), ..PLAIN },
        transforms: &[],
        doc: "Volcengine Ark (Doubao, DeepSeek, Kimi and others)",
    },
    // https://openrouter.ai/docs/use-cases/reasoning-tokens, https://openrouter.ai/docs/features/prompt-caching
    Preset {
        name: "openrouter",
        bases: &[(OpenAi, "https://openrouter.ai/api/v1"), (Anthropic, "https://openrouter.ai/api")],
        env: "OPENROUTER_API_KEY",
        habits: Habits {
            cache_control: Some(true),
            thinking: Some(ThinkingForm::Reasoning),
            parallel_tool_calls: Some(true),
            required_choice: Some(true),
            image_urls: Some(true),
            ..PLAIN
        },
        transforms: &[],
        doc: "thinking goes as `reasoning`, and `cache_control` is kept",
    },
    // https://api-docs.deepseek.com/guides/thinking_mode, https://api-docs.deepseek.com/api/create-chat-completion
    Preset {
        name: "deepseek",
        bases: &[(OpenAi, "https://api.deepseek.com/v1"), (Anthropic, "https://api.deepseek.com/anthropic")],
        env: "DEEPSEEK_API_KEY",
        habits: Habits {
            thinking: Some(ThinkingForm::Switch),
            replay_thinking: Some(true),
            parallel_tool_calls: Some(false),
            image_urls: Some(false),
            most_stops: Some(16),
            ..PLAIN
        },
        transforms: &[],
        doc: "thinking is switched by `thinking`, and what was thought before a tool call goes back",
    },
    // https://platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model, https://platform.moonshot.ai/docs/api/chat
    Preset {
        name: "moonshot",
        bases: &[(OpenAi, "https://api.moonshot.cn/v1"), (Anthropic, "https://api.moonshot.cn/anthropic")],
        env: "MOONSHOT_API_KEY",
        habits: Habits {
            thinking: Some(ThinkingForm::Switch),
            replay_thinking: Some(true),
            parallel_tool_calls: Some(false),
            required_choice: Some(false),
            image_urls: Some(false),
            most_stops: Some(5),
            ..PLAIN
        },
        transforms: &[],
        doc: "Kimi; outside China write `base: \"https://api.moonshot.ai/v1\"`",
    },
    // https://www.alibabacloud.com/help/en/model-studio/deep-thinking
    Preset {
        name: "qwen",
        bases: &[
            (OpenAi, "https://dashscope.aliyuncs.com/compatible-mode/v1"),
            (Anthropic, "https://dashscope.aliyuncs.com/apps/anthropic"),
        ],
        env: "DASHSCOPE_API_KEY",
        habits: Habits {
            cache_control: Some(true),
            thinking: Some(ThinkingForm::Flag),
            replay_thinking: Some(false),
            parallel_tool_calls: Some(true),
            required_choice: Some(false),
            image_urls: Some(true),
            ..PLAIN
        },
        transforms: &[],
        doc: "Qwen by Alibaba's Model Studio (DashScope); thinking is switched by `enable_thinking`",
    },
    // https://docs.z.ai/api-reference/llm/chat-completion, https://docs.z.ai/guides/capabilities/thinking-mode
    Preset {
        name: "glm",
        bases: &[
            (OpenAi, "https://open.bigmodel.cn/api/paas/v4"),
            (Anthropic, "https://open.bigmodel.cn/api/anthropic"),
        ],
        env: "ZHIPU_API_KEY",
        habits: Habits {
            thinking: Some(ThinkingForm::Switch),
            replay_thinking: Some(true),
            parallel_tool_calls: Some(false),
            strict: Some(false),
            required_choice: Some(false),
            image_urls: Some(true),
            most_stops: Some(1),
            ..PLAIN
        },
        transforms: &[],
        doc: "Zhipu GLM; outside China write `base: \"https://api.z.ai/api/paas/v4\"`",
    },
    // https://302.ai/en/apis/
    Preset {
        name: "302ai",
        bases: &[(OpenAi, "https://api.302.ai/v1"), (Anthropic, "https://api.302.ai")],
        env: "AI302_API_KEY",
        habits: Habits { cache_control: Some(false), ..UNKNOWN },
        transforms: &[],
        doc: "a relay of many vendors: the habits come from the model's name",
    },
    // https://console.groq.com/docs/openai, https://console.groq.com/docs/reasoning
    Preset {
        name: "groq",
        bases: &[(OpenAi, "https://api.groq.com/openai/v1"), (Responses, "https://api.groq.com/openai/v1")],
        env: "GROQ_API_KEY",
        habits: Habits {
            thinking: Some(ThinkingForm::Effort),
            replay_thinking: Some(false),
            parallel_tool_calls: Some(true),
            required_choice: Some(true),
            most_stops: Some(4),
            ..PLAIN
        },
        transforms: &["clean_cache", "schema_clean"],
        doc: "unknown members are refused, so `cache_control` and `$schema` go",
    },
    // https://docs.ollama.com/api/openai-compatibility
    Preset {
        name: "ollama",
        bases: &[(OpenAi, "http://127.0.0.1:11434/v1"), (Anthropic, "http://127.0.0.1:11434")],
        env: "",
        habits: Habits {
            thinking: Some(ThinkingForm::Effort),
            replay_thinking: Some(false),
            parallel_tool_calls: Some(false),
            required_choice: Some(false),
            image_urls: Some(false),
            ..PLAIN
        },
        transforms: &[],
        doc: "Ollama on this machine; no `tool_choice`, images only in the request itself",
    },
    // https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
    Preset {
        name: "vllm",
        bases: &[(OpenAi, "http://127.0.0.1:8000/v1"), (Responses, "http://127.0.0.1:8000/v1")],
        env: "",
        habits: Habits {
            thinking: Some(ThinkingForm::Template),
            parallel_tool_calls: Some(true),
            required_choice: Some(true),
            image_urls: Some(true),
            ..PLAIN
        },
        transforms: &[],
        doc: "vLLM on this machine; thinking is switched by `chat_template_kwargs`",
    },
    // https://lmstudio.ai/docs/developer/openai-compat, https://lmstudio.ai/docs/developer/anthropic-compat
    Preset {
        name: "lm-studio",
        bases: &[
            (OpenAi, "http://127.0.0.1:1234/v1"),
            (Responses, "http://127.0.0.1:1234/v1"),
            (Anthropic, "http://127.0.0.1:1234"),
        ],
        env: "",
        habits: Habits {
            thinking: Some(ThinkingForm::Silent),
            replay_thinking: Some(false),
            parallel_tool_calls: Some(false),
            image_urls: Some(false),
            ..PLAIN
        },
        transforms: &[],
        doc: "LM Studio on this machine",
    },
    // https://docs.iflow.cn/en/docs/api-reference
    Preset {
        name: "iflow",
        bases: &[(OpenAi, "https://apis.iflow.cn/v1")],
        env: "IFLOW_API_KEY",
        habits: PLAIN,
        transforms: &[],
        doc: "iFlow; it takes one request at a time, which this version does not see to: let another model follow with `then`",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::transform::table::{Arguments, entry};

    #[test]
    fn presets_are_whole() {
        for (number, preset) in PRESETS.iter().enumerate() {
            let name = preset.name;
            assert!(!preset.bases.is_empty() && !preset.doc.is_empty(), "{name}");
            assert!(PRESETS.iter().skip(number + 1).all(|other| other.name != name), "{name}");
            for (_, base) in preset.bases {
                assert!(url::Url::parse(base).is_ok() && !base.ends_with('/'), "{name}: {base}");
                assert_eq!(base.starts_with("http://127.0.0.1"), preset.env.is_empty(), "{name}");
            }
            for transform in preset.transforms {
                let row = entry(transform).unwrap();
                assert!(matches!(row.arguments, Arguments::None | Arguments::Words), "{name}: {transform}");
            }
        }
    }
}
