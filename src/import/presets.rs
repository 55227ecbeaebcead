//! Providers that other programs know by a short name, and what is known of models by theirs.

use url::Url;

/// A provider that is known by name or address.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// its name in a policy
    pub id: &'static str,
    /// what other programs call it
    names: &'static [&'static str],
    /// the end of its host name
    hosts: &'static [&'static str],
    /// `openai` or `anthropic`
    pub kind: &'static str,
    /// its base URL
    pub base: &'static str,
    /// the variable that holds its key as a rule; None: it stands on this machine and needs none
    pub env: Option<&'static str>,
}

const fn preset(
    id: &'static str,
    names: &'static [&'static str],
    hosts: &'static [&'static str],
    base: &'static str,
    env: &'static str,
) -> Preset {
    Preset { id, names, hosts, kind: "openai", base, env: Some(env) }
}

const fn local(id: &'static str, names: &'static [&'static str], base: &'static str) -> Preset {
    Preset { id, names, hosts: &[], kind: "openai", base, env: None }
}

/// The table.
pub const PRESETS: &[Preset] = &[
    preset(
        "openai",
        &["openai", "text-completion-openai"],
        &["api.openai.com"],
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
    ),
    Preset {
        id: "anthropic",
        names: &["anthropic", "claude"],
        hosts: &["api.anthropic.com"],
        kind: "anthropic",
        base: "https://api.anthropic.com",
        env: Some("ANTHROPIC_API_KEY"),
    },
    preset(
        "gemini",
        &["gemini", "google", "google-ai-studio"],
        &["generativelanguage.googleapis.com"],
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
    ),
    preset(
        "ark",
        &["ark", "volcengine", "doubao", "byteplus"],
        &["volces.com", "bytepluses.com"],
        "https://ark.cn-beijing.volces.com/api/v3",
        "ARK_API_KEY",
    ),
    preset("openrouter", &["openrouter"], &["openrouter.ai"], "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    preset("deepseek", &["deepseek"], &["api.deepseek.com"], "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    preset(
        "moonshot",
        &["moonshot", "kimi"],
        &["api.moonshot.cn", "api.moonshot.ai"],
        "https://api.moonshot.cn/v1",
        "MOONSHOT_API_KEY",
    ),
    preset(
        "zhipu",
        &["zhipu", "zai", "bigmodel", "glm"],
        &["bigmodel.cn", "api.z.ai"],
        "https://open.bigmodel.cn/api/paas/v4",
        "ZHIPU_API_KEY",
    ),
    preset(
        "dashscope",
        &["dashscope", "qwen", "aliyun", "bailian"],
        &["dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com"],
        "https://dashscope.aliyuncs.com/compatible-mode/v1",
        "DASHSCOPE_API_KEY",
    ),
    preset(
        "siliconflow",
        &["siliconflow"],
        &["api.siliconflow.cn", "api.siliconflow.com"],
        "https://api.siliconflow.cn/v1",
        "SILICONFLOW_API_KEY",
    ),
    preset("groq", &["groq"], &["api.groq.com"], "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    preset(
        "mistral",
        &["mistral", "mistral-ai", "codestral"],
        &["api.mistral.ai"],
        "https://api.mistral.ai/v1",
        "MISTRAL_API_KEY",
    ),
    preset(
        "ai302",
        &["302ai", "302-ai", "302.ai", "ai302"],
        &["api.302.ai", "api.302ai.cn"],
        "https://api.302.ai/v1",
        "AI302_API_KEY",
    ),
    preset("xai", &["xai", "x-ai", "grok"], &["api.x.ai"], "https://api.x.ai/v1", "XAI_API_KEY"),
    preset(
        "together",
        &["together", "together-ai", "togetherai"],
        &["api.together.xyz", "api.together.ai"],
        "https://api.together.xyz/v1",
        "TOGETHER_API_KEY",
    ),
    preset(
        "fireworks",
        &["fireworks", "fireworks-ai"],
        &["api.fireworks.ai"],
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_API_KEY",
    ),
    preset("cerebras", &["cerebras"], &["api.cerebras.ai"], "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    preset(
        "perplexity",
        &["perplexity", "perplexity-ai"],
        &["api.perplexity.ai"],
        "https://api.perplexity.ai",
        "PERPLEXITY_API_KEY",
    ),
    preset(
        "cohere",
        &["cohere", "cohere-chat"],
        &["api.cohere.ai", "api.cohere.com"],
        "https://api.cohere.ai/compatibility/v1",
        "COHERE_API_KEY",
    ),
    preset(
        "nvidia",
        &["nvidia", "nvidia-nim"],
        &["integrate.api.nvidia.com"],
        "https://integrate.api.nvidia.com/v1",
        "NVIDIA_API_KEY",
    ),
    preset(
        "minimax",
        &["minimax"],
        &["api.minimax.chat", "api.minimaxi.com", "api.minimax.io"],
        "https://api.minimaxi.com/v1",
        "MINIMAX_API_KEY",
    ),
    preset(
        "modelscope",
        &["modelscope"],
        &["api-inference.modelscope.cn"],
        "https://api-inference.modelscope.cn/v1",
        "MODELSCOPE_API_KEY",
    ),
    local("ollama", &["ollama", "ollama-chat"], "http://127.0.0.1:11434/v1"),
    local("lm-studio", &["lm-studio", "lmstudio"], "http://127.0.0.1:1234/v1"),
    local("vllm", &["vllm", "hosted-vllm"], "http://127.0.0.1:8000/v1"),
];

/// The provider that another program calls so, or that a policy does.
#[must_use]
pub fn named(name: &str) -> Option<&'static Preset> {
    let name = name.trim().trim_start_matches('@').to_ascii_lowercase().replace(['_', ' '], "-");
    PRESETS.iter().find(|preset| preset.names.contains(&name.as_str()))
}

/// The provider at this address.
pub(super) fn at(url: &Url) -> Option<&'static Preset> {
    let host = url.host_str()?.to_ascii_lowercase();
    let ends = |end: &str| host == end || host.strip_suffix(end).is_some_and(|rest| rest.ends_with('.'));
    PRESETS.iter().find(|preset| preset.hosts.iter().any(|end| ends(end)))
}

/// Whether an address is on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Begins of names, behind any `vendor/`, of models that read pictures.
const SEES: &[&str] = &[
    "claude",
    "gpt-4o",
    "gpt-4.1",
    "gpt-4-turbo",
    "gpt-4-vision",
    "gpt-5",
    "o1",
    "o3",
    "o4",
    "gemini",
    "gemma-3",
    "llama-4",
    "llama-3.2-90b",
    "pixtral",
    "grok-4",
    "qwen-vl",
    "qvq",
    "kimi-k2.5",
    "kimi-latest",
    "chatgpt-4o",
    "mistral-medium",
    "doubao-seed-1-6",
];
/// Parts of such names.
const SEES_IN: &[&str] = &["vision", "-vl", "4.5v", "4.1v", "4v", "multimodal", "llava"];
/// Parts of names of models that think.
const THINKS_IN: &[&str] = &[
    "think",
    "reason",
    "-r1",
    "claude",
    "gpt-5",
    "gemini-2.5",
    "gemini-3",
    "qwq",
    "glm-4.5",
    "glm-4.6",
    "glm-5",
    "grok-4",
    "kimi-k2.5",
    "doubao-seed",
    "qwen3",
];

/// What a model can do, guessed from its name. `tools` is taken for granted: every agent needs them.
pub(super) fn capabilities(upstream: &str) -> Vec<&'static str> {
    let whole = upstream.to_ascii_lowercase();
    let name = whole.rsplit('/').next().unwrap_or_default();
    let mut can = vec!["tools"];
    if SEES.iter().any(|begin| name.starts_with(begin)) || SEES_IN.iter().any(|part| name.contains(part)) {
        can.push("vision");
    }
    let numbered = ["o1", "o3", "o4"].iter().any(|begin| name.starts_with(begin));
    if numbered || THINKS_IN.iter().any(|part| name.contains(part)) {
        can.push("thinking");
    }
    can
}

#[cfg(test)]
mod tests {
    use super::{PRESETS, at, capabilities, named};
    use url::Url;

    #[test]
    fn providers_are_found() {
        let by_host = |url: &str| at(&Url::parse(url).unwrap()).map(|preset| preset.id);
        assert_eq!(by_host("https://ark.cn-beijing.volces.com/api/v3"), Some("ark"));
        assert_eq!(by_host("https://api.openai.com.evil.example/v1"), None);
        assert_eq!(by_host("https://notapi.openai.com/v1"), None);
        assert_eq!(named("Together_AI").map(|preset| preset.id), Some("together"));
        assert_eq!(named("@openai").map(|preset| preset.id), Some("openai"));
        for preset in PRESETS {
            assert!(Url::parse(preset.base).is_ok(), "{}", preset.id);
            assert!(named(preset.id).is_some_and(|found| found.id == preset.id), "{}", preset.id);
        }
    }

    #[test]
    fn names_tell_capabilities() {
        let check = |name: &str, expect: &[&str]| assert_eq!(capabilities(name), expect, "{name}");
        check("anthropic/claude-sonnet-4", &["tools", "vision", "thinking"]);
        check("deepseek-chat", &["tools"]);
        check("deepseek-reasoner", &["tools", "thinking"]);
        check("Qwen/Qwen2.5-VL-72B", &["tools", "vision"]);
        check("openai/o3-mini", &["tools", "vision", "thinking"]);
    }
}
