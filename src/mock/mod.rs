//! The built-in fake upstream: a real loopback listener that speaks the four wire formats (Anthropic
//! Messages, OpenAI Chat Completions, OpenAI Responses, Gemini `generateContent`) and behaves as well
//! or as badly as its knobs say.
//!
//! Paths: `/{name}/v1/messages`, `/{name}/v1/messages/count_tokens`, `/{name}/v1/chat/completions`,
//! `/{name}/v1/embeddings`, `/{name}/v1/responses`, `/{name}/v1/responses/input_tokens`,
//! `/{name}/v1beta/models/{model}:generateContent` (`:streamGenerateContent`, `:countTokens`),
//! `/{name}/v1/models`, with or without the version, and the same without a name. An unknown name is
//! a 404.
//!
//! What it answers depends on the request and the knobs alone:
//! - by default the text says which model was asked what, and how many images came along;
//! - tools: `call NAME` in the last user message calls that tool, `call A and B` both in parallel;
//!   a choice that forces a call is obeyed; after tool results it answers with text;
//! - thinking asked for: a thinking block, `reasoning_content`, a reasoning item, a thought;
//! - a JSON schema asked for: a value that fits it;
//! - usage: a token for each 4 bytes; half of the input counts as read from a cache when the
//!   request has `cache_control` (Anthropic) or 1024 tokens (the others).
//!
//! Knobs ([`Knobs`]) come by provider, by request header (`x-mock-cut: 5`) or behind the model's
//! name (`small+cut=5+latency=20ms`), the later ones winning.
//!
//! It knows each vendor's documented shape, apart from the gateway's own codecs, and refuses with the
//! vendor's status, words and error shape what the vendor refuses: unknown members, wrong kinds,
//! orphan tool results, unanswered calls, schemas and names that are not taken, thinking whose proof
//! is not its own ([`seal`]), … It never leaves the machine, needs no key and keeps nothing but, if
//! asked to, the last requests.

mod answer;
mod anthropic;
mod ask;
mod base64;
mod chat;
mod embeddings;
mod gemini;
mod knobs;
mod listen;
mod openai;
mod plan;
mod play;
mod responses;
mod route;
mod sample;
mod script;
mod seal;
mod shape;
mod stats;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use crate::mock::knobs::{KnobError, Knobs};
pub use crate::mock::listen::MockError;
pub use crate::mock::stats::{Counts, Recorded};

use crate::mock::answer::Upstream;

/// A fake upstream that runs. When it is dropped it stops.
#[derive(Debug)]
pub struct Mock {
    /// where it listens
    pub addr: SocketAddr,
    upstream: Arc<Upstream>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Starts a fake upstream on a loopback address (port 0: any), with a provider for each
/// (path prefix, knobs). A prefix has no slashes; the empty one is for requests without a prefix,
/// which behave well when it is not given.
///
/// # Errors
/// When the address is not loopback or cannot be had.
pub async fn spawn(addr: SocketAddr, providers: Vec<(String, Knobs)>) -> Result<Mock, MockError> {
    let upstream = Arc::new(Upstream { providers: ArcSwap::default(), stats: Arc::default() });
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let addr = listen::listen(addr, Arc::clone(&upstream), stop.clone(), &tasks).await?;
    let mock = Mock { addr, upstream, stop, tasks };
    mock.replace(providers);
    Ok(mock)
}

impl Mock {
    /// Sets providers and knobs anew; requests under way keep theirs.
    pub fn replace(&self, providers: Vec<(String, Knobs)>) {
        let mut providers: Vec<_> = providers.into_iter().map(|(name, knobs)| (name, Arc::new(knobs))).collect();
        if !providers.iter().any(|(name, _)| name.is_empty()) {
            providers.push((String::new(), Arc::default()));
        }
        self.upstream.providers.store(Arc::new(providers));
    }

    /// How many requests it has seen, and how their streams ended.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.upstream.stats.counts()
    }

    /// The last 64 requests of providers with the knob `record`, oldest first.
    #[must_use]
    pub fn recorded(&self) -> Vec<Recorded> {
        self.upstream.stats.recorded()
    }

    /// Stops listening, cuts all connections and waits for their end.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
