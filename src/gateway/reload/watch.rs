//! Notices that policy files changed: their directory is watched. When the policy is given as a
//! symbolic link, the directory that holds the link is watched too, because the link may be made to
//! point elsewhere; otherwise it is left alone, for it may be a busy one (`/tmp`, `/var/log`).

use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// A watch over one policy. It ends when it is dropped.
pub(crate) struct Watch {
    directory: PathBuf,
    above: Option<PathBuf>,
    watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Calls `changed` whenever something happens to the policy at `path`. When the system cannot
    /// watch, it says so in the log: reloads then have to be asked for.
    pub(crate) fn start(path: &Path, changed: impl Fn() + Send + 'static) -> Self {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let up = |path: &Path| path.parent().map(Path::to_owned);
        let above = if absolute.is_symlink() { up(&absolute) } else { None };
        let directory = if absolute.is_file() { up(&absolute).unwrap_or(absolute) } else { absolute };
        let policy = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let handler = move |event: notify::Result<notify::Event>| match event {
            Ok(event) if matters(&event, &policy) => changed(),
            Ok(_) => {}
            // Events were lost: look.
            Err(_) => changed(),
        };
        let watcher = notify::recommended_watcher(handler)
            .inspect_err(|error| tracing::warn!(%error, "cannot watch the policy; send SIGHUP after a change"))
            .ok();
        let mut watch = Self { directory, above, watcher };
        watch.add();
        watch
    }

    /// Whether the system watches at all.
    pub(crate) fn works(&self) -> bool {
        self.watcher.is_some()
    }

    /// Watches again what may have been replaced. Returns whether all of it is there.
    pub(crate) fn renew(&mut self) -> bool {
        if let Some(watcher) = &mut self.watcher {
            // It is gone already when the directory is.
            let _gone = watcher.unwatch(&self.directory);
        }
        self.add()
    }

    fn add(&mut self) -> bool {
        let Some(watcher) = &mut self.watcher else { return true };
        let mut complete = true;
        for path in [Some(&self.directory), self.above.as_ref()].into_iter().flatten() {
            if let Err(error) = watcher.watch(path, RecursiveMode::NonRecursive) {
                tracing::debug!(%error, path = %path.display(), "cannot watch");
                complete = false;
            }
        }
        complete
    }
}

/// Reading makes events too, and others may write beside the policy: a log, an editor's own files.
fn matters(event: &notify::Event, policy: &Path) -> bool {
    let change = match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    };
    change && (event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(|path| concerns(path, policy)))
}

/// The policy's own place, a policy file in it, or a link that leads to some.
fn concerns(path: &Path, policy: &Path) -> bool {
    path == policy
        || (path.parent() == Some(policy)
            && (path.extension().is_some_and(|extension| extension == "policy") || path.is_symlink()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_policies_and_links_matter() {
        let root = tempfile::tempdir().unwrap();
        let policy = root.path().join("policy");
        std::fs::create_dir(&policy).unwrap();
        std::os::unix::fs::symlink("nowhere", policy.join("..data")).unwrap();
        for (path, does) in [
            (policy.clone(), true),
            (policy.join("a.policy"), true),
            (policy.join("..data"), true),
            (policy.join("a.policy~"), false),
            (policy.join("access.log"), false),
            (root.path().join("other.policy"), false),
        ] {
            assert_eq!(concerns(&path, &policy), does, "{}", path.display());
        }
    }
}
