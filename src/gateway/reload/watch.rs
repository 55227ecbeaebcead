//! Notices that policy files changed: their directory is watched. When the policy is given as a
//! symbolic link, the directory that holds the link is watched too, because the link may be made to
//! point elsewhere; otherwise it is left alone, for it may be a busy one (`/tmp`, `/var/log`).

use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// A watch over one policy. It ends when it is dropped.
pub(super) struct Watch {
    directory: PathBuf,
    above: Option<PathBuf>,
    watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Calls `changed` whenever something happens to the policy at `path`. When the system cannot
    /// watch, it says so in the log: reloads then have to be asked for.
    pub(super) fn start(path: &Path, changed: impl Fn() + Send + 'static) -> Self {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let up = |path: &Path| path.parent().map(Path::to_owned);
        let above = if absolute.is_symlink() { up(&absolute) } else { None };
        let directory = if absolute.is_file() { up(&absolute).unwrap_or(absolute) } else { absolute };
        let inside = directory.clone();
        let handler = move |event: notify::Result<notify::Event>| match event {
            Ok(event) if matters(&event, &inside) => changed(),
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

    /// Watches again what may have been replaced. Returns whether all of it is there.
    pub(super) fn renew(&mut self) -> bool {
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

/// Reading makes events too, and the directory that holds a link may be a busy one.
fn matters(event: &notify::Event, directory: &Path) -> bool {
    let change = match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    };
    change
        && (event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(|path| path.starts_with(directory)))
}
