//! `request.task` and `request.complexity`: two heuristics over what a client sends.
//!
//! **Task**, the first that fits:
//!
//! 1. `multimodal`: there is an image, a document or a sound.
//! 2. `long_context`: the body has more than 240 000 bytes (about 60 000 tokens).
//! 3. `tool_use`: the last message is a tool's result, or the client demands a tool.
//! 4. `coding`: the text has a code fence, a file name of a programming language, or one of
//!    [`CODING_WORDS`].
//! 5. `creative`: it has one of [`CREATIVE_WORDS`].
//! 6. `simple_qa`: a first turn, at most 160 characters, that ends in a question mark or begins with
//!    one of [`QUESTION_WORDS`].
//! 7. `chat`.
//!
//! **Complexity**, 0 to 1, is a sum of shares:
//!
//! | share | of |
//! |---|---|
//! | 0.30 | the text's length: 4 000 characters are all of it |
//! | 0.15 | the conversation's length: 20 user messages are all of it |
//! | 0.15 | the tools offered: 20 are all of it |
//! | 0.20 | [`HARD_WORDS`] in the text: 3 different ones are all of it |
//! | 0.10 | the text has a code fence, or the task is coding |
//! | 0.10 | the client asks for thinking |
//!
//! Words are compared in lower case. An ASCII word stands alone (`class`, not `classic`); a Chinese
//! one is found anywhere.

use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// Words of programming.
pub const CODING_WORDS: &[&str] = &[
    "code",
    "function",
    "bug",
    "debug",
    "compile",
    "compiler",
    "refactor",
    "unit test",
    "stack trace",
    "python",
    "rust",
    "javascript",
    "typescript",
    "java",
    "golang",
    "c++",
    "sql",
    "regex",
    "algorithm",
    "script",
    "api",
    "class",
    "git",
    "代码",
    "函数",
    "编程",
    "算法",
    "调试",
    "重构",
    "脚本",
    "解析器",
    "编译",
    "程序",
];
/// Words of invention.
pub const CREATIVE_WORDS: &[&str] = &[
    "story",
    "poem",
    "novel",
    "lyrics",
    "fiction",
    "screenplay",
    "haiku",
    "fairy tale",
    "slogan",
    "故事",
    "诗",
    "小说",
    "歌词",
    "剧本",
    "散文",
    "文案",
    "童话",
];
/// Words that begin a question.
pub const QUESTION_WORDS: &[&str] = &[
    "what",
    "who",
    "when",
    "where",
    "which",
    "why",
    "how",
    "is",
    "are",
    "does",
    "do",
    "can",
    "什么",
    "谁",
    "哪",
    "怎么",
    "为什么",
    "多少",
    "几",
];
/// Words of work that takes thought.
pub const HARD_WORDS: &[&str] = &[
    "prove",
    "analyze",
    "analyse",
    "design",
    "architecture",
    "optimize",
    "optimise",
    "trade-off",
    "tradeoff",
    "compare",
    "step by step",
    "derive",
    "refactor",
    "debug",
    "concurrency",
    "distributed",
    "migrate",
    "strategy",
    "证明",
    "分析",
    "设计",
    "架构",
    "优化",
    "比较",
    "推导",
    "逐步",
    "重构",
    "并发",
    "分布式",
    "方案",
];
const SOURCE_FILES: &[&str] = &[".rs", ".py", ".js", ".ts", ".go", ".java", ".cpp", ".c", ".tsx", ".sql", ".sh"];

const LONG_BODY_BYTES: usize = 240_000;
const QUESTION_CHARACTERS: usize = 160;
/// Text beyond this is not read for words: a heuristic is not worth more.
const READ_BYTES: usize = 64 << 10;

/// What the heuristics look at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signs<'a> {
    /// `request.text`
    pub text: &'a str,
    /// bytes of the whole body
    pub body_bytes: usize,
    /// `request.turns`
    pub turns: i64,
    /// client tools offered
    pub tools: usize,
    /// there is an image, a document or a sound
    pub attachments: bool,
    /// the last message is a tool's result, or a tool is demanded
    pub in_tool_loop: bool,
    /// thinking is asked for
    pub thinking: bool,
}

struct Words {
    automaton: Option<AhoCorasick>,
    words: &'static [&'static str],
}

impl Words {
    fn new(words: &'static [&'static str]) -> Self {
        Self { automaton: AhoCorasick::builder().ascii_case_insensitive(true).build(words).ok(), words }
    }

    /// The numbers of the words that stand in the text, alone if they are ASCII.
    fn found<'a>(&'a self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.automaton.iter().flat_map(move |automaton| {
            automaton.find_overlapping_iter(text).filter_map(move |hit| {
                let index = hit.pattern().as_usize();
                let ascii = self.words.get(index).is_some_and(|word| word.is_ascii());
                (!ascii || stands_alone(text.as_bytes(), hit.start(), hit.end())).then_some(index)
            })
        })
    }
}

fn stands_alone(text: &[u8], start: usize, end: usize) -> bool {
    let letter = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    !letter(start.checked_sub(1)) && !letter(Some(end))
}

static CODING: LazyLock<Words> = LazyLock::new(|| Words::new(CODING_WORDS));
static CREATIVE: LazyLock<Words> = LazyLock::new(|| Words::new(CREATIVE_WORDS));
static HARD: LazyLock<Words> = LazyLock::new(|| Words::new(HARD_WORDS));

/// The kind of task.
#[must_use]
pub fn task(signs: &Signs<'_>) -> &'static str {
    let text = read_part(signs.text);
    if signs.attachments {
        "multimodal"
    } else if signs.body_bytes > LONG_BODY_BYTES {
        "long_context"
    } else if signs.in_tool_loop {
        "tool_use"
    } else if is_coding(text) {
        "coding"
    } else if CREATIVE.found(text).next().is_some() {
        "creative"
    } else if signs.turns <= 1 && is_question(signs.text) {
        "simple_qa"
    } else {
        "chat"
    }
}

/// How hard it looks, 0 to 1.
#[must_use]
pub fn complexity(signs: &Signs<'_>) -> f64 {
    let text = read_part(signs.text);
    let share = |value: f64, all: f64| (value / all).min(1.0);
    let mut hard: Vec<usize> = HARD.found(text).collect();
    hard.sort_unstable();
    hard.dedup();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let sum = 0.30 * share(signs.text.chars().take(4_000).count() as f64, 4_000.0)
        + 0.15 * share(signs.turns as f64, 20.0)
        + 0.15 * share(signs.tools as f64, 20.0)
        + 0.20 * share(hard.len() as f64, 3.0)
        + if is_coding(text) { 0.10 } else { 0.0 }
        + if signs.thinking { 0.10 } else { 0.0 };
    sum.clamp(0.0, 1.0)
}

fn read_part(text: &str) -> &str {
    text.get(..text.floor_char_boundary(READ_BYTES)).unwrap_or(text)
}

fn is_coding(text: &str) -> bool {
    text.contains("```") || CODING.found(text).next().is_some() || has_source_file(text)
}

fn has_source_file(text: &str) -> bool {
    text.split_whitespace().any(|word| {
        let word = word.trim_end_matches(|character: char| !character.is_alphanumeric());
        SOURCE_FILES.iter().any(|ending| word.len() > ending.len() && word.ends_with(ending))
    })
}

fn is_question(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.chars().nth(QUESTION_CHARACTERS).is_some() {
        return false;
    }
    let first = text.split(|character: char| !character.is_alphanumeric()).next().unwrap_or_default().to_lowercase();
    text.ends_with(['?', '？'])
        || QUESTION_WORDS.iter().any(|word| if word.is_ascii() { first == *word } else { text.starts_with(word) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(task(&Signs { text, turns: 1, ..Signs::default() }), expected, "{text}");
    }

    #[test]
    fn texts_have_their_task() {
        check("写一个解析器", "coding");
        check("fix src/main.rs please", "coding");
        check("```\nx\n```", "coding");
        check("a classic dish", "chat");
        check("Write a short poem about rain", "creative");
        check("写一首诗", "creative");
        check("What is the capital of France", "simple_qa");
        check("北京今天多少度？", "simple_qa");
        check("hello", "chat");
        check("", "chat");
    }

    #[test]
    fn what_stands_around_the_text_comes_first() {
        let code = Signs { text: "some code", turns: 1, ..Signs::default() };
        assert_eq!(task(&Signs { attachments: true, ..code }), "multimodal");
        assert_eq!(task(&Signs { body_bytes: 240_001, ..code }), "long_context");
        assert_eq!(task(&Signs { in_tool_loop: true, ..code }), "tool_use");
        assert_eq!(task(&Signs { text: "why?", turns: 2, ..code }), "chat");
    }

    #[test]
    fn complexity_grows_and_stays_within_its_bounds() {
        let easy = Signs { text: "hello", turns: 1, ..Signs::default() };
        let hard = Signs { text: "design and analyze the architecture of this code", turns: 10, tools: 10, ..easy };
        let all = "design prove derive code ".repeat(400);
        let hardest = Signs { text: &all, turns: 1_000, tools: 500, thinking: true, ..easy };
        assert!(complexity(&easy) < 0.05);
        assert!((0.4..0.6).contains(&complexity(&hard)), "{}", complexity(&hard));
        assert!((complexity(&hardest) - 1.0).abs() < 1e-9);
        assert_eq!(complexity(&Signs::default()), 0.0);
    }
}
