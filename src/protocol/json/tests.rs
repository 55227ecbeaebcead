use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::value::RawValue;

use super::*;

fn object(text: &str) -> Result<Vec<(String, String)>, JsonError> {
    let raw = Raw::parse(text.as_bytes())?;
    raw.members()
        .map(|member| {
            member.map(|(key, value)| (key.decode().into_owned(), String::from_utf8_lossy(value.bytes()).into_owned()))
        })
        .collect()
}

fn decoded(inner: &str) -> String {
    Text::from_escaped(inner.as_bytes()).decode().into_owned()
}

#[test]
fn members_are_found_without_looking_inside() {
    let found = object(r#" { "a" : {"x":[1,"}\"]"]} , "b":"q\\" ,"c":-1.5e+3,"d":null } "#).unwrap();
    let expected = [("a", r#"{"x":[1,"}\"]"]}"#), ("b", r#""q\\""#), ("c", "-1.5e+3"), ("d", "null")];
    assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
}

#[test]
fn what_is_wrong_is_said() {
    for (text, expected) in [
        ("", "the text ends where a value was expected at byte 0"),
        ("{\"a\":1", "a bracket is not closed at byte 6"),
        ("{\"a\" 1}", "`:` was expected at byte 5"),
        ("{\"a\":1,}", "a quoted key was expected at byte 7"),
        ("{\"a\":[1}}", "a bracket is closed by one of another kind at byte 7"),
        ("{\"a\":\"x}", "a string is not closed at byte 8"),
        ("{\"a\":01}", "`,` or a closing bracket was expected at byte 6"),
        ("{\"a\":tru}", "a value was expected at byte 5"),
        ("{} x", "something stands behind the value at byte 2"),
    ] {
        let error = object(text).unwrap_err();
        assert_eq!(error.to_string(), format!("not valid JSON: {expected}"), "{text}");
    }
}

#[test]
fn nesting_is_bounded() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(Raw::parse(deep(128).as_bytes()).is_ok());
    assert!(Raw::parse(deep(129).as_bytes()).is_err());
}

#[test]
fn escapes_are_decoded() {
    assert_eq!(decoded(r#"a\n\t\"\\\/\u00e9\ud83d\ude00 b"#), "a\n\t\"\\/é😀 b");
    assert_eq!(decoded(r"\ud83d x \udead \u12"), "\u{fffd} x \u{fffd} \u{fffd}12");
    assert!(Text::from_escaped(br"m\u006fdel").is("model"));
    assert!(!Text::from_escaped(b"mode").is("model"));
}

#[test]
fn numbers_are_read() {
    let whole = |text: &str| Raw::parse(text.as_bytes()).unwrap().whole();
    assert_eq!(whole("4096"), Some(4096));
    assert_eq!(whole("1e3"), Some(1000));
    assert_eq!(whole("8.0"), Some(8));
    assert_eq!(whole("-1"), None);
    assert_eq!(whole("0.5"), None);
    assert_eq!(whole("\"4\""), None);
}

#[test]
fn the_last_of_two_members_counts() {
    let raw = Raw::parse(br#"{"a":1,"b":null,"a":2}"#).unwrap();
    let [a, b] = raw.pick(["a", "b"]).unwrap();
    assert_eq!((a.and_then(Raw::whole), b), (Some(2), None));
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        ".*".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            prop::collection::btree_map(".*", inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn agrees_with_serde_on_what_is_valid(value in json_value(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let raw = Raw::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(raw.bytes(), text.as_bytes());
        if let serde_json::Value::Object(map) = &value {
            let ours: BTreeMap<String, serde_json::Value> = raw.members().map(|member| {
                let (key, value) = member.unwrap();
                (key.decode().into_owned(), serde_json::from_slice(value.bytes()).unwrap())
            }).collect();
            let theirs: BTreeMap<String, serde_json::Value> = serde_json::from_str(&serde_json::to_string(map).unwrap()).unwrap();
            prop_assert_eq!(ours, theirs);
        }
        if let serde_json::Value::Array(items) = &value {
            prop_assert_eq!(raw.elements().filter_map(Result::ok).count(), items.len());
            prop_assert_eq!(count_elements(text.as_bytes(), 0), Ok((items.len(), text.len())));
        }
        if let serde_json::Value::String(plain) = &value {
            prop_assert_eq!(raw.text().unwrap().decode(), plain.as_str());
            let mut out = Vec::new();
            push_string(&mut out, plain);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), plain.as_str());
        }
    }

    /// Text made of JSON's own characters finds the edges that random bytes never reach.
    #[test]
    fn takes_everything_that_serde_takes(text in r#"[\[\]{}:,"\\ 0-9a-ftrun.\-eE+]{0,40}"#) {
        let ours = object(&text);
        if let Ok(theirs) = serde_json::from_str::<BTreeMap<String, &RawValue>>(&text) {
            let ours: BTreeMap<String, String> = ours.unwrap().into_iter().collect();
            let theirs: BTreeMap<String, String> = theirs.into_iter().map(|(key, raw)| (key, raw.get().to_owned())).collect();
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(raw) = Raw::parse(&bytes) {
            let _ = raw.members().count() + raw.elements().count();
            let _ = (raw.number(), raw.whole(), raw.text().map(|text| text.decode().len()));
        }
        let _ = Text::from_escaped(&bytes).decode();
        let mut out = Vec::new();
        push_string(&mut out, &String::from_utf8_lossy(&bytes));
        prop_assert!(serde_json::from_slice::<String>(&out).is_ok());
    }

    #[test]
    fn numbers_are_written(number in any::<u64>()) {
        let mut out = Vec::new();
        push_number(&mut out, number);
        prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
    }
}
