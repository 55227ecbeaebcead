//! JSON text with line feeds and indents, its members in their own order. Long texts are cut:
//! nobody reads a picture in base64.

use std::fmt::Write as _;

/// Longest text of a body that is shown whole, in characters.
const MAX_TEXT_CHARACTERS: usize = 400;

/// The text, two blanks a level; what is no JSON comes out as well as it can. `all`: no text is cut.
pub(super) fn pretty(json: &str, indent: usize, all: bool) -> String {
    let most = if all { usize::MAX } else { MAX_TEXT_CHARACTERS };
    let mut out = String::with_capacity(json.len().saturating_mul(2));
    let mut depth = indent;
    let mut rest = json.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '"' => text(&mut out, &mut rest, most),
            '{' | '[' => {
                out.push(character);
                while rest.next_if(|next| next.is_whitespace()).is_some() {}
                if let Some(close) = rest.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth = depth.saturating_add(1);
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(',');
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            blank if blank.is_whitespace() => {}
            other => out.push(other),
        }
    }
    out
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
}

/// A text up to its closing quote, at most so many characters of it.
fn text(out: &mut String, rest: &mut impl Iterator<Item = char>, most: usize) {
    out.push('"');
    let mut count = 0_usize;
    let mut is_escaped = false;
    for character in rest {
        let ends = character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        if ends {
            break;
        }
        count = count.saturating_add(1);
        if count <= most {
            out.push(character);
        }
    }
    if count > most {
        let _ = write!(out, "… {} more characters, --all shows them", count.saturating_sub(most));
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn members_keep_their_order_and_texts_their_characters() {
        let check = |json: &str, expected: &str| assert_eq!(pretty(json, 0, false), expected, "{json}");
        check("{}", "{}");
        check("[ ]", "[]");
        check(r#"{"b":1,"a":[true,null]}"#, "{\n  \"b\": 1,\n  \"a\": [\n    true,\n    null\n  ]\n}");
        check(r#"["{,:}\"\\","x"]"#, "[\n  \"{,:}\\\"\\\\\",\n  \"x\"\n]");
        check("{ \"a\" : 1.5e3 }", "{\n  \"a\": 1.5e3\n}");
        let long = format!("\"{}\"", "界".repeat(500));
        let cut = format!("\"{}… 100 more characters, --all shows them\"", "界".repeat(400));
        assert_eq!(pretty(&long, 0, false), cut);
        assert_eq!(pretty(&long, 0, true), long);
    }
}
