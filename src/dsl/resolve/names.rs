//! Who is called what. Models and pools share one space, because both stand as attempts.

use rustc_hash::FxHashMap;

use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Edit, Span};
use crate::dsl::ast::{Item, Word};
use crate::dsl::policy::{ModelId, PoolId, ProviderId, RouteId, TenantId};

/// One space of names: number and place of the first declaration.
pub(crate) type Space = FxHashMap<String, (u32, Span)>;

/// All declared names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) providers: Space,
    pub(crate) models: Space,
    pub(crate) pools: Space,
    pub(crate) tenants: Space,
    pub(crate) routes: Space,
}

impl Names {
    /// Numbers all declarations, in order; a second declaration of a name is reported and not
    /// numbered.
    pub(crate) fn collect(items: &[Item], findings: &mut Vec<Diagnostic>) -> Self {
        let mut names = Self::default();
        for item in items {
            let (space, what, name, other) = match item {
                Item::Provider(block) => (&mut names.providers, "provider", &block.name, None),
                Item::Model { block, .. } => (&mut names.models, "model", &block.name, Some(&names.pools)),
                Item::Pool { name, .. } => (&mut names.pools, "pool", name, Some(&names.models)),
                Item::Tenant(block) => (&mut names.tenants, "tenant", &block.name, None),
                Item::Route(route) => (&mut names.routes, "route", &route.name, None),
                _ => continue,
            };
            kebab(name, what, findings);
            let earlier = other.and_then(|other| other.get(&name.text)).or_else(|| space.get(&name.text));
            if let Some((_, first)) = earlier {
                findings.push(
                    Diagnostic::new(Code::P0107, name.span, format!("`{}` is declared twice", name.text))
                        .label("again here")
                        .also(*first, "first here")
                        .help("rename one of them, or remove it"),
                );
                continue;
            }
            let number = u32::try_from(space.len()).unwrap_or(u32::MAX);
            space.insert(name.text.clone(), (number, name.span));
        }
        names
    }

    /// The names of a policy that is already checked.
    pub(crate) fn of(policy: &crate::dsl::policy::Policy) -> Self {
        fn space<'n>(names: impl Iterator<Item = (&'n String, Span)>) -> Space {
            names.zip(0u32..).map(|((name, span), number)| (name.clone(), (number, span))).collect()
        }
        Self {
            providers: space(policy.providers.iter().map(|found| (&found.name, found.span))),
            models: space(policy.models.iter().map(|found| (&found.name, found.span))),
            pools: space(policy.pools.iter().map(|found| (&found.name, found.span))),
            tenants: space(policy.tenants.iter().map(|found| (&found.name, found.span))),
            routes: space(policy.routes.iter().map(|found| (&found.name, found.span))),
        }
    }

    pub(crate) fn provider(&self, word: &Word, findings: &mut Vec<Diagnostic>) -> Option<ProviderId> {
        look_up(&[&self.providers], word, "provider", findings).map(ProviderId)
    }

    pub(crate) fn tenant(&self, word: &Word, findings: &mut Vec<Diagnostic>) -> Option<TenantId> {
        look_up(&[&self.tenants], word, "tenant", findings).map(TenantId)
    }

    pub(crate) fn route(&self, word: &Word, findings: &mut Vec<Diagnostic>) -> Option<RouteId> {
        look_up(&[&self.routes], word, "route", findings).map(RouteId)
    }

    pub(crate) fn model(&self, word: &Word, findings: &mut Vec<Diagnostic>) -> Option<ModelId> {
        if let Some((_, at)) = self.pools.get(&word.text) {
            let message = format!("`{}` is a pool, a model is expected here", word.text);
            findings.push(Diagnostic::new(Code::P0102, word.span, message).also(*at, "declared here"));
            return None;
        }
        look_up(&[&self.models], word, "model", findings).map(ModelId)
    }

    /// A model, or a pool.
    pub(crate) fn member(&self, word: &Word, findings: &mut Vec<Diagnostic>) -> Option<Result<ModelId, PoolId>> {
        if let Some((number, _)) = self.pools.get(&word.text) {
            return Some(Err(PoolId(*number)));
        }
        look_up(&[&self.models, &self.pools], word, "model or pool", findings).map(|number| Ok(ModelId(number)))
    }
}

/// Most names that one suggestion looks at: with more, guessing costs more than it helps.
const MAX_SUGGESTIONS: usize = 2_000;

/// The number of a name in the first space; the others only help to suggest.
fn look_up(spaces: &[&Space], word: &Word, what: &str, findings: &mut Vec<Diagnostic>) -> Option<u32> {
    if let Some((number, _)) = spaces.first().and_then(|space| space.get(&word.text)) {
        return Some(*number);
    }
    let mut known: Vec<&str> =
        spaces.iter().flat_map(|space| space.keys().map(String::as_str)).take(MAX_SUGGESTIONS).collect();
    known.sort_unstable();
    let finding = Diagnostic::new(Code::P0102, word.span, format!("no {what} `{}`", word.text)).label("not declared");
    findings.push(match nearest(&word.text, known.iter().copied()) {
        Some(near) => finding.help(format!("`{near}` has a similar name")).fix(
            format!("replace it by `{near}`"),
            false,
            vec![Edit { span: word.span, text: near.to_owned() }],
        ),
        None if known.is_empty() => finding.help(format!("no {what} is declared at all")),
        None if known.len() <= 8 => finding.help(format!("declared: {}", known.join(", "))),
        None => finding,
    });
    None
}

/// Names are lower case with hyphens; dots stand in version numbers.
pub(crate) fn kebab(name: &Word, what: &str, findings: &mut Vec<Diagnostic>) {
    let fits =
        name.text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    if fits {
        return;
    }
    let mut meant = String::new();
    for letter in name.text.chars() {
        if letter.is_ascii_uppercase() {
            if !meant.is_empty() && !meant.ends_with('-') {
                meant.push('-');
            }
            meant.push(letter.to_ascii_lowercase());
        } else {
            meant.push(if letter == '_' { '-' } else { letter });
        }
    }
    findings.push(
        Diagnostic::new(Code::P0901, name.span, format!("the name of a {what} is lower case with hyphens"))
            .help(format!("write `{meant}`")),
    );
}
