//! What upstream models are known to want beyond their wire format, by their names. A policy's own
//! words on it are its transforms. How they are told to think is in `thinking`.

use super::encode::Target;
use crate::dsl::transform::Transform;
use crate::dsl::transform::presets;

impl<'a> Target<'a> {
    /// What the model's preset says of its API, if it has one.
    pub(crate) fn known(&self) -> Option<&'a presets::Habits> {
        self.transforms.iter().find_map(|transform| match transform {
            Transform::Preset(preset) => Some(&preset.habits),
            _ => None,
        })
    }

    /// The name of its preset, if it has one.
    pub(crate) fn preset(&self) -> Option<&'static str> {
        self.transforms.iter().find_map(|transform| match transform {
            Transform::Preset(preset) => Some(preset.name),
            _ => None,
        })
    }

    /// Whether a Chat upstream fetches images by their addresses; most do.
    pub(crate) fn fetches_images(&self) -> bool {
        self.known().is_none_or(|known| known.image_urls != Some(false))
    }

    /// Most stop sequences that a Chat upstream takes. OpenAI takes four.
    pub(crate) fn most_stops(&self) -> usize {
        self.known().and_then(|known| known.most_stops).unwrap_or(4)
    }
}

/// What a Chat upstream wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Habits {
    /// `max_completion_tokens` instead of `max_tokens`, no sampling parameters (OpenAI's thinking models)
    pub(crate) completion_tokens: bool,
    /// `developer` instead of `system`
    pub(crate) developer: bool,
    /// content parts may carry `cache_control`: Anthropic's models behind OpenRouter and its like
    pub(crate) cache_marks: bool,
    /// earlier thinking comes back as `reasoning_content`
    pub(crate) replay_thinking: bool,
}

impl Habits {
    /// Who gives the model its orders.
    pub(crate) fn system_role(self) -> &'static str {
        if self.developer { "developer" } else { "system" }
    }

    /// What a target wants: what its preset says, and what is unsaid by the model's name.
    pub(crate) fn of(target: &Target<'_>) -> Self {
        let told = Self::by_name(target.model);
        let Some(known) = target.known() else { return told };
        Self {
            completion_tokens: known.completion_tokens.unwrap_or(told.completion_tokens),
            developer: known.developer.unwrap_or(told.developer),
            cache_marks: known.cache_control.unwrap_or(told.cache_marks),
            replay_thinking: known.replay_thinking.unwrap_or(told.replay_thinking),
        }
    }

    /// The habits of a model with this name.
    fn by_name(model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        let name = model.rsplit('/').next().unwrap_or_default();
        let openai_thinks = ["o1", "o3", "o4", "gpt-5"].iter().any(|begin| name.starts_with(begin));
        let has = |words: &[&str]| words.iter().any(|word| model.contains(word));
        Self {
            completion_tokens: openai_thinks,
            developer: openai_thinks,
            cache_marks: has(&["claude"]),
            replay_thinking: has(&["deepseek", "kimi", "glm"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_habits() {
        let openai = Habits { completion_tokens: true, developer: true, ..Habits::default() };
        assert_eq!(Habits::by_name("gpt-5.2-mini"), openai);
        assert_eq!(Habits::by_name("openai/o3"), openai);
        assert_eq!(Habits::by_name("gpt-4o"), Habits::default());
        let kept = Habits { cache_marks: true, ..Habits::default() };
        assert_eq!(Habits::by_name("anthropic/claude-sonnet-4.5"), kept);
        assert_eq!(Habits::by_name("Doubao-Seed"), Habits::default());
        assert_eq!(Habits::by_name("deepseek-chat"), Habits { replay_thinking: true, ..Habits::default() });
    }
}
