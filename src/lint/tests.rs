//! Comments that allow.

use super::check;
use crate::diag::Sources;

const BASE: &str = "provider p { kind: mock }\nmodel m on p {}\nroute main { default -> m }\n";

#[track_caller]
fn finds(text: &str, codes: &[&str]) {
    let mut sources = Sources::default();
    sources.add("x.policy", format!("{BASE}{text}"));
    let found: Vec<_> = check(&sources).diagnostics.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(found, codes, "{text}");
}

#[test]
fn comments_allow_warnings_with_a_reason() {
    let with = |comment: &str| format!("{comment}\nmodel unused on p {{}}\n");
    finds(&with("// ccr: allow P0108 because it is for tests"), &[]);
    finds(&with("// ccr: allow P0108"), &["P0906", "P0108"]);
    finds(&with("// ccr: allow P9999 because x"), &["P0906", "P0108"]);
    finds(&with("// ccr: allow P0107 because x"), &["P0906", "P0108"]);
    // Neither an error nor P0708 can be allowed.
    finds("// ccr: allow P0708 because x\nalert a {}\n", &["P0906", "P0708"]);
}
