//! What the page says after things were counted.

use super::*;

const WORDS: Vocabulary = Vocabulary { protocols: &["anthropic", "openai"], failures: &["timeout", "server"] };

fn names() -> Names {
    Names {
        digest: "0123456789abcdef".to_owned(),
        routes: vec![("main".to_owned(), vec!["long".to_owned(), "default".to_owned()])],
        models: vec![("small".to_owned(), 1), ("large".to_owned(), 0)],
        providers: vec!["far".to_owned(), "near".to_owned()],
        tenants: vec!["acme".to_owned()],
    }
}

fn in_use(metrics: &Metrics, names: Names) -> Arc<Table> {
    let table = metrics.policy(names);
    metrics.use_policy(&table);
    table
}

fn ended(rule: Option<(u32, u32)>, model: Option<u32>, outcome: Outcome) -> Ended {
    Ended { rule, model, protocol: 1, outcome, duration: Duration::from_millis(300) }
}

/// The lines of a page that begin with a name, without it.
fn lines(metrics: &Metrics, family: &str) -> Vec<String> {
    let page = metrics.render().unwrap();
    page.lines().filter_map(|line| line.strip_prefix(family)).map(str::to_owned).collect()
}

#[test]
fn counts_requests_by_number() {
    let metrics = Metrics::new(WORDS).unwrap();
    let table = in_use(&metrics, names());
    table.request(ended(Some((0, 0)), Some(0), Outcome::Ok));
    table.request(ended(Some((0, 0)), Some(0), Outcome::Ok));
    table.request(ended(Some((0, 1)), None, Outcome::Rejected));
    table.request(ended(None, None, Outcome::ClientError));
    table.request(ended(Some((7, 7)), Some(7), Outcome::Internal));
    assert_eq!(
        lines(&metrics, "ccr_requests_total"),
        [
            r#"{model="none",outcome="client_error",protocol="openai",provider="none",route="none",rule="none"} 1"#,
            r#"{model="none",outcome="internal",protocol="openai",provider="none",route="none",rule="none"} 1"#,
            r#"{model="none",outcome="rejected",protocol="openai",provider="none",route="main",rule="default"} 1"#,
            r#"{model="small",outcome="ok",protocol="openai",provider="near",route="main",rule="long"} 2"#,
        ]
    );
    assert_eq!(
        lines(&metrics, "ccr_request_duration_seconds_count"),
        [r#"{model="none",provider="none"} 3"#, r#"{model="small",provider="near"} 2"#]
    );
}

#[test]
fn counts_attempts_tokens_and_cost() {
    let metrics = Metrics::new(WORDS).unwrap();
    let table = in_use(&metrics, names());
    table.attempt(1, AttemptOutcome::Failed(1), Duration::from_secs(1));
    table.attempt(1, AttemptOutcome::Ok, Duration::from_secs(1));
    table.attempt(0, AttemptOutcome::ClientError, Duration::from_secs(1));
    table.tokens(1, TokenKind::CacheRead, TokenSource::Reported, 40);
    table.tokens(1, TokenKind::Output, TokenSource::Estimated, 0);
    table.cost(1, Some(0), Some(0.25));
    table.cost(1, None, Some(0.5));
    table.cost(1, None, Some(f64::NAN));
    table.cost(0, None, None);
    assert_eq!(
        lines(&metrics, "ccr_attempts_total"),
        [
            r#"{model="large",outcome="ok",provider="far"} 1"#,
            r#"{model="large",outcome="server",provider="far"} 1"#,
            r#"{model="small",outcome="client_error",provider="near"} 1"#
        ]
    );
    assert_eq!(lines(&metrics, "ccr_errors_total"), [r#"{kind="server",provider="far"} 1"#]);
    assert_eq!(lines(&metrics, "ccr_tokens_total"), [r#"{kind="cache_read",model="large",source="reported"} 40"#]);
    assert_eq!(
        lines(&metrics, "ccr_cost_usd_total"),
        [
            r#"{model="large",provider="far",tenant="acme"} 0.25"#,
            r#"{model="large",provider="far",tenant="default"} 0.5"#
        ]
    );
    assert_eq!(lines(&metrics, "ccr_unpriced_requests_total"), [r#"{model="small",provider="near"} 1"#]);
}

#[test]
fn a_reload_removes_what_it_does_not_name() {
    let metrics = Metrics::new(WORDS).unwrap();
    let old = in_use(&metrics, names());
    old.request(ended(Some((0, 0)), Some(0), Outcome::Ok));
    old.request(ended(Some((0, 1)), Some(1), Outcome::Ok));
    old.cost(0, Some(0), Some(1.0));
    old.cost(1, None, Some(1.0));
    old.condition_error(0, 0);
    // `small` moves to another provider, the rule `long` and the tenant go.
    let mut names = names();
    names.digest = "new".to_owned();
    names.models[0].1 = 0;
    names.routes[0].1.remove(0);
    names.tenants.clear();
    let new = in_use(&metrics, names);
    let left = r#"{model="large",outcome="ok",protocol="openai",provider="far",route="main",rule="default"} 1"#;
    assert_eq!(lines(&metrics, "ccr_requests_total"), [left]);
    assert_eq!(lines(&metrics, "ccr_cost_usd_total"), [r#"{model="large",provider="far",tenant="default"} 1"#]);
    assert_eq!(lines(&metrics, "ccr_condition_errors_total"), [] as [&str; 0]);
    assert_eq!(lines(&metrics, "ccr_policy_info"), [r#"{digest="new"} 1"#]);
    // A late request of the old policy goes when that policy does.
    old.request(ended(Some((0, 0)), Some(1), Outcome::Ok));
    drop(old);
    assert_eq!(lines(&metrics, "ccr_requests_total"), [left]);
    new.request(ended(Some((0, 0)), Some(1), Outcome::Ok));
    assert_eq!(lines(&metrics, "ccr_requests_total"), [left.replace("} 1", "} 2")]);
}

#[test]
fn a_policy_that_is_not_in_use_changes_nothing() {
    let metrics = Metrics::new(WORDS).unwrap();
    let table = in_use(&metrics, names());
    table.request(ended(Some((0, 0)), Some(0), Outcome::Ok));
    let before = (lines(&metrics, "ccr_requests_total"), lines(&metrics, "ccr_policy_info"));
    let other = metrics.policy(Names { digest: "other".to_owned(), ..Names::default() });
    drop(other);
    assert_eq!((lines(&metrics, "ccr_requests_total"), lines(&metrics, "ccr_policy_info")), before);
    assert_eq!(before.0.len(), 1);
}

#[test]
fn a_huge_policy_has_no_series_a_rule() {
    let rules = (0..2_000).map(|rule| format!("rule-{rule}")).collect();
    let names = Names { routes: vec![("main".to_owned(), rules)], ..names() };
    assert!(!names.names_each_rule());
    let metrics = Metrics::new(WORDS).unwrap();
    let table = in_use(&metrics, names);
    table.request(ended(Some((0, 5)), Some(0), Outcome::Ok));
    table.request(ended(Some((0, 1_999)), Some(0), Outcome::Ok));
    table.condition_error(0, 1_000);
    assert_eq!(
        lines(&metrics, "ccr_requests_total"),
        [r#"{model="small",outcome="ok",protocol="openai",provider="near",route="main",rule="*"} 2"#]
    );
    assert_eq!(lines(&metrics, "ccr_condition_errors_total"), [r#"{route="main",rule="*"} 1"#]);
}

#[test]
fn gauges_follow_what_they_measure() {
    let metrics = Metrics::new(WORDS).unwrap();
    let streams = [metrics.stream(), metrics.stream()];
    metrics.cache_bytes(77);
    assert_eq!(
        (lines(&metrics, "ccr_streams_open"), lines(&metrics, "ccr_cache_bytes")),
        (vec![" 2".into()], vec![" 77".into()])
    );
    drop(streams);
    assert_eq!(lines(&metrics, "ccr_streams_open"), [" 0"]);
}

/// What `promtool check metrics` looks for, on a page with every family.
#[test]
fn the_page_is_well_formed() {
    let metrics = Metrics::new(WORDS).unwrap();
    let table = in_use(&metrics, names());
    table.request(ended(Some((0, 0)), Some(0), Outcome::Ok));
    table.attempt(0, AttemptOutcome::Failed(0), Duration::from_secs(1));
    table.first_token(0, Duration::from_millis(9));
    table.tokens(0, TokenKind::Input, TokenSource::Reported, 1);
    table.cost(0, None, Some(1.0));
    table.cost(0, None, None);
    table.condition_error(0, 0);
    metrics.overhead(Duration::from_micros(60));
    metrics.decision(Duration::from_nanos(800));
    metrics.cache(CacheResult::Shared);
    metrics.counted(0, CountedBy::Gateway);
    metrics.reload(true);
    let page = metrics.render().unwrap();
    let shown = |(name, _): &(String, _)| page.contains(&format!("# TYPE {name} "));
    assert!(metrics.families().iter().all(shown), "{page}");
    let families: Vec<(&str, &str)> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    assert_eq!(
        families.iter().filter(|(name, _)| name.starts_with("ccr_")).count(),
        metrics.families().len(),
        "{page}"
    );
    assert!(families.iter().any(|(name, _)| *name == "process_resident_memory_bytes"));
    for (name, kind) in families {
        let help = page.lines().find_map(|line| line.strip_prefix(&format!("# HELP {name} ")));
        assert!(help.is_some_and(|help| !help.is_empty()), "{name} has no help");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
    }
}
