//! Words: keywords and operators do not meet, and every keyword of the grammar is known.

const GRAMMAR: &str = include_str!("../../../grammar/policy.pest");

/// The words of the grammar that can follow an expression.
const FOLLOW: &[&str] =
    &["->", "then", "with", "require", "rule", "default", "when", "where", "by", "given", "state", "}", ",", "let"];

/// The tokens that continue a CEL expression.
const CONTINUE: &[&str] =
    &[".", "[", "(", "?", "*", "/", "%", "+", "-", "<", "<=", ">", ">=", "==", "!=", "in", "&&", "||"];

#[test]
fn what_follows_an_expression_never_continues_one() {
    for follow in FOLLOW {
        assert!(!CONTINUE.contains(follow), "{follow}");
        // `->` begins with an operator; the grammar's minus looks ahead.
        let starts = CONTINUE.iter().any(|token| follow.starts_with(token));
        assert!(!starts || *follow == "->" || follow.chars().all(char::is_alphabetic), "{follow}");
    }
    assert!(GRAMMAR.contains("sub = @{ \"-\" ~ !\">\" }"));
}

#[test]
fn the_lists_are_those_of_the_grammar() {
    let line = |name: &str| GRAMMAR.lines().find(|line| line.starts_with(name)).unwrap();
    let reserved = line("follow_word");
    for word in FOLLOW.iter().filter(|word| word.chars().all(char::is_alphabetic) && **word != "let") {
        assert!(reserved.contains(&format!("\"{word}\"")), "{word}");
    }
    let infix = line("infix");
    for (rule, token) in
        [("or", "||"), ("and", "&&"), ("le", "<="), ("ge", ">="), ("eq", "=="), ("ne", "!="), ("lt", "<"), ("gt", ">")]
    {
        assert!(infix.contains(&format!(" {rule} ")) && CONTINUE.contains(&token));
    }
}
