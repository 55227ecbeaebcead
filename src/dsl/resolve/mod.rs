//! From the tree of the text to a [`Policy`]: names become numbers, values get their kinds,
//! conditions are typed. What is wrong is reported and stands in the policy as something
//! harmless; such a policy is never handed out.

mod attempts;
mod explicit;
mod facts;
mod fields;
mod models;
mod names;
mod options;
mod providers;
mod routes;
mod tenants;
mod tests;
pub(crate) mod transforms;
mod values;

use rustc_hash::{FxHashMap, FxHashSet};

use super::ast::{Item, Word};
use super::expr::infer::{Declared, Shared};
use super::policy::{EnvRef, Policy};
use crate::diag::{Code, Diagnostic, Sources, Span};

pub(crate) use facts::FactReader;
pub(crate) use names::Names;

/// A [`Policy`] as far as it could be made, and what checks want to know of the text.
pub(crate) struct Lowered {
    pub(crate) policy: Policy,
    /// where each model, pool and provider is used at all, by number
    pub(crate) used: Used,
    /// every attempt that leads to another route: from, to, and where
    pub(crate) calls: Vec<(usize, usize, Span)>,
    /// `transform` blocks that no chain names
    pub(crate) idle_transforms: Vec<(String, Span)>,
}

/// What something refers to.
#[derive(Default)]
pub(crate) struct Used {
    pub(crate) models: FxHashSet<usize>,
    pub(crate) pools: FxHashSet<usize>,
    /// tags that `tag(…)` names
    pub(crate) tags: FxHashSet<String>,
    /// an expression reads `model.tags`, so any tag may count
    pub(crate) all_tags: bool,
}

/// Makes a policy out of all items of all files.
pub(crate) fn lower(items: &[Item], sources: &Sources, digest: String, findings: &mut Vec<Diagnostic>) -> Lowered {
    let names = Names::collect(items, findings);
    let declared = declared(items);
    let policy = Policy {
        providers: Vec::new(),
        models: Vec::new(),
        pools: Vec::new(),
        tenants: Vec::new(),
        routes: Vec::new(),
        tests: Vec::new(),
        invariants: Vec::new(),
        defaults: crate::dsl::policy::Options::default(),
        env: Vec::new(),
        digest,
    };
    let mut lower = Lower {
        names,
        shared: Shared { sources, declared: &declared },
        policy,
        used: Used::default(),
        calls: Vec::new(),
        env: FxHashMap::default(),
        tickets: 0,
        transforms: Vec::new(),
        chains: Vec::new(),
        explicit_place: None,
        tagged_places: Vec::new(),
        idle: FxHashMap::default(),
        findings,
    };
    lower.transform_blocks(items);
    lower.providers(items);
    lower.models(items);
    lower.report_idle();
    lower.pools(items);
    lower.tenants(items);
    lower.defaults(items);
    lower.routes(items);
    lower.explicit_rules();
    lower.tests(items);
    lower.not_served(items);
    let idle = lower.transforms.iter().filter(|declared| !declared.used);
    let idle_transforms = idle.map(|declared| (declared.name.clone(), declared.span)).collect();
    Lowered { policy: lower.policy, used: lower.used, calls: lower.calls, idle_transforms }
}

/// The work in progress.
pub(crate) struct Lower<'a, 'f> {
    pub(super) names: Names,
    pub(super) shared: Shared<'a>,
    pub(super) policy: Policy,
    pub(super) used: Used,
    pub(super) calls: Vec<(usize, usize, Span)>,
    /// environment variables already listed
    pub(super) env: FxHashMap<String, ()>,
    pub(super) tickets: u32,
    /// the policy's own transforms
    pub(super) transforms: Vec<transforms::Declared>,
    /// what each provider says for its models, by number
    pub(super) chains: Vec<transforms::Chain>,
    /// the first `explicit` that lets clients name a model
    pub(super) explicit_place: Option<Span>,
    /// every `explicit: tagged`
    pub(super) tagged_places: Vec<Span>,
    /// transforms that do nothing, by place
    pub(super) idle: FxHashMap<Span, transforms::Idle>,
    pub(super) findings: &'f mut Vec<Diagnostic>,
}

impl Lower<'_, '_> {
    pub(super) fn report(&mut self, finding: Diagnostic) {
        self.findings.push(finding);
    }

    /// Says that this version does not carry something out.
    pub(super) fn unserved(&mut self, span: Span, what: &str) {
        self.report(unserved(span, what));
    }

    /// Notes an environment variable; each is listed once, with its first place.
    pub(super) fn note_env(&mut self, name: &str, span: Span) {
        if self.env.insert(name.to_owned(), ()).is_none() {
            self.policy.env.push(EnvRef { name: name.to_owned(), span });
        }
    }

    /// Notes whether an expression reads a model's tags.
    pub(super) fn note_tags(&mut self, expr: &super::expr::typed::Expr) {
        use super::expr::typed::Kind;
        self.used.all_tags |= matches!(expr.kind, Kind::Var(crate::facts::Var::ModelTags));
        expr.for_each_part(&mut |child| self.note_tags(child));
    }

    fn not_served(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Alert(name) => self.unserved(name.span, "`alert`"),
                Item::Invariant { title, when, require } => self.invariant(title, when, require),
                _ => {}
            }
        }
    }

    /// An invariant is typed and kept; `lint` has it proved.
    fn invariant(&mut self, title: &Word, when: &super::expr::ast::Raw, require: &super::expr::ast::Raw) {
        use super::expr::infer::{Phase, condition};
        let mut none = FxHashMap::default();
        let when = condition(when, &self.shared, &mut none, Phase::When, self.findings);
        let require = condition(require, &self.shared, &mut none, Phase::Candidate, self.findings);
        if let (Some(when), Some(require)) = (when, require) {
            self.note_tags(&require);
            let invariant = super::policy::Invariant { title: title.text.clone(), when, require, span: title.span };
            self.policy.invariants.push(invariant);
        }
    }
}

/// The finding for something that is understood but not carried out.
pub(crate) fn unserved(span: Span, what: &str) -> Diagnostic {
    Diagnostic::new(Code::P0708, span, format!("{what} is not served by this version"))
        .help("`check` accepts it, `serve` refuses it")
}

/// Names that conditions may compare with.
fn declared(items: &[Item]) -> Declared {
    let mut declared = Declared::default();
    for item in items {
        match item {
            Item::Provider(block) => {
                declared.providers.insert(block.name.text.clone());
            }
            Item::Tenant(block) => {
                declared.tenants.insert(block.name.text.clone());
            }
            Item::Model { block, .. } => {
                declared.models.insert(block.name.text.clone());
                for field in block.fields.iter().filter(|field| field.key.text == "tags") {
                    if let super::ast::ValueKind::List(values) = &field.value.kind {
                        declared.model_tags.extend(values.iter().filter_map(values::text_of));
                    }
                }
            }
            _ => {}
        }
    }
    declared
}
