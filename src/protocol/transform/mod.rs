//! What a policy's `transform` changes in the canonical forms: in the request before it is written
//! ([`exchange`]), in the events of the answer before they are ([`stages`]). It reads no wire format and
//! writes none; [`body`] changes members of what was written.

pub(crate) mod body;
mod emulate;
mod emulated;
pub(crate) mod exchange;
mod exit_tool;
mod marker;
pub(crate) mod repair;
pub(crate) mod schema_clean;
pub(crate) mod stages;
mod think_tag;
mod tool_repair;
mod trim_history;

use super::content;
use super::encode::{Back, Target};
use super::request::Request;
use super::tokens;
use crate::dsl::policy::Capability;
use crate::dsl::transform::Transform;
use stages::StageKind;

impl Target<'_> {
    /// Whether tools are put into words for it. A model that has tools needs no such thing.
    pub(crate) fn emulates_tools(&self) -> bool {
        !self.can.contains(&Capability::Tools) && self.has(|transform| matches!(transform, Transform::EmulateTools))
    }

    /// Whether its chain has one of these.
    pub(crate) fn has(&self, wanted: fn(&Transform) -> bool) -> bool {
        self.transforms.iter().any(wanted)
    }
}

/// Whether a request in a model's own protocol has to be read for its chain: whether something that
/// works on the canonical form may have something to do.
pub(crate) fn concerns(request: &Request, target: &Target<'_>) -> bool {
    target.transforms.iter().any(|transform| match transform {
        Transform::SystemAsUser => true,
        Transform::ToolUse => has_tools(request),
        Transform::SchemaClean(_) => has_tools(request) || super::asks::Asks::of(request).json_schema,
        Transform::EmulateTools => target.emulates_tools(),
        Transform::TrimHistory(limit) => {
            trim_history::room(target, *limit, request.max_tokens()).is_some_and(|room| tokens::bound(request) > room)
        }
        _ => false,
    })
}

/// Whether a transform says what a body has, whatever the body asks for: those serve embeddings too.
pub(crate) fn is_free(transform: &Transform) -> bool {
    matches!(transform, Transform::Params(_) | Transform::Headers(_) | Transform::User(_))
}

/// Whether a client has tools of its own.
pub(crate) fn has_tools(request: &Request) -> bool {
    content::tool_kinds(request).any(|tool| !tool.server)
}

/// Notes what is looked for in the answer whatever was changed in the request.
pub(crate) fn watch(target: &Target<'_>, has_tools: bool, back: &mut Back) {
    if target.has(|transform| matches!(transform, Transform::ThinkTag)) {
        back.stages.push(StageKind::ThinkTag);
    }
    if has_tools && target.has(|transform| matches!(transform, Transform::ToolRepair)) {
        back.stages.push(StageKind::ToolRepair);
    }
    back.stages.sort();
}
