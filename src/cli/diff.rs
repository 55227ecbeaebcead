//! `ccr-policy diff`: which requests go another way under another policy.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::policy::open;
use super::replay::{Format, report};
use crate::engine::Engine;
use crate::prove::changes::{Change, changes};
use crate::prove::diff::{Changed, Difference, Place, diff};
use crate::record::replay::Replayer;
use crate::record::tally::{Before, Report};

/// The version of the JSON form.
const SCHEMA: u32 = 1;
/// Most groups that are shown to people, and most requests of one.
const SHOWN_GROUPS: usize = 20;
const SHOWN_REGIONS: usize = 3;
/// Most facts of one request that are shown to people, and the longest.
const SHOWN_FACTS: usize = 6;
const SHOWN_FACT_CHARACTERS: usize = 80;

/// Says which requests go another way under another policy, with one of each, or proves that none
/// does.
///
/// Every request shown is one that both policies were really asked about. With --replay, recorded
/// requests are run through both as well: how many change, and what that costs. Exit code 0:
/// proved that every request goes the same way. 1: some go another way, or it could not be
/// proved. 2: could not run.
#[derive(Debug, Args)]
pub(super) struct DiffArguments {
    /// The policy as it was: a directory with `*.policy` files, or one file
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The policy as it is to be
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// A file that `serve --record` wrote
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// How to print the outcome
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Runs the command.
pub(super) fn run(arguments: &DiffArguments) -> ExitCode {
    let (Ok(old), Ok(new)) = (open(&arguments.old), open(&arguments.new)) else { return ExitCode::from(2) };
    let (old, new) = (Engine::new(Arc::new(old.policy)), Engine::new(Arc::new(new.policy)));
    let found = diff(&old, &new);
    let said = changes(old.policy(), new.policy());
    let replayed = arguments.replay.as_ref().map(|path| {
        let before = Before::Policy(Box::new(Replayer::new(&old)));
        report(before, &new, path)
    });
    let replayed = match replayed.transpose() {
        Ok(replayed) => replayed,
        Err(error) => {
            super::complain(&error);
            return ExitCode::from(2);
        }
    };
    super::say(&match arguments.format {
        Format::Human => text(&found, &said, replayed.as_ref()).trim_end().to_owned(),
        Format::Json => format!("{:#}", as_json(&found, &said, replayed.as_ref())),
    });
    let changed = replayed.is_some_and(|report| report.changed > 0);
    let declared = said.iter().any(|change| change.matters);
    ExitCode::from(u8::from(!found.is_none() || declared || changed))
}

/// Requests that leave one rule for another.
struct Group<'d> {
    from: &'d Place,
    to: &'d Place,
    regions: Vec<&'d Changed>,
}

/// By the rules that they leave and reach, most regions first.
fn groups(found: &Difference) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for changed in &found.regions {
        match groups.iter_mut().find(|group| *group.from == changed.from && *group.to == changed.to) {
            Some(group) => group.regions.push(changed),
            None => groups.push(Group { from: &changed.from, to: &changed.to, regions: vec![changed] }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.regions.len()));
    groups
}

fn text(found: &Difference, said: &[Change], replayed: Option<&Report>) -> String {
    let mut out = String::new();
    for line in said {
        out.push_str(&format!("{}\n", line.text));
    }
    if !said.is_empty() {
        out.push('\n');
    }
    if found.is_none() {
        out.push_str(match said.iter().any(|change| change.matters) {
            false => "proved: every request goes the same way\n",
            true => "proved: the rules lead every request the same way; what is said above may still change it\n",
        });
    }
    let groups = groups(found);
    for group in groups.iter().take(SHOWN_GROUPS) {
        let (from, to) = (group.from, group.to);
        out.push_str(&format!("{} → {}\n", from.decision, to.decision));
        out.push_str(&format!("  was  {}\n  now  {}\n", from.outcome, to.outcome));
        // What looks the same to people is one: the rest is in the other form.
        let mut shown: Vec<String> = Vec::new();
        for changed in &group.regions {
            let condition = condition(changed);
            if shown.len() < SHOWN_REGIONS && !shown.contains(&condition) {
                out.push_str(&format!("  when {condition}\n    try  {}\n", command(changed)));
                shown.push(condition);
            }
        }
        out.push('\n');
    }
    if let Some(more) = groups.len().checked_sub(SHOWN_GROUPS).filter(|more| *more > 0) {
        out.push_str(&format!("and {more} more pairs of rules; see --format json\n\n"));
    }
    for unsure in &found.possible {
        let by = unsure.by.iter().map(|test| format!(" `{test}`")).collect::<Vec<_>>().join(",");
        let because = if by.is_empty() { by } else { format!(", because of{by}") };
        let (from, to) = (&unsure.from.decision, &unsure.to.decision);
        out.push_str(&format!("possible: {from} → {to}; no request was found, and none is excluded{because}\n"));
    }
    for who in &found.alone {
        out.push_str(&format!("requests of {who} come in under one of the policies only\n"));
    }
    if !found.complete {
        out.push_str("not all cases could be looked at: there may be more differences\n");
    }
    if let Some(report) = replayed {
        out.push_str(&format!("\n{}", report.text()));
    }
    out
}

/// Such as `request.tokens > 200`: what is so, before what is not. In a long route most of the facts
/// only say that no earlier rule took the request.
fn condition(changed: &Changed) -> String {
    let is_short = |fact: &&String| fact.chars().count() <= SHOWN_FACT_CHARACTERS;
    let denies = |fact: &&String| fact.starts_with('!');
    let (not, so): (Vec<&String>, Vec<&String>) = changed.facts.iter().filter(is_short).partition(denies);
    let mut shown: Vec<&str> = so.into_iter().chain(not).map(String::as_str).take(SHOWN_FACTS).collect();
    if shown.is_empty() && changed.facts.is_empty() {
        shown.push("always");
    }
    let mut text = shown.join(" && ");
    let left_out = changed.facts.len().saturating_sub(shown.len());
    if left_out > 0 {
        text.push_str(&format!("{}{left_out} more facts", if text.is_empty() { "" } else { ", and " }));
    }
    match &changed.tenant {
        Some(tenant) => format!("tenant {tenant}, {text}"),
        None => text,
    }
}

/// The request to try it with.
fn command(changed: &Changed) -> String {
    let asks = changed.tenant.as_ref().map_or_else(String::new, |name| format!("--tenant {name} "));
    format!("ccr-policy explain {asks}--given '{}'", changed.witness.to_text().replace('\'', r"'\''"))
}

fn as_json(found: &Difference, said: &[Change], replayed: Option<&Report>) -> Value {
    let place = |place: &Place| json!({ "decision": place.decision, "outcome": place.outcome });
    let region = |changed: &Changed| {
        json!({
            "tenant": changed.tenant,
            "facts": changed.facts,
            "given": changed.witness.to_text(),
            "from": place(&changed.from),
            "to": place(&changed.to),
        })
    };
    let possible = found.possible.iter().map(|unsure| {
        json!({ "tenant": unsure.tenant, "from": place(&unsure.from), "to": place(&unsure.to), "by": unsure.by })
    });
    json!({
        "schema": SCHEMA,
        "same": found.is_none() && !said.iter().any(|change| change.matters),
        "complete": found.complete,
        "not_compared": found.alone,
        "changes": said.iter().map(|change| change.text.as_str()).collect::<Vec<_>>(),
        "regions": found.regions.iter().map(region).collect::<Vec<_>>(),
        "possible": possible.collect::<Vec<_>>(),
        "replay": replayed,
    })
}
