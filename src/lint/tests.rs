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

#[test]
fn a_comment_speaks_of_all_lines_of_a_statement() {
    use super::allow::lines_below;
    let below = |text: &str| lines_below(text);
    assert_eq!(below("\nmodel m on p {\n  context: 1k\n}"), 1..=1);
    assert_eq!(below("\n  rule a when b\n    || c\n    -> m\n  rule d when e -> m"), 1..=3);
    assert_eq!(below("\n  // why\n  given {\n    text: 1\n  } -> m\n  given {} -> m"), 2..=4);
    assert_eq!(below("\n  rule a when b -> m\n\n    -> m"), 1..=1);
    assert_eq!(below(""), 1..=1);
}
