//! Policies as a whole: what is accepted, and what is said about what is not.

#![allow(clippy::unwrap_used, reason = "test helpers")]

use std::path::{Path, PathBuf};

use ccr_policy::diag::Sources;
use ccr_policy::dsl;

fn corpus(folder: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "policy"));
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn good_policies_load() {
    for path in corpus("good") {
        let mut sources = Sources::default();
        sources.add("x.policy", std::fs::read_to_string(&path).unwrap());
        let loaded = dsl::load(&sources);
        for d in &loaded.diagnostics {
            println!(
                "{} {} {:?} help {:?}",
                d.code.as_str(),
                d.message,
                d.primary.as_ref().map(|l| sources.slice(l.span)),
                d.help
            );
        }
        assert!(loaded.policy.is_some(), "{}", path.display());
    }
}
