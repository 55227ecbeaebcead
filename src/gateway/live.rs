//! One policy in use, with everything worked out once: its engine, its endpoints, its models as
//! targets, its keys. It never changes; a reload makes another one, and a request keeps the one
//! that it began with.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http::HeaderValue;
use rustc_hash::FxHashMap;

use super::guard::{Caller, Keys};
use crate::cache::ChainHash;
use crate::dsl::policy::{
    Attempt, AttemptKind, Capability, Model, ModelId, Options, Policy, Price, Provider, ProviderKind, RouteId, Strategy,
};
use crate::dsl::transform::Transform;
use crate::engine::Engine;
use crate::engine::trace::Written;
use crate::facts::Facts;
use crate::facts::world::{ModelState, World};
use crate::metrics::Table;
use crate::protocol::{self, EncodeError, Outgoing, Protocol, Request, Wire, tokens};
use crate::upstream::{Clients, Endpoint, ModelLink};

/// Longest name of a client's that is repeated to it.
const SHOWN_CHARACTERS: usize = 80;

/// A model as the gateway asks it.
#[derive(Debug)]
pub(crate) struct Target {
    /// its name in the policy
    pub(crate) name: Arc<str>,
    /// its name in `x-ccr-model`
    pub(crate) name_header: HeaderValue,
    /// its provider's name
    pub(crate) provider: String,
    /// its provider's name in `x-ccr-provider`
    pub(crate) provider_header: HeaderValue,
    /// the name that its provider knows
    pub(crate) upstream: String,
    /// what its provider speaks; None: whatever the client speaks (the built-in fake)
    wire: Option<Wire>,
    /// most tokens of input and output together
    context: Option<u64>,
    /// most tokens of an answer
    pub(crate) output: Option<u64>,
    /// what it can do
    pub(crate) can: Vec<Capability>,
    /// whether it can stream
    pub(crate) stream: bool,
    /// what is changed in its requests and answers
    pub(crate) transforms: Vec<Transform>,
    /// what of this counts in the key of a kept answer; None: a transform computes values from who asks,
    /// and its answers are for nobody else
    pub(crate) chain: Option<ChainHash>,
    /// what it costs
    pub(crate) price: Option<Price>,
    /// where to send
    pub(crate) endpoint: Arc<Endpoint>,
    /// how it fares
    pub(crate) link: Arc<ModelLink>,
}

impl Target {
    /// What to speak with it for a client of this protocol.
    pub(crate) fn wire(&self, client: Protocol) -> Wire {
        self.wire.unwrap_or_else(|| Wire::native(client))
    }

    /// Whether a request's tokens are counted to write it.
    pub(crate) fn trims_history(&self) -> bool {
        self.transforms.iter().any(|transform| matches!(transform, Transform::TrimHistory(_)))
    }

    /// The model as the protocol room needs to know it.
    pub(crate) fn for_protocol(&self, wire: Wire) -> protocol::Target<'_> {
        protocol::Target {
            wire,
            model: &self.upstream,
            context: self.context,
            output_limit: self.output,
            can: &self.can,
            stream: self.stream,
            transforms: &self.transforms,
        }
    }
}

/// `tenant.*` and `key.*` of one caller.
#[derive(Debug, Default)]
pub(crate) struct TenantFacts {
    pub(crate) id: String,
    pub(crate) tier: String,
    pub(crate) tags: Vec<Cow<'static, str>>,
    keys: Vec<KeyFacts>,
}

/// `key.*`.
#[derive(Debug, Default)]
pub(crate) struct KeyFacts {
    pub(crate) id: String,
    pub(crate) tags: Vec<Cow<'static, str>>,
}

/// A policy in use.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) engine: Engine,
    pub(crate) clients: Clients,
    pub(crate) keys: Keys,
    pub(crate) metrics: Arc<Table>,
    /// the digest in `x-ccr-policy`
    pub(crate) digest_header: HeaderValue,
    targets: Vec<Target>,
    /// the models by every way to name one by its name in the policy
    names: FxHashMap<String, ModelId>,
    tenants: Vec<TenantFacts>,
    nobody: TenantFacts,
    no_key: KeyFacts,
    tickets: Vec<AtomicU64>,
    /// whether any rule caches
    pub(crate) caches: bool,
    /// whether some model's requests differ by who asks
    pub(crate) computes: bool,
    /// requests that may have more tokens than this are counted before they are decided on: a
    /// condition compares their tokens with more, or a model may be too small for them; None: nobody
    /// asks
    counts_above: Option<u64>,
    ranks_by_length: bool,
}

impl Live {
    /// Joins what was made for a policy. `None` when a model has no endpoint, which loading has
    /// made impossible.
    pub(crate) fn new(engine: Engine, clients: Clients, keys: Keys, metrics: Arc<Table>) -> Option<Self> {
        let policy = engine.policy();
        let targets = policy.models.iter().map(|model| target(model, policy, &clients)).collect::<Option<Vec<_>>>()?;
        let (mut rotations, mut ranks_by_length) = (0, false);
        for_each_choice(policy, &mut |strategy, ticket| {
            rotations = rotations.max(ticket as usize + 1);
            ranks_by_length |= strategy == Strategy::Cheapest;
        });
        let tenants = policy.tenants.iter().map(|tenant| TenantFacts {
            id: tenant.name.clone(),
            tier: tenant.tier.clone(),
            tags: owned(&tenant.tags),
            keys: tenant.keys.iter().map(|key| KeyFacts { id: key.env.clone(), tags: owned(&key.tags) }).collect(),
        });
        let names = (0_u32..).map(ModelId).zip(&policy.models);
        let names =
            names.flat_map(|(id, model)| model.names(policy, &model.name).into_iter().map(move |name| (name, id)));
        let names = names.collect();
        let nobody = TenantFacts { id: "default".to_owned(), ..TenantFacts::default() };
        let tenants = tenants.collect();
        let (caches, computes) = (caches(policy), targets.iter().any(|target| target.chain.is_none()));
        let smallest = policy.models.iter().filter_map(Model::fitting_context).min();
        let compared = engine.program().reads().tokens_from.map(|least| u64::try_from(least - 1).unwrap_or(0));
        let counts_above = smallest.into_iter().chain(compared).min();
        let digest_header = HeaderValue::from_str(&policy.digest).ok()?;
        let tickets = std::iter::repeat_with(|| AtomicU64::new(0)).take(rotations).collect();
        Some(Self {
            engine,
            clients,
            keys,
            metrics,
            digest_header,
            targets,
            names,
            tenants,
            nobody,
            no_key: KeyFacts::default(),
            tickets,
            caches,
            computes,
            counts_above,
            ranks_by_length,
        })
    }

    /// The policy.
    pub(crate) fn policy(&self) -> &Policy {
        self.engine.policy()
    }

    /// What to tell a client that named a model of its own and is served by the rules' choice instead. `decision`
    /// is the one that chose `model`. What the caller may not use is as unknown to it as any other word.
    pub(crate) fn named_in_vain(
        &self,
        asked: &str,
        caller: Caller,
        model: ModelId,
        decision: Option<(RouteId, u32)>,
    ) -> Option<String> {
        let named = *self.names.get(asked.strip_suffix("[1m]").unwrap_or(asked))?;
        let policy = self.policy();
        if named == model || !policy.may_use(caller.tenant, named) {
            return None;
        }
        let (route, number) = decision?;
        let rule = policy.routes.get(route.index())?.rules.get(number as usize).filter(|rule| !rule.explicit)?;
        let name = asked.chars().take(SHOWN_CHARACTERS).collect::<String>();
        let why = match policy.may_name(caller.tenant, named) {
            true => format!("rule `{}` stands before explicit choice", rule.name),
            false => "the policy does not allow that (`explicit`)".to_owned(),
        };
        Some(format!("`{name}` was not chosen although it is named: {why}"))
    }

    /// Whether a decision on this request may have to count its tokens.
    pub(crate) fn may_count(&self, request: &Request) -> bool {
        self.counts_above.is_some_and(|most| tokens::bound(request) > most)
    }

    /// A request as a model's provider is to read it.
    ///
    /// # Errors
    /// As [`protocol::encode`].
    pub(crate) fn encode(
        &self,
        model: ModelId,
        target: &protocol::Target<'_>,
        request: &Request,
        facts: &dyn Facts,
    ) -> Result<Outgoing, EncodeError> {
        // Only a transform of the policy's own can ask how the model fares.
        let asks = target.transforms.iter().any(|transform| matches!(transform, Transform::User(_)));
        let world = if asks { self.world(Instant::now()) } else { World::default() };
        let state = world.models.get(model.index()).unwrap_or(&ModelState::FRESH);
        encode_as(&self.engine, model, target, request, (facts, state))
    }

    /// The policy's digest.
    pub(crate) fn digest(&self) -> &str {
        &self.policy().digest
    }

    /// A model as the gateway asks it.
    pub(crate) fn target(&self, model: ModelId) -> Option<&Target> {
        self.targets.get(model.index())
    }

    /// All models, in the policy's order.
    pub(crate) fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// `tenant.*` and `key.*` of a caller.
    pub(crate) fn tenant(&self, caller: Caller) -> (&TenantFacts, &KeyFacts) {
        let tenant = caller.tenant.and_then(|id| self.tenants.get(id.index()));
        let tenant = tenant.unwrap_or(&self.nobody);
        (tenant, tenant.keys.get(caller.key).unwrap_or(&self.no_key))
    }

    /// The next ticket of a rotation, taken.
    pub(crate) fn take_ticket(&self, rotation: u32) -> u64 {
        self.tickets.get(rotation as usize).map_or(0, |ticket| ticket.fetch_add(1, Ordering::Relaxed))
    }

    /// The next ticket of a rotation, only looked at.
    pub(crate) fn see_ticket(&self, rotation: u32) -> u64 {
        self.tickets.get(rotation as usize).map_or(0, |ticket| ticket.load(Ordering::Relaxed))
    }

    /// The state of all models now. Empty, and not allocated, when nothing is worth saying.
    pub(crate) fn world(&self, now: Instant) -> World {
        let mut world = World::default();
        for (number, target) in self.targets.iter().enumerate() {
            let cooling_ms = target.link.cooling_ms(now);
            let mean_output_tokens = if self.ranks_by_length { target.link.mean_output_tokens() } else { None };
            if cooling_ms == 0 && mean_output_tokens.is_none() {
                continue;
            }
            if world.models.is_empty() {
                world = World::fresh(self.targets.len());
            }
            if let Some(state) = world.models.get_mut(number) {
                *state = ModelState { cooling_ms, mean_output_tokens, ..ModelState::default() };
            }
        }
        world
    }
}

/// What a provider speaks; None: whatever the client speaks.
fn speaks(provider: &Provider) -> Option<Wire> {
    let kind = match provider.kind {
        ProviderKind::Mock => provider.mock.wire,
        kind => Some(kind),
    };
    kind.and_then(|kind| match kind {
        ProviderKind::Anthropic => Some(Wire::Anthropic),
        ProviderKind::OpenAi => Some(Wire::Chat),
        ProviderKind::Responses => Some(Wire::Responses),
        ProviderKind::Gemini => Some(Wire::Gemini),
        ProviderKind::Mock => None,
    })
}

/// What would become of a request if it were sent to a model: the very translation that sending
/// begins with, its result thrown away.
pub(crate) fn write_for(engine: &Engine, model: ModelId, request: &Request, facts: &dyn Facts) -> Written {
    match encode_for(engine, model, request, facts) {
        None => Written::default(),
        Some(written) => match written {
            Ok(outgoing) => {
                let changes = outgoing.changes.iter().map(ToString::to_string).collect();
                Written::Whole { warnings: outgoing.warnings, changes }
            }
            Err(EncodeError::Unsupported(what)) => Written::Skipped(what),
            Err(EncodeError::BadRequest(wrong)) => Written::Refused(wrong.message),
        },
    }
}

/// The request in the words of a model's provider, the model healthy and idle; None: no such model.
pub(super) fn encode_for(
    engine: &Engine,
    id: ModelId,
    request: &Request,
    facts: &dyn Facts,
) -> Option<Result<Outgoing, EncodeError>> {
    let policy = engine.policy();
    let model = policy.models.get(id.index())?;
    let target = protocol::Target {
        wire: wire_for(policy, model, request.protocol()),
        model: &model.upstream,
        context: model.context,
        output_limit: model.output,
        can: &model.can,
        stream: model.stream,
        transforms: &model.transforms,
    };
    Some(encode_as(engine, id, &target, request, (facts, &ModelState::FRESH)))
}

fn encode_as(
    engine: &Engine,
    model: ModelId,
    target: &protocol::Target<'_>,
    request: &Request,
    (facts, state): (&dyn Facts, &ModelState),
) -> Result<Outgoing, EncodeError> {
    match engine.facts_of(model, facts, state) {
        Some(view) => protocol::encode(request, target, &view),
        None => protocol::encode(request, target, facts),
    }
}

/// What to speak with a model for a client of this protocol.
pub(super) fn wire_for(policy: &Policy, model: &Model, client: Protocol) -> Wire {
    policy.providers.get(model.provider.index()).and_then(speaks).unwrap_or_else(|| Wire::native(client))
}

fn owned(tags: &[String]) -> Vec<Cow<'static, str>> {
    tags.iter().map(|tag| Cow::Owned(tag.clone())).collect()
}

fn target(model: &Model, policy: &Policy, clients: &Clients) -> Option<Target> {
    let provider = policy.providers.get(model.provider.index())?;
    let endpoint = Arc::clone(clients.endpoint(model.provider)?);
    let wire = speaks(provider);
    Some(Target {
        name: Arc::from(model.name.as_str()),
        name_header: HeaderValue::from_str(&model.name).ok()?,
        provider: provider.name.clone(),
        provider_header: HeaderValue::from_str(&provider.name).ok()?,
        upstream: model.upstream.clone(),
        wire,
        context: model.context,
        output: model.output,
        can: model.can.clone(),
        stream: model.stream,
        transforms: model.transforms.clone(),
        chain: chain(model, provider, wire),
        price: model.price,
        link: endpoint.model(&model.upstream),
        endpoint,
    })
}

/// See [`Target::chain`].
fn chain(model: &Model, provider: &Provider, wire: Option<Wire>) -> Option<ChainHash> {
    let computes = model.transforms.iter().any(Transform::computes);
    // Written out, every field counts, also those that transforms will have some day.
    let limits = (model.context, model.output, &model.can, model.stream);
    let described = || format!("{wire:?} {limits:?} {:?} {:?}", model.transforms, provider.headers);
    (!computes).then(|| ChainHash::of(described().as_bytes()))
}

fn caches(policy: &Policy) -> bool {
    let on = |options: &Options| options.cache.is_some_and(|cache| !cache.ttl.is_zero());
    on(&policy.defaults)
        || policy.routes.iter().any(|route| on(&route.options) || route.rules.iter().any(|rule| on(&rule.options)))
}

fn for_each_choice(policy: &Policy, visit: &mut dyn FnMut(Strategy, u32)) {
    fn one(attempt: &Attempt, visit: &mut dyn FnMut(Strategy, u32)) {
        match &attempt.kind {
            AttemptKind::Choice { strategy, ticket, .. } => visit(*strategy, *ticket),
            AttemptKind::Split { arms, .. } => arms.iter().for_each(|arm| one(&arm.attempt, visit)),
            _ => {}
        }
    }
    for rule in policy.routes.iter().flat_map(|route| &route.rules) {
        rule.attempts.iter().for_each(|attempt| one(attempt, visit));
    }
}
