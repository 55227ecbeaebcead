//! What the chain of a model changes in the written request, a line a case.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::diag::Sources;
use crate::dsl::policy::Capability;
use crate::dsl::transform::Transform;
use crate::facts::Var;
use crate::facts::given::{GivenFacts, Owned};

const CHAT: &str = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]REST}"#;
const MESSAGES: &str = r#"{"model":"m","max_tokens":50000,"messages":[{"role":"user","content":"hi"}]REST}"#;

fn kind(wire: Wire) -> &'static str {
    match wire {
        Wire::Anthropic => "anthropic",
        Wire::Chat => "openai",
        Wire::Responses => "responses",
        Wire::Gemini => "gemini",
    }
}

/// The chain of a policy's only model.
#[track_caller]
pub(super) fn chain(wire: Wire, list: &str, block: &str) -> Vec<Transform> {
    let mut sources = Sources::default();
    sources.add(
        "x.policy",
        format!(
            "{block}\nprovider p {{ kind: {} base: \"https://p.example\" key: env(\"K\") }}\n\
             model a on p {{ transform: [{list}] }}\nroute main {{ default -> a }}",
            kind(wire)
        ),
    );
    let loaded = crate::dsl::load(&sources);
    let shown = crate::diag::render::human(&loaded.diagnostics, &sources, false);
    loaded.policy.unwrap_or_else(|| panic!("{shown}")).models.remove(0).transforms
}

pub(super) fn to<'a>(wire: Wire, transforms: &'a [Transform]) -> Target<'a> {
    let can = &Capability::ALL;
    Target { wire, model: "up", context: None, output_limit: None, can, stream: true, transforms }
}

pub(super) fn facts() -> GivenFacts {
    let mut facts = GivenFacts::default();
    facts.set(Var::TenantId, Owned::Str("lanhai".to_owned()));
    facts.set(Var::RequestThinking, Owned::Bool(true));
    facts.set(Var::RequestTools, Owned::List(vec!["Read".to_owned().into(), "a\"b".to_owned().into()]));
    facts
}

/// What is sent of a Chat request to a Chat model, the members that are not about the change left out.
fn sent(list: &str, rest: &str) -> (Value, Outgoing) {
    written(Protocol::Chat, Wire::Chat, CHAT, list, "", rest)
}

#[track_caller]
fn written(client: Protocol, wire: Wire, body: &str, list: &str, block: &str, rest: &str) -> (Value, Outgoing) {
    let transforms = chain(wire, list, block);
    let body = body.replace("REST", rest);
    let out = crate::protocol::encode(&request(client, &body), &to(wire, &transforms), &facts()).unwrap();
    let mut value: Value = serde_json::from_slice(&out.body.concat()).unwrap();
    let object = value.as_object_mut().unwrap();
    for member in ["model", "messages", "contents", "input"] {
        object.remove(member);
    }
    (value, out)
}

#[track_caller]
fn chat(list: &str, rest: &str, expected: &str, warned: &str) {
    let (value, out) = sent(list, rest);
    assert_eq!(value.to_string(), expected, "{list} of {rest}");
    assert_eq!(out.warnings.join("\n"), warned, "{list} of {rest}");
}

#[test]
fn caps_lower_and_set() {
    chat(
        "max_tokens(100)",
        r#","max_tokens":500"#,
        r#"{"max_tokens":100}"#,
        "max_tokens lowered to 100, by the policy",
    );
    chat("max_tokens(100)", r#","max_tokens":50"#, r#"{"max_tokens":50}"#, "");
    chat("max_tokens(100)", "", r#"{"max_tokens":100}"#, "");
    chat(
        "max_tokens(100), max_completion_tokens",
        r#","max_tokens":500"#,
        r#"{"max_completion_tokens":100}"#,
        "max_tokens lowered to 100, by the policy",
    );
    chat("max_tokens(100)", r#","max_completion_tokens":50"#, r#"{"max_completion_tokens":50}"#, "");
}

#[test]
fn a_cap_on_anthropic_leaves_room_for_thinking() {
    let check = |most: &str, thinking: &str, expected: &str| {
        let rest = format!(r#","thinking":{thinking}"#);
        let (value, _) =
            written(Protocol::Anthropic, Wire::Anthropic, MESSAGES, &format!("max_tokens({most})"), "", &rest);
        assert_eq!(value.to_string(), expected);
    };
    let enabled = r#"{"type":"enabled","budget_tokens":10000}"#;
    check("8000", enabled, r#"{"max_tokens":8000,"thinking":{"budget_tokens":4000,"type":"enabled"}}"#);
    check("1500", enabled, r#"{"max_tokens":1500,"thinking":{"budget_tokens":1024,"type":"enabled"}}"#);
    check("1000", enabled, r#"{"max_tokens":1000}"#);
    check("20k", enabled, r#"{"max_tokens":20000,"thinking":{"budget_tokens":10000,"type":"enabled"}}"#);
}

#[test]
fn sampling_is_forced_capped_and_left_out() {
    let rest = r#","temperature":1,"top_p":0.99,"top_k":5"#;
    let list = "sampling({ temperature: 0.2, top_p: max(0.9), top_k: off })";
    let warned = "`temperature` was replaced, by the policy\n`top_p` was replaced, by the policy\n`top_k` was left out, by the policy";
    chat(list, rest, r#"{"temperature":0.2,"top_p":0.9}"#, warned);
    chat(list, r#","top_p":0.5"#, r#"{"temperature":0.2,"top_p":0.5}"#, "");
    // While Anthropic thinks, it takes no other temperature than its own.
    let thinking = r#","thinking":{"type":"enabled","budget_tokens":2000},"temperature":1"#;
    let (value, _) =
        written(Protocol::Anthropic, Wire::Anthropic, MESSAGES, "sampling({ temperature: 0.2 })", "", thinking);
    assert_eq!(value["temperature"], 1);
}

#[test]
fn a_client_chooses_no_models_beside_the_policy() {
    let left_out =
        "`models` was left out: the policy chooses the model\n`route` was left out: the policy chooses the model";
    let rest = r#","models":["x/y"],"route":"fallback","provider":{"sort":"price"}"#;
    chat("params({ n: 1 })", rest, r#"{"n":1,"provider":{"sort":"price"}}"#, left_out);
    let own = "`models` was left out: the policy chooses the model";
    chat("params({ models: [\"a/b\"] })", r#","models":["x/y"]"#, r#"{"models":["a/b"]}"#, own);
}

#[test]
fn params_are_merged_deep() {
    chat(
        "params({ provider: { order: [\"a\"], zdr: true }, n: 1 })",
        r#","provider":{"order":["b","c"],"sort":"price"}"#,
        r#"{"n":1,"provider":{"order":["a"],"sort":"price","zdr":true}}"#,
        "`provider` was replaced, by the policy",
    );
    chat(
        "params({ a: { b: { c: 1 } } })",
        r#","a":{"b":7}"#,
        r#"{"a":{"b":{"c":1}}}"#,
        "`a` was replaced, by the policy",
    );
    chat("params({ a: 1 })", r#","a":1"#, r#"{"a":1}"#, "");
}

#[test]
fn stream_options_can_be_kept_back() {
    let stream = r#","stream":true"#;
    assert_eq!(sent("stream_options(off)", stream).0.to_string(), r#"{"stream":true}"#);
    assert_eq!(
        sent("stream_options(on)", stream).0.to_string(),
        r#"{"stream":true,"stream_options":{"include_usage":true}}"#
    );
    let (_, out) = sent("stream_options(off)", r#","stream":true,"stream_options":{"include_usage":true}"#);
    assert_eq!(out.warnings, ["`stream_options` was left out: the stream tells no usage, by the policy"]);
}

#[test]
fn own_transforms_compute_and_edit() {
    let block = "transform own { \
        set: { temperature: request.thinking ? 1.0 : 0.2, \"metadata.team\": tenant.id, \
               extra: { count: size(request.tools), names: request.tools, on: [request.thinking, null] }, n: 2 } \
        remove: [user, \"metadata.old\", missing] rename: { max_tokens: max_completion_tokens } \
        append: { stop: \"END\", list: { a: tenant.id }, fresh: 1 } headers: { \"x-team\": tenant.id } }";
    let rest = r#","max_tokens":5,"user":"u","metadata":{"old":1,"keep":[1, 2]},"stop":"A","list":[ ],"n":2"#;
    let (value, out) = written(Protocol::Chat, Wire::Chat, CHAT, "own", block, rest);
    let expected = serde_json::json!({
        "temperature": 1,
        "metadata": { "team": "lanhai", "keep": [1, 2] },
        "extra": { "count": 2, "names": ["Read", "a\"b"], "on": [true, null] },
        "n": 2,
        "max_completion_tokens": 5,
        "stop": ["A", "END"],
        "list": [{ "a": "lanhai" }],
        "fresh": [1],
    });
    assert_eq!(value.to_string(), expected.to_string());
    assert_eq!(out.headers.get("x-team").unwrap(), "lanhai");
    assert_eq!(out.warnings, ["`user` was left out, by the policy", "`metadata.old` was left out, by the policy"]);
}

#[test]
fn headers_are_added() {
    let (_, out) = sent("headers({ \"X-Title\": \"ccr\" })", "");
    assert_eq!(out.headers.get("x-title").unwrap(), "ccr");
    assert_eq!(out.changes, [Change { transform: "headers".into(), what: "header `x-title`".into() }]);
}

#[test]
fn presets_say_what_names_do_not() {
    let developer = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"system":"be brief","max_tokens":5}"#;
    let say = |preset: &str, model: &str| {
        let known = crate::dsl::transform::presets::preset(preset).unwrap();
        let transforms = [Transform::Preset(known)];
        let target = Target { model, ..to(Wire::Chat, &transforms) };
        let out = encode(&request(Protocol::Anthropic, developer), &target).unwrap();
        let value: Value = serde_json::from_slice(&out.body.concat()).unwrap();
        (value["messages"][0]["role"].as_str().unwrap().to_owned(), value["max_tokens"] == 5)
    };
    assert_eq!(say("openai", "gpt-5"), ("developer".to_owned(), false));
    assert_eq!(say("openrouter", "openai/gpt-5"), ("system".to_owned(), true));
    assert_eq!(say("openai", "gpt-4o"), ("system".to_owned(), true));
}

#[test]
fn presets_know_how_thinking_is_switched() {
    let body = r#"{"model":"m","max_tokens":9000,"messages":[{"role":"user","content":"hi"}],"thinking":{"type":"enabled","budget_tokens":4096}}"#;
    let check = |preset: &str, model: &str, member: &str, expected: Value| {
        let transforms = [Transform::Preset(crate::dsl::transform::presets::preset(preset).unwrap())];
        let target = Target { model, ..to(Wire::Chat, &transforms) };
        let out = encode(&request(Protocol::Anthropic, body), &target).unwrap();
        let value: Value = serde_json::from_slice(&out.body.concat()).unwrap();
        assert_eq!(value[member], expected, "{preset} {model}");
    };
    check("openrouter", "glm-4.6", "reasoning", serde_json::json!({ "max_tokens": 4096 }));
    check("vllm", "qwen3-32b", "chat_template_kwargs", serde_json::json!({ "enable_thinking": true }));
    check("deepseek", "deepseek-chat", "thinking", serde_json::json!({ "type": "enabled" }));
    check("lm-studio", "qwen3-32b", "enable_thinking", Value::Null);
}

/// A chain that has something to look for, and nothing to change.
const IDLE: &str = "max_tokens(1M), sampling({ top_p: max(1) }), stream_options(on), own";
const IDLE_BLOCK: &str = "transform own { remove: [missing, \"metadata.missing\"] rename: { missing: other } }";

#[test]
fn what_is_not_changed_goes_on_as_it_came_and_uncopied() {
    let text =
        r#" {"model" : "m","max_tokens":5, "top_p": 0.5 ,"messages":[ {"role":"user","content":"\u00e9\"x"} ] } "#;
    let transforms = chain(Wire::Chat, IDLE, IDLE_BLOCK);
    let request = request(Protocol::Chat, text);
    let plain = encode(&request, &to(Wire::Chat, &[])).unwrap();
    let idle = encode(&request, &to(Wire::Chat, &transforms)).unwrap();
    assert_eq!(plain.body, idle.body);
    assert!(idle.changes.is_empty(), "{:?}", idle.changes);
    // And what is edited leaves large values where they are.
    let long =
        format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{}"}}],"user":"u"}}"#, "x".repeat(5_000));
    let request = super::request(Protocol::Chat, &long);
    let transforms = chain(Wire::Chat, "sampling({ temperature: 0.2 })", "");
    let out = encode(&request, &to(Wire::Chat, &transforms)).unwrap();
    let within = request.body().as_ptr_range();
    assert!(out.body.iter().any(|part| part.len() > 5_000 && within.contains(&part.as_ptr())));
    let value: Value = serde_json::from_slice(&out.body.concat()).unwrap();
    assert_eq!((value["temperature"].as_f64(), value["user"].as_str()), (Some(0.2), Some("u")));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z\"\\\\\\n{}\\[\\],:é ]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z\"]{1,3}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_chain_without_effect_changes_no_byte(members in prop::collection::btree_map("x[a-z\"é]{0,4}", any_json(), 0..6)) {
        let mut body = serde_json::json!({ "model": "m", "messages": [], "max_tokens": 3 });
        body.as_object_mut().unwrap().extend(members);
        let request = request(Protocol::Chat, &body.to_string());
        let transforms = chain(Wire::Chat, IDLE, IDLE_BLOCK);
        let plain = encode(&request, &to(Wire::Chat, &[])).unwrap().body.concat();
        let idle = encode(&request, &to(Wire::Chat, &transforms)).unwrap().body.concat();
        prop_assert_eq!(plain, idle);
    }

    #[test]
    fn an_edit_changes_only_its_member(members in prop::collection::btree_map("x[a-z\"é]{0,4}", any_json(), 0..6)) {
        let mut body = serde_json::json!({ "model": "up", "messages": [] });
        body.as_object_mut().unwrap().extend(members);
        let request = request(Protocol::Chat, &body.to_string());
        let transforms = chain(Wire::Chat, "own", "transform own { set: { \"xa.b\": tenant.id } }");
        let out = encode(&request, &to(Wire::Chat, &transforms)).unwrap().body.concat();
        let mut sent: Value = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(sent["xa"]["b"].take(), Value::from("default"));
        let (left, right) = (sent.as_object_mut().unwrap(), body.as_object_mut().unwrap());
        left.remove("xa");
        right.remove("xa");
        prop_assert_eq!(left, right);
    }
}
