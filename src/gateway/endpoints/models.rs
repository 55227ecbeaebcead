//! `GET /v1/models` and `/v1beta/models`: what this key can name, by the policy's names, in the caller's protocol.
//! Where it can name nothing, because the rules decide whatever is named, it is what may answer.

use axum::body::Body;
use axum::extract::Extension;
use http::{Request, Response, StatusCode};

use super::{json, refuse_as};
use crate::dsl::expr::typed::{BinaryOp, Expr, Kind, Literal};
use crate::dsl::policy::{AttemptKind, Capability, Model, ModelId, Policy};
use crate::facts::Var;
use crate::gateway::front::spoken;
use crate::gateway::live::Target;
use crate::gateway::phases::accept::Entry;
use crate::gateway::rejection::GatewayError;
use crate::protocol::Protocol;
use crate::protocol::models::{ModelCard, Page, render};

/// The most that may be asked for at once, Anthropic's own limit and Google's.
const MAX_LIMIT: usize = 1_000;

pub(super) async fn models(Extension(entry): Extension<Entry>, request: Request<Body>) -> Response<Body> {
    let protocol = spoken(request.uri(), request.headers());
    let cards = cards(&entry, protocol);
    let query = request.uri().query().unwrap_or_default();
    let page = match protocol {
        Protocol::Anthropic => page(query),
        Protocol::Gemini => google_page(query),
        _ => Ok(Page::default()),
    };
    let unknown = |id: &str| format!("there is no model `{}` to begin at", super::shown(id));
    match page.and_then(|page| page.of(&cards).map_err(unknown)) {
        Ok((shown, has_more)) => json(&entry, StatusCode::OK, render(protocol, shown, has_more)),
        Err(wrong) => refuse_as(&entry, protocol, &GatewayError::BadRequest(wrong)),
    }
}

/// The query's names and values.
fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter_map(|pair| pair.split_once('='))
}

/// What the query asks for; without `limit` it is all of them. A policy's names hold nothing that a URL escapes.
fn page(query: &str) -> Result<Page<'_>, String> {
    let mut page = Page::default();
    for (name, value) in pairs(query) {
        match name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                page.limit = Some(limit.ok_or_else(|| format!("`limit` is a whole number from 1 to {MAX_LIMIT}"))?);
            }
            "after_id" => page.after = Some(value),
            "before_id" => page.before = Some(value),
            _ => {}
        }
    }
    Ok(page)
}

/// The same in Google's words: no size, or 0, is all of them, and what is too large is cut.
fn google_page(query: &str) -> Result<Page<'_>, String> {
    let mut page = Page::default();
    for (name, value) in pairs(query) {
        match name {
            "pageSize" | "page_size" => {
                let size: usize = value.parse().map_err(|_| "`pageSize` is a whole number, 0 or more".to_owned())?;
                page.limit = Some(size.min(MAX_LIMIT)).filter(|size| *size > 0);
            }
            "pageToken" | "page_token" => page.after = Some(value).filter(|token| !token.is_empty()),
            _ => {}
        }
    }
    Ok(page)
}

/// The models that this key can name; in the protocols that have no embeddings here, without those that
/// are only for embeddings.
pub(super) fn cards(entry: &Entry, protocol: Protocol) -> Vec<ModelCard> {
    let (policy, tenant) = (entry.live.policy(), entry.caller.tenant);
    let created_unix = u64::try_from(entry.app.begun_at.timestamp()).unwrap_or(0);
    let talks = matches!(protocol, Protocol::Anthropic | Protocol::Gemini);
    let all = || (0_u32..).map(ModelId).zip(&policy.models).zip(entry.live.targets());
    let names_any = all().any(|((id, _), _)| policy.may_name(tenant, id));
    let is_listed = |id: ModelId, model: &Model| {
        let is_known = if names_any { policy.may_name(tenant, id) } else { policy.may_use(tenant, id) };
        is_known && !(talks && only_embeds(policy, id, model))
    };
    let card = |(model, target): (&Model, &Target)| ModelCard {
        id: target.name.to_string(),
        owner: target.provider.clone(),
        created_unix,
        context: model.context,
        output: target.output,
    };
    all().filter(|((id, model), _)| is_listed(*id, model)).map(|((_, model), target)| card((model, target))).collect()
}

/// Whether a model is for embeddings only: no rule leads anything else to it, or it is called so and can do
/// nothing that a conversation needs.
fn only_embeds(policy: &Policy, id: ModelId, model: &Model) -> bool {
    let is_called_so = model.can.iter().all(|can| *can == Capability::Vision) && model.upstream.contains("embed");
    let rules = || policy.routes.iter().flat_map(|route| route.written());
    let mut leading =
        rules().filter(|(_, rule)| rule.attempts.iter().any(|attempt| leads_to(policy, &attempt.kind, id))).peekable();
    let has_rule = leading.peek().is_some();
    is_called_so || has_rule && leading.all(|(_, rule)| rule.condition.as_ref().is_some_and(asks_for_embeddings))
}

fn leads_to(policy: &Policy, attempt: &AttemptKind, id: ModelId) -> bool {
    match attempt {
        AttemptKind::Model(other) => *other == id,
        AttemptKind::Pool(pool) => policy.pools.get(pool.index()).is_some_and(|pool| pool.models.contains(&id)),
        AttemptKind::Choice { set, .. } => set.contains(&id),
        AttemptKind::Split { arms, .. } => arms.iter().any(|arm| leads_to(policy, &arm.attempt.kind, id)),
        AttemptKind::Route(_) | AttemptKind::Reject { .. } => false,
    }
}

/// Whether nothing but a request for embeddings meets a condition, as far as it says so itself.
fn asks_for_embeddings(condition: &Expr) -> bool {
    let is_protocol = |expr: &Expr| matches!(expr.kind, Kind::Var(Var::RequestProtocol));
    let is_word = |expr: &Expr| matches!(&expr.kind, Kind::Literal(Literal::String(word)) if word == "embeddings");
    match &condition.kind {
        Kind::And(parts) => parts.iter().any(asks_for_embeddings),
        Kind::Binary(BinaryOp::Eq, left, right) => {
            is_protocol(left) && is_word(right) || is_word(left) && is_protocol(right)
        }
        _ => false,
    }
}
