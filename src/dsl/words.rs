//! The language's own words with their meanings: declarations, keywords, choices, capabilities,
//! functions. Completion and hover read these tables; tests hold them against the grammar and the
//! checker.

/// A word and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordEntry {
    /// the word
    pub word: &'static str,
    /// how it is written
    pub form: &'static str,
    /// what it means
    pub doc: &'static str,
}

const fn word(word: &'static str, form: &'static str, doc: &'static str) -> WordEntry {
    WordEntry { word, form, doc }
}

/// Words that start a declaration. `form` is what an editor inserts; `$1` are the places to fill.
pub const ITEMS: &[WordEntry] = &[
    word(
        "provider",
        "provider ${1:name} {\n  kind: ${2:openai}\n  base: \"${3:https://}\"\n  key: env(\"${4:API_KEY}\")\n}\n",
        "a place that serves models",
    ),
    word(
        "model",
        "model ${1:name} on ${2:provider} {\n  context: ${3:128k}\n  output: ${4:8k}\n  price: { input: ${5:0.2}, output: ${6:1.1} }\n}\n",
        "a model at a provider",
    ),
    word("pool", "pool ${1:name} = [${2:models}]\n", "a named list of models; as an attempt, its first usable member"),
    word(
        "tenant",
        "tenant ${1:name} {\n  keys: [env(\"${2:TEAM_KEY}\")]\n}\n",
        "who asks: keys, tags, the models it may use",
    ),
    word("defaults", "defaults {\n  $1\n}\n", "what holds for every rule that says nothing else"),
    word("transform", "transform ${1:name} {\n  $2\n}\n", "changes to requests on their way out"),
    word(
        "alert",
        "alert ${1:name} {\n  when ${2:model.error_rate > 0.1}\n}\n",
        "a condition over time that somebody is told about",
    ),
    word(
        "route",
        "route ${1:main} {\n  default -> ${2:model}\n}\n",
        "an ordered list of rules; the first that matches decides",
    ),
    word(
        "test",
        "test \"${1:title}\" on ${2:main} {\n  given { ${3:text: \"hello\"} } -> ${4:model}\n}\n",
        "cases: facts, and what has to come out",
    ),
    word(
        "invariant",
        "invariant \"${1:title}\" {\n  when ${2:true}\n  require ${3:true}\n}\n",
        "a promise about every model that may be chosen",
    ),
];

/// Keywords inside declarations.
pub const KEYWORDS: &[WordEntry] = &[
    word("on", "model NAME on PROVIDER", "who serves the model; the route that a test enters"),
    word("let", "let NAME = EXPRESSION", "names an expression for the rules below it"),
    word("rule", "rule NAME when CONDITION -> TARGET", "the first rule whose condition is true decides"),
    word("when", "when CONDITION", "the condition, a truth value"),
    word("default", "default -> TARGET", "where everything else goes; required, and last"),
    word("then", "a then b", "the next attempt, tried only while nothing has reached the client"),
    word("with", "with { cache: 10m }", "options for this rule"),
    word("where", "cheapest of tag(x) where CONDITION", "which candidates count; sees `model.…`"),
    word("of", "cheapest of SET", "the set to choose from: `tag(NAME)`, `[a, b]` or a pool"),
    word("by", "by EXPRESSION", "what a split goes by, a text; in a test, the rule that has to decide"),
    word("tag", "tag(NAME)", "all models with this tag, in order of declaration"),
    word("split", "split { 90% a, 10% b } by user.id", "shares of requests; the same value always goes the same way"),
    word("reject", "reject 403 \"why\"", "a refusal, status 400 to 599; only as the last attempt"),
    word("given", "given { FACTS } -> OUTCOME", "the facts of a case; what is left out has its default"),
    word("state", "state { MODEL: { healthy: false } }", "live facts of models for a case"),
    word("require", "require CONDITION", "what every model that may be chosen has to satisfy; sees `model.…`"),
    word("to", "5% to NAME", "where a share goes"),
    word("after", "after 2s", "a delay"),
];

/// How a choice chooses.
pub const CHOICES: &[WordEntry] = &[
    word("first", "first of SET", "the first in list order"),
    word("cheapest", "cheapest of SET", "the least price.input × bytes/4 + price.output × expected output"),
    word(
        "fastest",
        "fastest of SET",
        "the least 95th percentile of the time to the first token (not served by this version)",
    ),
    word("best", "best of SET", "the highest `quality` for the request's task"),
    word("balanced", "balanced of SET", "quality × health × weight (not served by this version)"),
    word("idlest", "idlest of SET", "the least in flight against its limit (not served by this version)"),
    word("rotate", "rotate of SET", "smooth weighted round robin by `weight`"),
    word("adaptive", "adaptive of SET", "learns from outcomes (not served by this version)"),
];

/// What a model can do, the words of `can`.
pub const CAPABILITIES: &[WordEntry] = &[
    word("tools", "can: [tools]", "it calls tools; requests with tools need it"),
    word("vision", "can: [vision]", "it sees images; requests with images need it"),
    word("documents", "can: [documents]", "it reads documents; requests with documents need it"),
    word("audio", "can: [audio]", "it hears; requests with audio need it"),
    word("thinking", "can: [thinking]", "it thinks before it answers; never filters, the request is adapted"),
    word("json_schema", "can: [json_schema]", "it keeps to a JSON schema; never filters, the request is adapted"),
    word("parallel_tools", "can: [parallel_tools]", "several tools at a time; never filters, the request is adapted"),
    word("web_search", "can: [web_search]", "it searches the web itself; never filters, the request is adapted"),
];

/// What a method is called on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// nothing: a function
    None,
    /// `request`
    Request,
    /// a text
    Text,
    /// a list or a map
    Many,
    /// a text, a list or a map
    Sized,
    /// a moment
    Moment,
    /// a moment or a span of time
    Time,
}

/// What comes out of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// a truth value
    Bool,
    /// a whole number
    Int,
    /// a number
    Double,
    /// text
    Text,
    /// a span of time
    Duration,
    /// a moment
    Timestamp,
    /// a list of the same kind, or of what the body makes
    List,
}

/// A function or method of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionEntry {
    /// its name
    pub name: &'static str,
    /// what it is called on
    pub on: Receiver,
    /// its arguments, by name
    pub arguments: &'static [&'static str],
    /// what comes out
    pub gives: Gives,
    /// what it does
    pub doc: &'static str,
}

const fn function(
    name: &'static str,
    on: Receiver,
    arguments: &'static [&'static str],
    gives: Gives,
    doc: &'static str,
) -> FunctionEntry {
    FunctionEntry { name, on, arguments, gives, doc }
}

/// Every function and method. A name may stand twice, once with and once without a receiver.
pub const FUNCTIONS: &[FunctionEntry] = &[
    function("header", Receiver::Request, &["\"name\""], Gives::Text, "a request header by its name; \"\" when absent"),
    function(
        "header_int",
        Receiver::Request,
        &["\"name\"", "default"],
        Gives::Int,
        "a request header as a whole number; the second argument when absent or not a number",
    ),
    function(
        "meta",
        Receiver::Request,
        &["\"name\""],
        Gives::Text,
        "a text of the request's `metadata`; \"\" when absent",
    ),
    function(
        "meta_int",
        Receiver::Request,
        &["\"name\"", "default"],
        Gives::Int,
        "a value of `metadata` as a whole number; the second argument when absent or not a number",
    ),
    function("contains", Receiver::Text, &["part"], Gives::Bool, "the text holds this part, case counts"),
    function("startsWith", Receiver::Text, &["part"], Gives::Bool, "the text begins with this part"),
    function("endsWith", Receiver::Text, &["part"], Gives::Bool, "the text ends with this part"),
    function(
        "matches",
        Receiver::Text,
        &["\"pattern\""],
        Gives::Bool,
        "the regular expression is found in the text; the pattern is a literal",
    ),
    function("lowerAscii", Receiver::Text, &[], Gives::Text, "the text with A to Z in lower case"),
    function("upperAscii", Receiver::Text, &[], Gives::Text, "the text with a to z in upper case"),
    function("size", Receiver::Sized, &[], Gives::Int, "characters of a text, members of a list or map"),
    function("all", Receiver::Many, &["x", "condition"], Gives::Bool, "the condition holds for every member"),
    function("exists", Receiver::Many, &["x", "condition"], Gives::Bool, "the condition holds for at least one member"),
    function(
        "exists_one",
        Receiver::Many,
        &["x", "condition"],
        Gives::Bool,
        "the condition holds for exactly one member",
    ),
    function("filter", Receiver::Many, &["x", "condition"], Gives::List, "the members for which the condition holds"),
    function("map", Receiver::Many, &["x", "value"], Gives::List, "what the value is for each member"),
    function(
        "getFullYear",
        Receiver::Moment,
        &["\"zone\"?"],
        Gives::Int,
        "the year; UTC, or a time zone such as `\"Asia/Shanghai\"`",
    ),
    function("getMonth", Receiver::Moment, &["\"zone\"?"], Gives::Int, "the month, 0 to 11"),
    function("getDate", Receiver::Moment, &["\"zone\"?"], Gives::Int, "the day of the month, 1 to 31"),
    function("getDayOfMonth", Receiver::Moment, &["\"zone\"?"], Gives::Int, "the day of the month, 0 to 30"),
    function("getDayOfWeek", Receiver::Moment, &["\"zone\"?"], Gives::Int, "the day of the week, 0 is Sunday"),
    function("getDayOfYear", Receiver::Moment, &["\"zone\"?"], Gives::Int, "the day of the year, 0 to 365"),
    function("getHours", Receiver::Time, &["\"zone\"?"], Gives::Int, "the hour, 0 to 23; all hours of a span"),
    function("getMinutes", Receiver::Time, &["\"zone\"?"], Gives::Int, "the minute, 0 to 59; all minutes of a span"),
    function("getSeconds", Receiver::Time, &["\"zone\"?"], Gives::Int, "the second, 0 to 59; all seconds of a span"),
    function("getMilliseconds", Receiver::Time, &["\"zone\"?"], Gives::Int, "the milliseconds, 0 to 999"),
    function("has", Receiver::None, &["map.key"], Gives::Bool, "the map has this key"),
    function("size", Receiver::None, &["value"], Gives::Int, "characters of a text, members of a list or map"),
    function("int", Receiver::None, &["value"], Gives::Int, "a number as a whole number, a moment as seconds"),
    function("double", Receiver::None, &["value"], Gives::Double, "a whole number as a number"),
    function("string", Receiver::None, &["value"], Gives::Text, "a value as text"),
    function(
        "duration",
        Receiver::None,
        &["\"90s\""],
        Gives::Duration,
        "a span of time, such as `duration(\"1h30m\")`",
    ),
    function("timestamp", Receiver::None, &["\"2026-01-31T00:00:00Z\""], Gives::Timestamp, "a moment"),
];

/// Words of the language that a test, a list or a message may look up.
#[must_use]
pub fn meaning(word: &str) -> Option<&'static WordEntry> {
    ITEMS.iter().chain(KEYWORDS).chain(CHOICES).chain(CAPABILITIES).find(|entry| entry.word == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::policy::Capability;
    use crate::facts::schema::ACCESSORS;

    fn words(entries: &[WordEntry]) -> Vec<&'static str> {
        entries.iter().map(|entry| entry.word).collect()
    }

    #[test]
    fn tables_are_in_step_with_the_language() {
        assert_eq!(words(ITEMS), super::super::scan::ITEM_WORDS);
        assert_eq!(words(CAPABILITIES), Capability::ALL.map(Capability::name));
        let accessors = FUNCTIONS.iter().filter(|entry| entry.on == Receiver::Request);
        assert!(accessors.map(|entry| (entry.name, entry.doc)).eq(ACCESSORS.iter().copied()));
        let grammar = include_str!("../../grammar/policy.pest");
        let pick = grammar.lines().find(|line| line.starts_with("pick_word")).unwrap();
        let quoted: Vec<&str> = pick.split('"').skip(1).step_by(2).collect();
        assert_eq!(words(CHOICES), quoted);
        for line in grammar.lines().filter(|line| line.starts_with("kw_")) {
            let word = line.split('"').nth(1).unwrap();
            assert!(meaning(word).is_some(), "`{word}` is a keyword without a meaning");
        }
    }
}
