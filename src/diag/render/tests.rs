//! A snapshot of each format.

use super::{concise, human, json};
use crate::diag::{Code, Diagnostic, Edit, Sources, Span};

fn example() -> (Vec<Diagnostic>, Sources) {
    let mut sources = Sources::default();
    let text = "route main {\n  rule code when reqest.text.contains(\"代码\") -> coder\n  default -> 小 coder\n}\n";
    let id = sources.add("policies/main.policy", text);
    let at = |word: &str| {
        let start = text.find(word).unwrap();
        Span::new(id, start, start + word.len())
    };
    let findings = vec![
        Diagnostic::new(Code::P0001, at("reqest"), "no variable `reqest`")
            .label("not known here")
            .help("`request` has a similar name")
            .fix("write `request`", false, vec![Edit { span: at("reqest"), text: "request".to_owned() }]),
        Diagnostic::new(Code::P0708, at("小"), "`小` is not a name").also(at("route"), "in this route").note("a note"),
        Diagnostic::without_place(Code::P0001, "there is no route `main`"),
        Diagnostic::new(Code::P0001, Span::new(id, text.len(), text.len() + 90), "the text ends here"),
    ];
    (findings, sources)
}

#[test]
fn for_people() {
    let (findings, sources) = example();
    insta::assert_snapshot!(human(&findings, &sources, false));
    assert!(human(&findings, &sources, true).contains("\u{1b}["));
}

#[test]
fn one_line_each() {
    let (findings, sources) = example();
    insta::assert_snapshot!(concise(&findings, &sources));
}

#[test]
fn for_machines() {
    let (findings, sources) = example();
    insta::assert_snapshot!(json(&findings, &sources));
}

#[test]
fn a_place_inside_a_character_is_drawn_around_it() {
    let mut sources = Sources::default();
    let id = sources.add("x.policy", "a，b");
    let finding = Diagnostic::new(Code::P0001, Span::new(id, 2, 3), "inside");
    assert!(human(&[finding], &sources, false).contains("1 | a，b"));
}
