//! The rule sets of the decision benchmark and the requests that go with them. Fixed in the
//! source, so that every run and every peer decides by the same rules.

use std::sync::Arc;

/// A rule's condition, before it is written in anybody's language.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    /// the model is this
    Model(String),
    /// more tokens than this
    Tokens(i64),
    /// the text holds this
    Keyword(String),
    /// the text holds this, and there are more tokens than this
    BigKeyword(String, i64),
    /// more tokens than this, and the user is this
    BigUser(i64, String),
    /// three of the headers, in lower case, are "y": atoms that no compiler recognises
    Crossing([usize; 3]),
}

impl Rule {
    /// In CEL.
    pub(crate) fn cel(&self) -> String {
        let header = |index: &usize| format!(r#"request.header("x-{index}").lowerAscii() == "y""#);
        match self {
            Self::Model(name) => format!(r#"request.model == "{name}""#),
            Self::Tokens(count) => format!("request.tokens > {count}"),
            Self::Keyword(word) => format!(r#"request.text.contains("{word}")"#),
            Self::BigKeyword(word, count) => format!(r#"request.text.contains("{word}") && request.tokens > {count}"#),
            Self::BigUser(count, name) => format!(r#"request.tokens > {count} && user.id == "{name}""#),
            Self::Crossing([one, other, third]) => {
                format!("{} && ({} || !({}))", header(one), header(other), header(third))
            }
        }
    }
}

/// A request, as far as the rules look at it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) model: String,
    pub(crate) user: String,
    pub(crate) tokens: i64,
    /// one text for all requests of a case, so that it stays in the cache for every contender
    pub(crate) text: Arc<str>,
}

/// Rules and requests.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) rules: Vec<Rule>,
    pub(crate) requests: Vec<Request>,
}

/// Small, fast and the same everywhere (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % bound.max(1)
    }
}

const SYLLABLES: [&str; 32] = [
    "ka", "ri", "to", "men", "sol", "ver", "an", "de", "pri", "con", "tra", "lu", "mi", "na", "os", "pe", "qui", "ra",
    "se", "ti", "un", "va", "wo", "xi", "yo", "ze", "ble", "cho", "dra", "fin", "gro", "hel",
];

fn word(random: &mut Random) -> String {
    let count = 2 + random.below(3);
    (0..count).map(|_| SYLLABLES[random.below(SYLLABLES.len())]).collect()
}

/// Text of about `bytes` bytes: words as in the diverse keywords, some punctuation, some Chinese.
pub(crate) fn text(bytes: usize) -> String {
    let mut random = Random::new(7);
    let mut text = String::with_capacity(bytes + 32);
    while text.len() < bytes {
        text.push_str(&word(&mut random));
        text.push_str(match random.below(12) {
            0 => ", ",
            1 => ".\n",
            2 => " 写一个解析器 ",
            _ => " ",
        });
    }
    text
}

/// Keywords that are not in `text`. Friendly ones share a rare beginning, diverse ones are words.
pub(crate) fn keywords(count: usize, diverse: bool, text: &str) -> Vec<String> {
    let mut random = Random::new(99);
    let mut words = std::collections::BTreeSet::new();
    let mut ordered = Vec::with_capacity(count);
    while ordered.len() < count {
        let next = if diverse {
            format!("{}{}", word(&mut random), word(&mut random))
        } else {
            format!("#topic-{}", ordered.len())
        };
        if !text.contains(&next) && words.insert(next.clone()) {
            ordered.push(next);
        }
    }
    ordered
}

fn request(model: String, user: String, tokens: i64, text: &Arc<str>) -> Request {
    Request { model, user, tokens, text: Arc::clone(text) }
}

fn tokens(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(0)
}

/// One subject: every rule compares the model.
pub(crate) fn aligned(count: usize) -> Case {
    let (mut random, no_text) = (Random::new(1), "".into());
    let rules = (0..count).map(|index| Rule::Model(format!("model-{index}"))).collect();
    let requests =
        (0..64).map(|_| request(format!("model-{}", random.below(2 * count)), String::new(), 900, &no_text)).collect();
    Case { name: "aligned", rules, requests }
}

/// Two subjects in turn: the model, and a threshold of tokens.
pub(crate) fn interleaved(count: usize) -> Case {
    let (mut random, no_text) = (Random::new(2), "".into());
    let rule = |index: usize| match index % 2 {
        0 => Rule::Model(format!("model-{index}")),
        _ => Rule::Tokens(10_000_000 - 100 * tokens(index)),
    };
    let requests = (0..64).map(|_| {
        let tokens = tokens(10_000_000 - 100 * count / 2 + random.below(100 * count)) - tokens(50 * count);
        request(format!("model-{}", random.below(2 * count)), String::new(), tokens, &no_text)
    });
    Case { name: "interleaved", rules: (0..count).map(rule).collect(), requests: requests.collect() }
}

/// A third each: the model, a keyword, a threshold and the user. Nothing matches, so that
/// everything has to be looked at.
pub(crate) fn mixed(count: usize, diverse: bool, bytes: usize) -> Case {
    let text: Arc<str> = text(bytes).into();
    let mut words = keywords(count / 3 + 1, diverse, &text).into_iter();
    let rule = |index: usize| match index % 3 {
        0 => Rule::Model(format!("model-{index}")),
        1 => Rule::Keyword(words.next().unwrap_or_default()),
        _ => Rule::BigUser(60_000, format!("user-{index}")),
    };
    let rules = (0..count).map(rule).collect();
    let requests = (0..8).map(|index| request(format!("other-{index}"), format!("firm-{index}"), 100_000, &text));
    let name = if diverse { "mixed, diverse words" } else { "mixed, friendly words" };
    Case { name, rules, requests: requests.collect() }
}

/// A keyword and a threshold in every rule, in ascending order of thresholds. Where `shadowed`, most
/// keywords hold an earlier one, so that most rules are never reached.
pub(crate) fn pairs(count: usize, shadowed: bool) -> Case {
    let rule = |index: usize| {
        let word = if shadowed { format!("kw{index}") } else { format!("kw{index:05}") };
        Rule::BigKeyword(word, tokens(index))
    };
    Case {
        name: if shadowed { "pairs, shadowed" } else { "pairs" },
        rules: (0..count).map(rule).collect(),
        requests: vec![request(String::new(), String::new(), 0, &"".into())],
    }
}

/// Atoms that cross and that nobody recognises. Nothing matches.
pub(crate) fn adversarial(count: usize) -> Case {
    let rule = |index: usize| Rule::Crossing([index, (index * 7 + 3) % count, index / 2]);
    Case {
        name: "adversarial",
        rules: (0..count).map(rule).collect(),
        requests: vec![request(String::new(), String::new(), 0, &"".into())],
    }
}
