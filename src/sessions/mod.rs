//! What is remembered of each conversation: how many requests, and the last answer's size and
//! model. No text, and nothing beyond an hour of silence.
//!
//! Bounded; when it is full the conversations that are used least go first. It is memory of this
//! process alone: after a restart every conversation is new.

use std::sync::Arc;

use moka::ops::compute::Op;
use moka::sync::Cache;

use crate::bounds::{MAX_SESSIONS, SESSION_IDLE};

/// What is remembered of a conversation. The default is a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// requests that were seen
    pub turns: u64,
    /// input tokens of the last answered request
    pub last_tokens: u64,
    /// the model that answered last; empty before the first answer
    pub last_model: Arc<str>,
}

/// The conversations of all tenants.
#[derive(Debug)]
pub struct Sessions {
    by_id: Cache<Id, Session>,
}

/// A hash of tenant and session id: clients choose the ids, which may be long.
type Id = [u8; 16];

fn id(tenant: &str, session: &str) -> Id {
    let mut hasher = blake3::Hasher::new();
    // The length keeps ("a", "bc") and ("ab", "c") apart.
    hasher.update(&(tenant.len() as u64).to_le_bytes());
    hasher.update(tenant.as_bytes());
    hasher.update(session.as_bytes());
    let mut id = Id::default();
    hasher.finalize_xof().fill(&mut id);
    id
}

impl Default for Sessions {
    fn default() -> Self {
        Self::with_capacity(MAX_SESSIONS)
    }
}

impl Sessions {
    /// Room for [`MAX_SESSIONS`] conversations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with_capacity(most: u64) -> Self {
        Self { by_id: Cache::builder().max_capacity(most).time_to_idle(SESSION_IDLE).build() }
    }

    /// What is remembered, and nothing is changed: for a dry run.
    #[must_use]
    pub fn get(&self, tenant: &str, session: &str) -> Session {
        if session.is_empty() { Session::default() } else { self.by_id.get(&id(tenant, session)).unwrap_or_default() }
    }

    /// What is remembered as a request comes, which itself counts as a turn from then on. An empty
    /// session id is no conversation.
    #[must_use]
    pub fn enter(&self, tenant: &str, session: &str) -> Session {
        if session.is_empty() {
            return Session::default();
        }
        let mut before = Session::default();
        self.update(id(tenant, session), |session| {
            before = session.clone();
            session.turns += 1;
        });
        before
    }

    /// A request of the conversation was answered.
    pub fn answered(&self, tenant: &str, session: &str, input_tokens: u64, model: &Arc<str>) {
        if !session.is_empty() {
            self.update(id(tenant, session), |session| {
                session.last_tokens = input_tokens;
                session.last_model = Arc::clone(model);
            });
        }
    }

    fn update(&self, id: Id, change: impl FnOnce(&mut Session)) {
        self.by_id.entry(id).and_compute_with(|entry| {
            let mut session = entry.map(moka::Entry::into_value).unwrap_or_default();
            change(&mut session);
            Op::Put(session)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_turns_and_the_last_answer() {
        let sessions = Sessions::new();
        assert_eq!(sessions.enter("acme", "s"), Session::default());
        sessions.answered("acme", "s", 900, &"small".into());
        let expected = Session { turns: 1, last_tokens: 900, last_model: "small".into() };
        assert_eq!(sessions.get("acme", "s"), expected);
        assert_eq!(sessions.enter("acme", "s"), expected);
        assert_eq!(sessions.get("acme", "s").turns, 2);
    }

    #[test]
    fn tenants_do_not_share_a_conversation() {
        let sessions = Sessions::new();
        let _ = sessions.enter("acme", "s");
        for (tenant, session) in [("other", "s"), ("acme", "t"), ("acm", "es"), ("", "acmes")] {
            assert_eq!(sessions.get(tenant, session), Session::default(), "{tenant} {session}");
        }
    }

    #[test]
    fn no_id_is_no_conversation() {
        let sessions = Sessions::new();
        let _ = sessions.enter("acme", "");
        sessions.answered("acme", "", 900, &"small".into());
        assert_eq!(sessions.enter("acme", ""), Session::default());
    }

    #[test]
    fn stays_bounded() {
        let sessions = Sessions::with_capacity(10);
        for number in 0..1_000 {
            let _ = sessions.enter("acme", &number.to_string());
        }
        sessions.by_id.run_pending_tasks();
        assert!((1..=10).contains(&sessions.by_id.entry_count()), "{}", sessions.by_id.entry_count());
    }

    #[test]
    fn concurrent_turns_are_all_counted() {
        let sessions = Sessions::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|_| drop(sessions.enter("acme", "s"))));
            }
        });
        assert_eq!(sessions.get("acme", "s").turns, 400);
    }
}
