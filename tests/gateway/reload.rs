//! A policy changes while it is served.

use std::fs;
use std::io::Write as _;
use std::time::Duration;

use ccr_policy::gateway::config::Timings;

use crate::kit::{
    CHAT, CHAT_END, EVENTS, Gateway, HELLO, HELLO_STREAM, Upstream, answer, chunk, config, policy, request, short,
    wait_until,
};

fn mock(model: &str) -> String {
    format!("provider p {{ kind: mock }}\nmodel {model} on p {{}}\nroute main {{ default -> {model} }}\n")
}

fn model(gateway: &Gateway) -> String {
    gateway.post(CHAT, HELLO).expect(200).header("x-ccr-model").to_owned()
}

fn outcome(gateway: &Gateway) -> serde_json::Value {
    gateway.get("/ready").expect(200).json()["reload"].clone()
}

#[test]
fn a_new_policy_is_taken_up() {
    let gateway = Gateway::start(&mock("alpha"));
    let before = gateway.post(CHAT, HELLO).expect(200);
    gateway.rewrite(&mock("beta"));
    wait_until("the new policy", || model(&gateway) == "beta");
    assert_eq!(outcome(&gateway)["outcome"], "ok");
    assert_ne!(gateway.post(CHAT, HELLO).header("x-ccr-policy"), before.header("x-ccr-policy"));
    let gone = gateway.get("/metrics").text();
    assert!(!gone.contains("\"alpha\""), "series of names that are gone go too");
    assert_eq!(gateway.metric(r#"ccr_policy_reloads_total{outcome="ok"}"#), 1.0);
}

#[test]
fn a_broken_policy_is_not() {
    let broken = [
        "route main { default -> nobody }".to_owned(),
        "nonsense".to_owned(),
        String::new(),
        format!("{}test \"wrong\" on main {{ given {{ text: \"x\" }} -> reject 400 }}", mock("alpha")),
        mock("alpha").replace("default -> alpha", "default -> fastest of [alpha]"),
        mock("alpha").replace("kind: mock", "kind: openai base: \"http://127.0.0.1:1\" key: env(\"CCR_TEST_NOT_SET\")"),
    ];
    let gateway = Gateway::start(&mock("alpha"));
    for (number, text) in (1_i32..).zip(broken) {
        gateway.rewrite(&text);
        gateway.await_metric(r#"ccr_policy_reloads_total{outcome="failed"}"#, f64::from(number));
        assert_eq!(outcome(&gateway)["outcome"], "failed", "{text}");
        assert_eq!(model(&gateway), "alpha");
    }
    gateway.rewrite(&mock("alpha"));
    wait_until("the state to be mended", || outcome(&gateway)["outcome"] == "unchanged");
    gateway.rewrite("route main { default -> nobody }");
    wait_until("codes", || outcome(&gateway)["codes"].as_array().is_some_and(|codes| !codes.is_empty()));
}

#[test]
fn an_empty_directory_changes_nothing() {
    let gateway = Gateway::start(&mock("alpha"));
    fs::remove_file(gateway.dir.path().join("main.policy")).unwrap();
    gateway.await_metric(r#"ccr_policy_reloads_total{outcome="failed"}"#, 1.0);
    assert_eq!(model(&gateway), "alpha");
    fs::write(gateway.dir.path().join("other.policy"), mock("beta")).unwrap();
    wait_until("the new policy", || model(&gateway) == "beta");
}

#[test]
fn links_that_are_swapped_are_noticed() {
    // As Kubernetes does it: main.policy → ..data/main.policy, ..data → a directory.
    let root = tempfile::tempdir().unwrap();
    let mount = root.path().join("mount");
    for (name, text) in [("..one", mock("alpha")), ("..two", mock("beta"))] {
        fs::create_dir_all(mount.join(name)).unwrap();
        fs::write(mount.join(name).join("main.policy"), text).unwrap();
    }
    let link = |target: &str, at: &str| std::os::unix::fs::symlink(target, mount.join(at)).unwrap();
    link("..one", "..data");
    link("..data/main.policy", "main.policy");
    let gateway = Gateway::try_start("", |_| config(&mount, short())).unwrap();
    assert_eq!(model(&gateway), "alpha");
    link("..two", "..data_tmp");
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    wait_until("the new policy", || model(&gateway) == "beta");
}

#[test]
fn a_directory_that_is_replaced_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    let place = |name: &str, text: String| {
        let dir = root.path().join(name);
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("main.policy"), text).unwrap();
        dir
    };
    let dir = place("policy", mock("alpha"));
    let gateway = Gateway::try_start("", |_| config(&dir, short())).unwrap();
    for (number, name) in ["beta", "third"].into_iter().enumerate() {
        let next = place(name, mock(name));
        fs::rename(&dir, root.path().join(format!("old{number}"))).unwrap();
        fs::rename(next, &dir).unwrap();
        wait_until("the new policy", || model(&gateway) == name);
    }
}

#[test]
fn somebody_may_ask_for_it() {
    // The watch waits for quiet for so long that it cannot be quicker.
    let timings = Timings { reload_quiet: Duration::from_secs(2), reload_wait: Duration::from_secs(3), ..short() };
    let gateway = Gateway::with(&mock("alpha"), timings);
    assert_eq!(gateway.server().reloads().ask_and_wait(), "unchanged");
    gateway.rewrite(&mock("beta"));
    assert_eq!(gateway.server().reloads().ask_and_wait(), "ok");
    assert_eq!(model(&gateway), "beta");
    gateway.rewrite("nonsense");
    assert_eq!(gateway.server().reloads().ask_and_wait(), "failed");
    assert_eq!(model(&gateway), "beta");
}

#[test]
fn a_directory_that_is_never_quiet_is_read_all_the_same() {
    let timings = Timings { reload_quiet: Duration::from_secs(1), reload_wait: Duration::from_secs(2), ..short() };
    let gateway = Gateway::with(&mock("alpha"), timings);
    fs::write(gateway.dir.path().join("other.policy"), "// nothing\n").unwrap();
    gateway.rewrite(&mock("beta"));
    wait_until("the new policy", || {
        // A change every few milliseconds, which changes no text.
        let file = fs::File::options().append(true).open(gateway.dir.path().join("other.policy")).unwrap();
        file.set_modified(std::time::SystemTime::now()).unwrap();
        model(&gateway) == "beta"
    });
}

#[test]
fn ready_says_what_is_wrong_in_a_word_and_a_line() {
    let gateway = Gateway::start(&mock("alpha"));
    let (failing, keyed) = (
        format!("{}test \"wrong\" on main {{ given {{ text: \"x\" }} -> reject 400 }}", mock("alpha")),
        format!("tenant t {{ keys: [env(\"HOME\"), env(\"CARGO_PKG_NAME\")] }}\n{}", mock("alpha")),
    );
    let failed = |code: &str| {
        wait_until(code, || outcome(&gateway)["codes"][0] == code);
        let state = outcome(&gateway);
        assert_eq!(state["outcome"], "failed", "{state}");
        assert!(state["error"].as_str().is_some_and(|line| !line.is_empty() && !line.contains('\n')), "{state}");
    };
    gateway.rewrite(&failing);
    failed("P0805");
    gateway.rewrite("route main { default -> nobody }");
    wait_until("a finding", || outcome(&gateway)["codes"][0].as_str().is_some_and(|code| code.starts_with('P')));
    fs::remove_file(gateway.dir.path().join("main.policy")).unwrap();
    failed("empty");
    fs::write(gateway.dir.path().join("main.policy"), [b'a', 0xff]).unwrap();
    failed("unreadable");
    gateway.rewrite(&mock("alpha"));
    wait_until("the files to be again what is in use", || outcome(&gateway)["outcome"] == "unchanged");
    assert_eq!((&outcome(&gateway)["codes"], outcome(&gateway).get("error")), (&serde_json::json!([]), None));
    // With keys declared the line is for those who have one.
    gateway.rewrite(&keyed);
    gateway.await_metric(r#"ccr_policy_reloads_total{outcome="ok"}"#, 2.0);
    gateway.rewrite("nonsense");
    wait_until("the failure", || outcome(&gateway)["outcome"] == "failed");
    assert_eq!(outcome(&gateway).get("error"), None);
    let key = std::env::var("CARGO_PKG_NAME").unwrap();
    let told = gateway.send(&request("GET", "/ready", &[("x-api-key", &key)], "")).json();
    assert!(told["reload"]["error"].is_string(), "{told}");
}

#[test]
fn no_reload_opens_the_gateway() {
    let keyed = format!("tenant t {{ keys: [env(\"CARGO_PKG_NAME\")] }}\n{}", mock("alpha"));
    let gateway = Gateway::start(&keyed);
    let key = std::env::var("CARGO_PKG_NAME").unwrap();
    for open in [mock("beta"), format!("tenant t {{}}\n{}", mock("beta"))] {
        gateway.rewrite(&open);
        assert_eq!(gateway.server().reloads().ask_and_wait(), "failed");
        assert_eq!(outcome(&gateway)["codes"], serde_json::json!(["keys_lost"]));
        gateway.post(CHAT, HELLO).expect(401);
        let told = gateway.send(&request("GET", "/ready", &[("x-api-key", &key)], "")).json();
        assert!(told["reload"]["error"].as_str().is_some_and(|line| line.contains("restart")), "{told}");
    }
    // Other keys, or a change beside them, are no loss.
    gateway.rewrite(&keyed.replace("CARGO_PKG_NAME", "CARGO_PKG_VERSION"));
    assert_eq!(gateway.server().reloads().ask_and_wait(), "ok");
    gateway.post(CHAT, HELLO).expect(401);
}

#[test]
fn a_request_keeps_the_policy_it_began_with_and_rests_survive() {
    let tired = Upstream::new(|number, stream| {
        let _ = match number {
            0 => stream.write_all(&answer("429 Slow down", "retry-after: 60\r\n", "{}")),
            _ => stream.write_all(&answer("200 OK", "", "{}")),
        };
    });
    let slow = Upstream::new(|_, stream| {
        let _ = stream.write_all(format!("{EVENTS}{}", chunk("one")).as_bytes());
        std::thread::sleep(std::time::Duration::from_millis(500));
        let _ = stream.write_all(CHAT_END.as_bytes());
    });
    let text = policy(&[&tired, &slow]);
    let gateway = Gateway::start(&text);
    let mut client = gateway.open();
    client.write(&request("POST", CHAT, &[], HELLO_STREAM));
    let head = client.head();
    gateway.rewrite(&format!("{text}// changed\n"));
    gateway.await_metric(r#"ccr_policy_reloads_total{outcome="ok"}"#, 1.0);
    assert_eq!(head.header("x-ccr-attempts"), "2");
    let mut body = String::new();
    while let Some(piece) = client.chunk() {
        body.push_str(&String::from_utf8(piece).unwrap());
    }
    assert!(body.ends_with(CHAT_END));
    let next = gateway.post(CHAT, HELLO_STREAM).expect(200);
    assert_ne!(next.header("x-ccr-policy"), head.header("x-ccr-policy"));
    assert_eq!(next.header("x-ccr-attempts"), "1", "the alpha model still rests");
}
