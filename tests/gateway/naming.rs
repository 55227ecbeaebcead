//! Which models a key can name: what `GET /v1/models` lists, what refusals stand before, what is said of names
//! that choose nothing.

use crate::kit::{Gateway, request};

const MODELS: &str = r#"
provider p { kind: mock }
model coder on p { upstream: "big" tags: [explicit] }
model mini on p {}
model vectors on p { upstream: "text-embedding-3-small" can: [] }
"#;

/// The names that a dialect lists.
fn listed(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Vec<String> {
    let list = gateway.send(&request("GET", path, headers, "")).expect(200).json();
    let models = list.get("data").or(list.get("models")).unwrap().as_array().unwrap();
    let name = |model: &serde_json::Value| model.get("id").or(model.get("name")).unwrap().as_str().unwrap().to_owned();
    models.iter().map(|model| name(model).trim_start_matches("models/").to_owned()).collect()
}

const ANTHROPIC: (&str, &str) = ("anthropic-version", "2023-06-01");

#[test]
fn every_dialect_lists_what_can_be_named() {
    let check = |explicit: &str, chat: &[&str], others: &[&str]| {
        let gateway = Gateway::start(&format!(
            "{MODELS}{explicit}\nroute main {{ rule embed when request.protocol == \"embeddings\" -> vectors default -> mini then coder }}"
        ));
        assert_eq!(listed(&gateway, "/v1/models", &[]), chat, "{explicit}");
        assert_eq!(listed(&gateway, "/v1/models", &[ANTHROPIC]), others, "{explicit}");
        assert_eq!(listed(&gateway, "/v1beta/models", &[]), others, "{explicit}");
        for name in ["coder", "mini", "vectors"] {
            let status = gateway.get(&format!("/v1beta/models/{name}")).status;
            assert_eq!(status == 200, others.contains(&name), "{name}: {explicit}");
        }
    };
    check("defaults { explicit: tagged }", &["coder"], &["coder"]);
    check("defaults { explicit: allow }", &["coder", "mini", "vectors"], &["coder", "mini"]);
    // Whatever is named the rules decide: these may answer.
    check("", &["coder", "mini", "vectors"], &["coder", "mini"]);
}

#[test]
fn a_tenant_lists_and_names_its_own() {
    let key = std::env::var("CARGO_PKG_NAME").unwrap();
    let gateway = Gateway::start(&format!(
        "{MODELS}tenant team {{ keys: [env(\"CARGO_PKG_NAME\")] models: [mini, vectors] explicit: allow }}
route main {{ rule embed when request.protocol == \"embeddings\" -> vectors default -> mini then coder }}"
    ));
    let bearer = ("x-api-key", key.as_str());
    assert_eq!(listed(&gateway, "/v1/models", &[bearer, ANTHROPIC]), ["mini"]);
    // A model of others is as unknown as any other word.
    for name in ["coder", "p/coder", "gpt-9"] {
        let body = format!(r#"{{"model":"{name}","max_tokens":9,"messages":[{{"role":"user","content":"hi"}}]}}"#);
        let reply = gateway.post_with("/v1/messages", &[bearer], &body).expect(200);
        assert_eq!((reply.header("x-ccr-model"), reply.header("x-ccr-warning")), ("mini", ""), "{name}");
    }
}

#[test]
fn nobody_gets_past_a_refusal_by_naming_a_model() {
    let gateway = Gateway::start(&format!(
        "{MODELS}defaults {{ explicit: allow }}
route main {{
  rule embed when request.protocol == \"embeddings\" -> vectors
  rule closed when request.text.contains(\"secret\") -> reject 403
  default -> mini
}}"
    ));
    let ask = |text: &str| {
        let body = format!(r#"{{"model":"coder","max_tokens":9,"messages":[{{"role":"user","content":"{text}"}}]}}"#);
        let reply = gateway.post("/v1/messages", &body);
        (reply.status, reply.header("x-ccr-decision").to_owned())
    };
    assert_eq!(ask("hello"), (200, "main/explicit".to_owned()));
    assert_eq!(ask("a secret"), (403, "main/closed".to_owned()));
}

#[test]
fn a_rule_before_explicit_choice_is_named() {
    let gateway = Gateway::start(&format!(
        "{MODELS}defaults {{ explicit: allow }}
route main {{
  rule streams when request.stream -> mini
  rule closed when request.text.contains(\"secret\") -> reject 403
  default -> vectors
}}"
    ));
    let body = r#"{"model":"coder","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let reply = gateway.post("/v1/messages", body).expect(200);
    assert_eq!(reply.header("x-ccr-model"), "mini");
    assert!(reply.header("x-ccr-warning").contains("rule `streams` stands before explicit choice"));
}

#[test]
fn googles_list_comes_in_pages() {
    let gateway = Gateway::start(
        "provider p { kind: mock }\nmodel a on p {}\nmodel b on p {}\nmodel c on p {}\nroute main { default -> a then b then c }",
    );
    let page = |query: &str| gateway.get(&format!("/v1beta/models{query}"));
    let names = |query: &str| {
        let list = page(query).expect(200).json();
        let names: Vec<String> =
            list["models"].as_array().unwrap().iter().map(|model| model["displayName"].to_string()).collect();
        (names.join(""), list["nextPageToken"].as_str().map(str::to_owned))
    };
    assert_eq!(names("?pageSize=2"), (r#""a""b""#.to_owned(), Some("b".to_owned())));
    assert_eq!(names("?pageSize=2&pageToken=b"), (r#""c""#.to_owned(), None));
    for all in ["", "?pageSize=0", "?pageSize=5000", "?pageSize=3&pageToken="] {
        assert_eq!(names(all), (r#""a""b""c""#.to_owned(), None), "{all}");
    }
    for wrong in ["?pageSize=-1", "?pageSize=x", "?pageToken=nobody"] {
        assert_eq!(page(wrong).expect(400).json()["error"]["status"], "INVALID_ARGUMENT", "{wrong}");
    }
}
