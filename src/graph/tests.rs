//! Drawings: what is in them, that every format can be read back, and that no name breaks out.

#![expect(clippy::string_slice, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{BoxKind, Graph, policy_view, tree_view, way};
use crate::compile::Scratch;
use crate::diag::Sources;
use crate::dsl;
use crate::dsl::policy::RouteId;
use crate::engine::Engine;

fn engine(text: &str) -> Engine {
    let mut sources = Sources::default();
    sources.add("x.policy", text);
    let loaded = dsl::load(&sources);
    let shown = crate::diag::render::human(&loaded.diagnostics, &sources, false);
    Engine::new(Arc::new(loaded.policy.unwrap_or_else(|| panic!("{shown}"))))
}

/// A name may hold anything that a string may.
const HOSTILE: &str = r#"<script>&\"'`]]>--%%{init}\\n|end\u0007 代码 #quot;"#;

fn policy() -> String {
    format!(
        r#"
provider east {{ kind: mock }}
provider west {{ kind: mock }}
model coder on east {{ price: {{ input: 1, output: 2 }} tags: [coding] context: 256k }}
model mini on west {{ price: {{ input: 1, output: 2 }} tags: [coding] }}
model eyes on west {{ can: [vision] }}
pool any = [coder, mini]
tenant acme {{ route: inner }}
route main {{
  rule picture when request.images > 0 -> eyes
  rule long when request.tokens > 120000 -> coder then mini
  rule big when request.tokens > 60000 && request.tokens <= 90000 -> coder then mini
  rule named when request.model == "a" || request.model in ["b", "c"] -> mini
  rule hostile when request.text.contains("{HOSTILE}") -> reject 403 "{HOSTILE}"
  rule word when request.text.contains("代码") || request.text.contains("bug") -> cheapest of tag(coding) then any
  rule odd when request.text.size() + request.turns > 9 -> split {{ 90% coder, 10% mini }} by user.id
  rule inner when "x" in tenant.tags -> route inner
  default -> any
}}
route inner {{
  rule only when request.stream -> mini
  default -> coder
}}
"#
    )
}

fn graphs() -> Vec<Graph> {
    let engine = engine(&policy());
    let facts = dsl::parse_facts("{ tokens: 70k }", engine.policy()).unwrap().facts;
    let route = RouteId(0);
    let tree_way = engine.program().way(route, &facts, &mut Scratch::default()).unwrap();
    vec![
        policy_view(&engine, None, None),
        policy_view(&engine, Some(RouteId(1)), None),
        policy_view(&engine, None, Some(&way(&engine, &facts, None))),
        tree_view(&engine, route, None).unwrap(),
        tree_view(&engine, route, Some(&tree_way)).unwrap(),
    ]
}

fn lit(graph: &Graph, kind: BoxKind) -> Vec<&str> {
    graph.boxes.iter().filter(|one| one.lit && one.kind == kind).map(|one| one.label.as_str()).collect()
}

#[test]
fn arrows_join_boxes() {
    for graph in graphs() {
        let ids: BTreeSet<&str> = graph.boxes.iter().map(|one| one.id.as_str()).collect();
        assert_eq!(ids.len(), graph.boxes.len());
        for arrow in &graph.arrows {
            assert!(ids.contains(arrow.from.as_str()) && ids.contains(arrow.to.as_str()), "{arrow:?}");
        }
        let led_to: BTreeSet<&str> = graph.arrows.iter().map(|arrow| arrow.to.as_str()).collect();
        for one in graph.boxes.iter().filter(|one| one.kind != BoxKind::Entry) {
            assert!(led_to.contains(one.id.as_str()) || one.label.starts_with("default"), "{one:?}");
        }
    }
}

#[test]
fn a_policy_is_drawn_with_everything_that_it_leads_to() {
    let graph = policy_view(&engine(&policy()), None, None);
    let labels = |kind: BoxKind| -> Vec<&str> {
        graph.boxes.iter().filter(|one| one.kind == kind).map(|one| one.label.as_str()).collect()
    };
    assert_eq!(labels(BoxKind::Entry), ["every other request", "tenant acme"]);
    assert_eq!(labels(BoxKind::Route), ["route main", "route inner"]);
    assert_eq!(labels(BoxKind::Rule).len(), 11);
    // Two rules share a target.
    assert_eq!(labels(BoxKind::Target), ["coder then mini", "cheapest of [coder, mini] then any"]);
    assert_eq!(labels(BoxKind::Model), ["eyes", "coder", "mini"]);
    assert_eq!(labels(BoxKind::Provider), ["west", "east"]);
    assert!(graph.arrows.iter().any(|arrow| arrow.label == "90%"));
}

#[test]
fn one_request_is_lit() {
    let engine = engine(&policy());
    let check = |facts: &str, rule: &str, models: &[&str]| {
        let given = dsl::parse_facts(facts, engine.policy()).unwrap();
        let graph = policy_view(&engine, None, Some(&way(&engine, &given.facts, given.tenant)));
        let rules = lit(&graph, BoxKind::Rule);
        assert!(rules.iter().any(|label| label.starts_with(rule)), "{facts}: {rules:?}");
        assert_eq!(lit(&graph, BoxKind::Model), models, "{facts}");
        assert!(graph.arrows.iter().any(|arrow| arrow.lit), "{facts}");
        if given.tenant.is_none() {
            let route = RouteId(0);
            let way = engine.program().way(route, &given.facts, &mut Scratch::default()).unwrap();
            let tree = tree_view(&engine, route, Some(&way)).unwrap();
            let leaves = lit(&tree, BoxKind::Rule);
            assert_eq!(leaves.len(), 1, "{facts}");
            assert_eq!(way.decision, engine.program().decide(route, &given.facts, &mut Scratch::default()), "{facts}");
        }
    };
    check("{ images: 1 }", "picture", &["eyes"]);
    check("{ tokens: 200k }", "long", &["coder", "mini"]);
    check("{ tokens: 70k }", "big", &["coder", "mini"]);
    check("{ model: \"b\" }", "named", &["mini"]);
    check("{ text: \"这段代码\" }", "word", &["coder", "mini"]);
    check("{ text: \"1234567890\" }", "odd", &["coder"]);
    check("{}", "default", &["coder"]);
    check("{ tenant: acme, stream: true }", "only", &["mini"]);
    check("{ tenant: { tags: [\"x\"] } }", "inner", &["coder"]);
}

#[test]
fn the_way_through_a_tree_is_the_decision_of_every_shape_of_tree() {
    // Many needles become a table; many numbers a switch with ranges.
    let mut rules = String::new();
    for number in 0..30 {
        rules.push_str(&format!("rule n{number} when request.text.contains(\"needle{number}.\") -> m\n"));
        rules.push_str(&format!("rule t{number} when request.tokens > {} -> m\n", 90_000 - number * 1_000));
    }
    let engine =
        engine(&format!("provider p {{ kind: mock }}\nmodel m on p {{}}\nroute main {{\n{rules}default -> m\n}}\n"));
    for facts in [
        "{}",
        "{ text: \"a needle7. b\" }",
        "{ tokens: 75500 }",
        "{ text: \"needle29.\", tokens: 64k }",
        "{ tokens: 90001 }",
    ] {
        let given = dsl::parse_facts(facts, engine.policy()).unwrap().facts;
        let way = engine.program().way(RouteId(0), &given, &mut Scratch::default()).unwrap();
        assert_eq!(way.decision, engine.program().decide(RouteId(0), &given, &mut Scratch::default()), "{facts}");
    }
    let tree = tree_view(&engine, RouteId(0), None).unwrap();
    let table = tree.boxes.iter().find(|one| one.kind == BoxKind::Table).unwrap();
    assert_eq!(table.rows[0], "\"needle0.\" → n0");
    let ranges: Vec<&str> = tree.arrows.iter().map(|arrow| arrow.label.as_str()).collect();
    assert!(ranges.contains(&"> 90000") && ranges.contains(&"> 75000 && <= 76000"), "{ranges:?}");
}

#[test]
fn mermaid_has_only_lines_of_its_forms() {
    let node = regex::Regex::new(r#"^  n\d+[\[({/]+"[^"|{}<>\[\]`\\]*(<br/>[^"|{}<>\[\]`\\]*)*"[\])}/]+$"#).unwrap();
    let arrow = regex::Regex::new(r#"^  n\d+ (-->|==>)(\|"[^"|{}<>\[\]`\\]*"\|)? n\d+$"#).unwrap();
    let class = regex::Regex::new(r"^  (classDef lit [a-z0-9:#,-]+|class n\d+(,n\d+)* lit|%% [^{}%]*)$").unwrap();
    for graph in graphs() {
        let text = graph.to_mermaid();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("flowchart LR"));
        for line in lines {
            assert!(node.is_match(line) || arrow.is_match(line) || class.is_match(line), "{line}");
        }
    }
}

/// Reads DOT: statements of `id [key=value, …];` with quoted strings.
fn dot_statements(text: &str) -> usize {
    let body = text.strip_prefix("digraph policy {\n").and_then(|rest| rest.strip_suffix("}\n")).unwrap();
    let string = r#""(?:[^"\\]|\\["\\l])*""#;
    let value = format!(r"(?:{string}|[a-zA-Z0-9]+)");
    let attributes = format!(r"\[\w+={value}(?:, \w+={value})*\]");
    let statement = regex::Regex::new(&format!(
        r"^  (?:n\d+(?: -> n\d+)?|node|edge) {attributes};$|^  (?:label|rankdir)={value};(?:$|\n)"
    ))
    .unwrap();
    body.lines().inspect(|line| assert!(statement.is_match(line), "{line}")).count()
}

#[test]
fn dot_has_only_statements_of_its_forms() {
    for graph in graphs() {
        let count = dot_statements(&graph.to_dot());
        assert_eq!(count, graph.boxes.len() + graph.arrows.len() + 4);
    }
}

/// A strict little reader of XML: nested elements, quoted attributes, the five entities. Gives the
/// names of the elements.
fn elements(text: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        for entity in before.split('&').skip(1) {
            assert!(["amp;", "lt;", "gt;", "quot;", "#39;"].iter().any(|known| entity.starts_with(known)), "{entity}");
        }
        assert!(!before.contains('>') || open.last().is_some_and(|name| name == "style"), "{before}");
        let end = tag.find('>').expect("a tag ends");
        let inner = &tag[1..end];
        rest = &tag[end + 1..];
        if let Some(name) = inner.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let (inner, is_empty) = inner.strip_suffix('/').map_or((inner, false), |inner| (inner, true));
        let name = inner.split(' ').next().unwrap().to_owned();
        assert_eq!(inner.matches('"').count() % 2, 0, "{inner}");
        found.push(name.clone());
        if !is_empty {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    found
}

#[test]
fn svg_is_xml_without_scripts() {
    for graph in graphs() {
        let text = graph.to_svg();
        let names = elements(&text);
        let known = ["svg", "title", "style", "defs", "marker", "path", "rect", "g", "text"];
        assert!(names.iter().all(|name| known.contains(&name.as_str())), "{names:?}");
        assert_eq!(names.iter().filter(|name| *name == "rect").count(), graph.boxes.len() + 1);
        assert!(text.contains("prefers-color-scheme:dark"));
        assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'));
    }
}

#[test]
fn svg_boxes_do_not_overlap_and_hold_their_text() {
    let place = regex::Regex::new(r#"<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)""#).unwrap();
    for graph in graphs() {
        let text = graph.to_svg();
        let places: Vec<Vec<usize>> = place
            .captures_iter(&text)
            .map(|found| found.iter().skip(1).map(|number| number.unwrap().as_str().parse().unwrap()).collect())
            .collect();
        assert_eq!(places.len(), graph.boxes.len());
        for (number, one) in places.iter().enumerate() {
            let label = &graph.boxes[number].label;
            assert!(one[2] >= unicode_width::UnicodeWidthStr::width(label.as_str()) * 7, "{label}");
            for other in &places[..number] {
                let apart = one[0] + one[2] <= other[0]
                    || other[0] + other[2] <= one[0]
                    || one[1] + one[3] <= other[1]
                    || other[1] + other[3] <= one[1];
                assert!(apart, "{one:?} {other:?}");
            }
        }
    }
}

#[test]
fn json_has_the_fields_of_the_page() {
    for graph in graphs() {
        let value: serde_json::Value = serde_json::from_str(&graph.to_json()).unwrap();
        assert_eq!(value["schema"], 1);
        let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let known = |list: &[&str]| list.iter().map(|key| (*key).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(keys(&value), known(&["schema", "title", "boxes", "arrows"]));
        for one in value["boxes"].as_array().unwrap() {
            assert!(keys(one).is_subset(&known(&["id", "kind", "label", "title", "rows", "layer", "lit"])));
        }
        for arrow in value["arrows"].as_array().unwrap() {
            assert!(keys(arrow).is_subset(&known(&["from", "to", "label", "title", "lit"])));
        }
    }
}

#[test]
fn fifty_rules_stay_readable() {
    let rules: String = (0..50)
        .map(|number| format!("rule r{number} when request.text.contains(\"word{number}\") && request.tokens > {number}000 -> m then n\n"))
        .collect();
    let engine = engine(&format!(
        "provider p {{ kind: mock }}\nmodel m on p {{}}\nmodel n on p {{}}\nroute main {{\n{rules}default -> m\n}}\n"
    ));
    let graph = policy_view(&engine, None, None);
    // One target, however many rules lead to it.
    assert_eq!(graph.boxes.iter().filter(|one| one.kind == BoxKind::Target).count(), 1);
    assert!(graph.boxes.iter().all(|one| one.label.chars().count() <= crate::bounds::GRAPH_LABEL_COLUMNS));
    assert!(graph.boxes.len() < 60 && graph.arrows.len() < 110, "{} {}", graph.boxes.len(), graph.arrows.len());
}
