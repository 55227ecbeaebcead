//! What upstream models are known to want beyond their wire format, by their names. A policy's own
//! words on it are its transforms. How they are told to think is in `thinking`.

/// What a Chat upstream wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Habits {
    /// `max_completion_tokens` instead of `max_tokens`, no sampling parameters (OpenAI's thinking models)
    pub(crate) completion_tokens: bool,
    /// `developer` instead of `system`
    pub(crate) developer: bool,
    /// earlier thinking comes back as `reasoning_content`
    pub(crate) replay_thinking: bool,
}

impl Habits {
    /// Who gives the model its orders.
    pub(crate) fn system_role(self) -> &'static str {
        if self.developer { "developer" } else { "system" }
    }

    /// The habits of a model with this name.
    pub(crate) fn of(model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        let name = model.rsplit('/').next().unwrap_or_default();
        let openai_thinks = ["o1", "o3", "o4", "gpt-5"].iter().any(|begin| name.starts_with(begin));
        let has = |words: &[&str]| words.iter().any(|word| model.contains(word));
        Self {
            completion_tokens: openai_thinks,
            developer: openai_thinks,
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
        assert_eq!(Habits::of("gpt-5.2-mini"), openai);
        assert_eq!(Habits::of("openai/o3"), openai);
        assert_eq!(Habits::of("gpt-4o"), Habits::default());
        assert_eq!(Habits::of("Doubao-Seed"), Habits::default());
        assert_eq!(Habits::of("deepseek-chat"), Habits { replay_thinking: true, ..Habits::default() });
    }
}
