use bytes::Bytes;

use super::*;
use crate::protocol::{Protocol, Wire};

#[track_caller]
fn check_encoding(model: &str, expected: Encoding) {
    assert_eq!(Encoding::of(model), expected, "{model}");
}

#[test]
fn older_models_of_openai_have_their_own_vocabulary() {
    for model in ["gpt-4", "gpt-4-turbo", "gpt-4-0613", "openai/gpt-4", "gpt-3.5-turbo", "gpt-35-turbo"] {
        check_encoding(model, Encoding::Cl100k);
    }
    for model in ["text-embedding-3-small", "text-embedding-ada-002"] {
        check_encoding(model, Encoding::Cl100k);
    }
    for model in ["gpt-4o", "gpt-4.1-mini", "gpt-4.5-preview", "gpt-5", "o3", "claude-sonnet-4-6", "glm-4.7", ""] {
        check_encoding(model, Encoding::O200k);
    }
    let text = "路由策略：先判断，再转发";
    assert_ne!(Encoding::O200k.count(text), Encoding::Cl100k.count(text));
    assert_eq!(Encoding::Cl100k.count("hello world"), 2);
}

fn request(content: &str) -> Request {
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":{content}}}]}}"#);
    Request::parse(Protocol::Anthropic, Bytes::from(body)).unwrap()
}

#[track_caller]
fn check(content: &str, wire: Wire, model: &str, expected: u64) {
    let request = request(content);
    assert_eq!(of_request_for(&request, Measure::of(wire, model)), expected + MESSAGE_TOKENS, "{model}: {content}");
}

/// One pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

#[test]
fn an_image_costs_what_its_model_s_vendor_says() {
    let image = format!(r#"[{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{PNG}"}}}}]"#);
    check(&image, Wire::Anthropic, "claude-sonnet-4-6", 1);
    check(&image, Wire::Chat, "gpt-4o", 85 + 170);
    check(&image, Wire::Gemini, "gemini-2.5-flash", 258);
    check(&image, Wire::Gemini, "gemini-3-pro", 1_120);
    check(&image, Wire::Gemini, "tuned", 1_120);
    check(&image, Wire::Chat, "glm-4.6v", 1);
    let linked = r#"[{"type":"image","source":{"type":"url","url":"https://a.example/b.png"}}]"#;
    check(linked, Wire::Chat, "gpt-4o", IMAGE_TOKENS);
    check(linked, Wire::Gemini, "gemini-3-pro", 1_120);
}

#[test]
fn documents_and_sounds_too() {
    let pdf = r#"[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERg=="}}]"#;
    check(pdf, Wire::Anthropic, "claude-sonnet-4-6", PAGE_TOKENS);
    check(pdf, Wire::Gemini, "gemini-2.5-flash", 258);
    check(pdf, Wire::Gemini, "gemini-3-pro", 560);
    check(pdf, Wire::Chat, "gpt-4o", PAGE_TEXT_TOKENS + 85 + 6 * 170);
    let text = r#"[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"hello world"}}]"#;
    check(text, Wire::Gemini, "gemini-2.5-flash", 2);
    let sound = r#"[{"type":"input_audio","input_audio":{"data":"AAAA","format":"mp3"}}]"#;
    check(sound, Wire::Chat, "gpt-4o-audio-preview", 10);
    check(sound, Wire::Gemini, "gemini-2.5-flash", 32);
}

#[test]
fn the_bound_is_never_below_the_count() {
    let image = format!(r#"{{"type":"image","source":{{"type":"base64","data":"{PNG}"}}}}"#);
    for content in [
        format!("[{image},{image}]"),
        r#"[{"type":"image","source":{"type":"url","url":"x"}}]"#.to_owned(),
        r#"[{"type":"document","source":{"type":"file","file_id":"x"}}]"#.to_owned(),
        r#""plain""#.to_owned(),
    ] {
        let request = request(&content);
        assert!(of_request(&request) <= bound(&request), "{content}");
    }
}

#[test]
fn a_count_gets_only_what_it_takes() {
    let body = br#"{"model":"m","max_tokens":9,"messages":[],"stream":true,"system":"s"}"#;
    assert_eq!(countable(body).unwrap(), &br#"{"model":"m","messages":[],"system":"s"}"#[..]);
    assert_eq!(countable(b"[]"), None);
    assert_eq!(told(Wire::Anthropic, br#"{"input_tokens":7}"#), Some(7));
    assert_eq!(told(Wire::Anthropic, br#"{"error":{}}"#), None);
}
