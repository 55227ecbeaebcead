//! The policy as it is put together: declarations, rules, and an example request for each rule.

use std::fmt::Write as _;

use super::names::{quoted, remark};
use super::report::Notes;

/// `key: value` of a declaration.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) key: String,
    pub(super) value: String,
    /// false: this version checks it but does not carry it out (P0708)
    pub(super) served: bool,
}

/// A field that is carried out.
pub(super) fn field(key: &str, value: impl Into<String>) -> Field {
    Field { key: key.to_owned(), value: value.into(), served: true }
}

/// A field that is declared and not carried out yet.
pub(super) fn unserved(key: &str, value: impl Into<String>) -> Field {
    Field { key: key.to_owned(), value: value.into(), served: false }
}

/// A provider, a model or a tenant.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    pub(super) name: String,
    /// the provider of a model
    pub(super) on: Option<String>,
    /// where it comes from
    pub(super) remark: String,
    /// the path in the input that a report on it belongs to
    pub(super) path: String,
    pub(super) fields: Vec<Field>,
}

impl Block {
    /// The variable of a tenant's first key.
    pub(super) fn key_variable(&self) -> Option<String> {
        let keys = self.fields.iter().find(|field| field.key == "keys")?;
        let (_, rest) = keys.value.split_once("env(\"")?;
        rest.split_once('"').map(|(name, _)| name.to_owned())
    }
}

/// One attempt of a target.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Attempt {
    Model(String),
    /// `rotate of [a, b]`
    Choice(&'static str, Vec<String>),
    /// shares in percent, and what each leads to
    Split(Vec<(f64, Attempt)>),
    Route(String),
    Reject(u16, String),
}

impl Attempt {
    fn text(&self, served_only: bool) -> String {
        match self {
            Self::Model(name) => name.clone(),
            // What ranks by live facts is not served yet; going round is.
            Self::Choice("idlest" | "fastest", set) if served_only => format!("rotate of [{}]", set.join(", ")),
            Self::Choice(word, set) => format!("{word} of [{}]", set.join(", ")),
            Self::Split(arms) => {
                let arms: Vec<String> =
                    arms.iter().map(|(share, arm)| format!("{share}% {}", arm.text(served_only))).collect();
                format!("split {{ {} }}", arms.join(", "))
            }
            Self::Route(name) => format!("route {name}"),
            Self::Reject(status, text) => format!("reject {status} {}", quoted(text)),
        }
    }

    /// The models that it names itself.
    pub(super) fn models(&self) -> Vec<&str> {
        match self {
            Self::Model(name) => vec![name],
            Self::Choice(_, set) => set.iter().map(String::as_str).collect(),
            Self::Split(arms) => arms.iter().flat_map(|(_, arm)| arm.models()).collect(),
            Self::Route(_) | Self::Reject(..) => Vec::new(),
        }
    }

    /// The routes that it leads to.
    pub(super) fn routes(&self) -> Vec<&str> {
        match self {
            Self::Route(name) => vec![name],
            Self::Split(arms) => arms.iter().flat_map(|(_, arm)| arm.routes()).collect(),
            _ => Vec::new(),
        }
    }

    fn is_split(&self) -> bool {
        matches!(self, Self::Split(_))
    }
}

/// Facts of an example, as paths of the variable table without `request.`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Given(Vec<(Vec<String>, String)>);

impl Given {
    /// Facts with one in them; the value is a literal of the language.
    pub(super) fn of(path: &[&str], value: impl Into<String>) -> Self {
        Self::default().and(path, value)
    }

    /// The same with one more; what was said of the same path before is forgotten.
    pub(super) fn and(mut self, path: &[&str], value: impl Into<String>) -> Self {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        self.0.retain(|(known, _)| *known != path);
        self.0.push((path, value.into()));
        self
    }

    /// Both together.
    pub(super) fn join(mut self, other: Given) -> Self {
        for (path, value) in other.0 {
            self.0.retain(|(known, _)| *known != path);
            self.0.push((path, value));
        }
        self
    }

    pub(super) fn has(&self, path: &[&str]) -> bool {
        self.0.iter().any(|(known, _)| known.iter().map(String::as_str).eq(path.iter().copied()))
    }

    /// `{ text: "hello", session: { id: "s-1" } }`.
    pub(super) fn text(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut done: Vec<&str> = Vec::new();
        for (path, value) in &self.0 {
            let [first, rest @ ..] = path.as_slice() else { continue };
            if rest.is_empty() {
                parts.push(format!("{first}: {value}"));
                continue;
            }
            if done.contains(&first.as_str()) {
                continue;
            }
            done.push(first);
            let inner: Vec<String> = self
                .0
                .iter()
                .filter_map(|(path, value)| match path.as_slice() {
                    [group, name] if group == first => Some(format!("{}: {value}", member(group, name))),
                    _ => None,
                })
                .collect();
            parts.push(format!("{first}: {{ {} }}", inner.join(", ")));
        }
        if parts.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", parts.join(", ")) }
    }
}

/// Headers and metadata have names of any kind.
fn member(group: &str, name: &str) -> String {
    if matches!(group, "header" | "meta") { quoted(name) } else { name.to_owned() }
}

/// An example request of a rule.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) given: Given,
    /// models that are down in it
    pub(super) down: Vec<String>,
    /// one of many that differ in the caller only: it counts when something else comes out
    pub(super) varied: bool,
}

/// One rule, or the default.
#[derive(Clone, Debug)]
pub(super) struct RuleDraft {
    pub(super) name: String,
    /// where it comes from
    pub(super) remark: String,
    /// the path in the input that a report on it belongs to
    pub(super) path: String,
    /// None: the default
    pub(super) condition: Option<String>,
    pub(super) target: Vec<Attempt>,
    pub(super) options: Vec<Field>,
    pub(super) samples: Vec<Given>,
}

impl RuleDraft {
    fn head(&self) -> String {
        match &self.condition {
            Some(condition) => format!("rule {} when {condition}", self.name),
            None => "default".to_owned(),
        }
    }

    /// Examples, and for each fallback one with everything before it down.
    pub(super) fn examples(&self) -> Vec<Sample> {
        let mut examples = Vec::new();
        for given in &self.samples {
            examples.push(Sample { given: given.clone(), down: Vec::new(), varied: false });
            if self.target.iter().any(Attempt::is_split) && !given.has(&["session", "id"]) {
                // Which arm a caller takes comes from a hash; a few callers find every arm.
                examples.extend((1..=24).map(|number| Sample {
                    given: given.clone().and(&["session", "id"], quoted(&format!("s-{number}"))),
                    down: Vec::new(),
                    varied: true,
                }));
            }
        }
        let Some(given) = self.samples.first() else { return examples };
        for before in 1..self.target.len() {
            let down: Vec<String> =
                self.target.iter().take(before).flat_map(Attempt::models).map(str::to_owned).collect();
            if !down.is_empty() {
                examples.push(Sample { given: given.clone(), down, varied: true });
            }
        }
        examples
    }
}

/// An ordered list of rules that ends in a default.
#[derive(Clone, Debug)]
pub(super) struct RouteDraft {
    pub(super) name: String,
    pub(super) remark: String,
    pub(super) rules: Vec<RuleDraft>,
}

/// A test case that was tried: what was given, what came out.
#[derive(Clone, Debug)]
pub(super) struct CaseDraft {
    pub(super) given: String,
    pub(super) state: String,
    /// `a then b by rule`
    pub(super) expected: String,
}

/// A whole policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// the first comment
    pub(super) head: Vec<String>,
    pub(super) providers: Vec<Block>,
    pub(super) models: Vec<Block>,
    pub(super) tenants: Vec<Block>,
    pub(super) defaults: Vec<Field>,
    pub(super) routes: Vec<RouteDraft>,
}

impl Draft {
    /// Removes what no route leads to, and notes the models among it.
    pub(super) fn prune(&mut self, notes: &mut Notes) {
        let rules = || self.routes.iter().flat_map(|route| &route.rules).flat_map(|rule| &rule.target);
        let called: Vec<String> = rules().flat_map(Attempt::routes).map(str::to_owned).collect();
        let used: rustc_hash::FxHashSet<String> = rules().flat_map(Attempt::models).map(str::to_owned).collect();
        self.routes.retain(|route| route.name == "main" || called.contains(&route.name));
        for model in self.models.iter().filter(|model| !used.contains(&model.name)) {
            notes.lost(&model.path, "no rule leads to this model");
        }
        self.models.retain(|model| used.contains(&model.name));
        let providers: Vec<&String> = self.models.iter().filter_map(|model| model.on.as_ref()).collect();
        let keep: Vec<bool> = self.providers.iter().map(|provider| providers.contains(&&provider.name)).collect();
        let mut keep = keep.into_iter();
        self.providers.retain(|_| keep.next().unwrap_or(true));
    }

    /// The text. Every rule stands on one line. With `served_only`, what this version does not carry
    /// out is a comment.
    pub(super) fn write(&self, tests: &[(String, String, Vec<CaseDraft>)], served_only: bool) -> String {
        let mut out = String::new();
        for line in &self.head {
            let _ = writeln!(out, "{}", format!("// {}", remark(line)).trim_end());
        }
        for provider in &self.providers {
            block(&mut out, &format!("provider {}", provider.name), provider, served_only);
        }
        for model in &self.models {
            let head = format!("model {} on {}", model.name, model.on.as_deref().unwrap_or_default());
            block(&mut out, &head, model, served_only);
        }
        for tenant in &self.tenants {
            block(&mut out, &format!("tenant {}", tenant.name), tenant, served_only);
        }
        if !self.defaults.is_empty() {
            let defaults = Block { fields: self.defaults.clone(), ..Block::default() };
            block(&mut out, "defaults", &defaults, served_only);
        }
        for route in &self.routes {
            out.push('\n');
            if !route.remark.is_empty() {
                let _ = writeln!(out, "// {}", remark(&route.remark));
            }
            let _ = writeln!(out, "route {} {{", route.name);
            for rule in &route.rules {
                write_rule(&mut out, rule, served_only);
            }
            out.push_str("}\n");
        }
        for (title, route, cases) in tests {
            let _ = writeln!(out, "\ntest {} on {route} {{", quoted(title));
            for case in cases {
                let _ = writeln!(out, "  given {}{} -> {}", case.given, case.state, case.expected);
            }
            out.push_str("}\n");
        }
        out
    }
}

fn write_rule(out: &mut String, rule: &RuleDraft, served_only: bool) {
    if !rule.remark.is_empty() {
        let _ = writeln!(out, "  // {}", remark(&rule.remark));
    }
    for option in rule.options.iter().filter(|option| served_only && !option.served) {
        let _ = writeln!(out, "  // not served yet: with {{ {}: {} }}", option.key, remark(&option.value));
    }
    let target: Vec<String> = rule.target.iter().map(|attempt| attempt.text(served_only)).collect();
    let options: Vec<String> = rule
        .options
        .iter()
        .filter(|option| !served_only || option.served)
        .map(|option| format!("{}: {}", option.key, option.value))
        .collect();
    let options = if options.is_empty() { String::new() } else { format!(" with {{ {} }}", options.join(", ")) };
    let _ = writeln!(out, "  {} -> {}{options}", rule.head(), target.join(" then "));
}

fn block(out: &mut String, head: &str, block: &Block, served_only: bool) {
    out.push('\n');
    if !block.remark.is_empty() {
        let _ = writeln!(out, "// {}", remark(&block.remark));
    }
    let _ = writeln!(out, "{head} {{");
    for field in &block.fields {
        if served_only && !field.served {
            let _ = writeln!(out, "  // not served yet: {}: {}", field.key, remark(&field.value));
        } else {
            let _ = writeln!(out, "  {}: {}", field.key, field.value);
        }
    }
    out.push_str("}\n");
}
