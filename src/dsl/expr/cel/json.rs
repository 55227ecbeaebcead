//! Values of the crate as JSON text.

use cel_interpreter::Value;
use cel_interpreter::objects::Key;

/// The JSON text of a value; members in the order of their names, so that the same value is always
/// the same text.
pub(super) fn text(value: &Value) -> Result<String, String> {
    let mut out = String::new();
    push(&mut out, value)?;
    Ok(out)
}

/// Recursion is bounded by the height of the expression that made the value.
fn push(out: &mut String, value: &Value) -> Result<(), String> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::UInt(number) => out.push_str(&number.to_string()),
        Value::Float(number) if number.is_finite() => out.push_str(&number.to_string()),
        Value::String(text) => push_string(out, text),
        Value::List(items) => {
            out.push('[');
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    out.push(',');
                }
                push(out, item)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            let mut members: Vec<(String, &Value)> = map.map.iter().map(|(key, value)| (name(key), value)).collect();
            members.sort_by(|(a, _), (b, _)| a.cmp(b));
            out.push('{');
            for (number, (key, value)) in members.iter().enumerate() {
                if number > 0 {
                    out.push(',');
                }
                push_string(out, key);
                out.push(':');
                push(out, value)?;
            }
            out.push('}');
        }
        other => return Err(format!("JSON has no value for a {}", other.type_of())),
    }
    Ok(())
}

fn name(key: &Key) -> String {
    match key {
        Key::String(text) => text.to_string(),
        Key::Int(number) => number.to_string(),
        Key::Uint(number) => number.to_string(),
        Key::Bool(truth) => truth.to_string(),
    }
}

fn push_string(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}
