//! `ccr-policy diff`: which requests go another way under another policy.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::policy::{counted, open};
use super::replay::{Format, report};
use crate::diag::command;
use crate::dsl::policy::Policy;
use crate::engine::Engine;
use crate::facts::Var;
use crate::prove::Entrance;
use crate::prove::changes::{Change, changes};
use crate::prove::diff::{Changed, Difference, Place, diff};
use crate::record::replay::Replayer;
use crate::record::tally::{Before, Report};

/// The version of the JSON form.
const SCHEMA: u32 = 1;
/// Most groups that are shown to people, and most requests of one.
const SHOWN_GROUPS: usize = 20;
const SHOWN_REGIONS: usize = 3;
/// Most rules that one change is shown to be seen at.
const SHOWN_RULES: usize = 6;
/// Most facts of one request that are shown to people, and the longest.
const SHOWN_FACTS: usize = 6;
const SHOWN_FACT_CHARACTERS: usize = 80;

/// Says which requests go another way under another policy, with one of each, or proves that none
/// does.
///
/// Every request shown is one that both policies were really asked about. With --replay, recorded
/// requests are run through both as well: how many change, and what that costs. Exit code 0:
/// proved that every request goes the same way. 1: some go another way, or it could not be
/// proved, or a recorded one cannot be replayed. 2: could not run.
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
    let path = arguments.new.display().to_string();
    let (policy, replay) = (new.policy(), replayed.as_ref());
    let compared = Compared { found: &found, said: &said, replayed: replay, policy, path: &path };
    super::say(&match arguments.format {
        Format::Human => compared.text().trim_end().to_owned(),
        Format::Json => format!("{:#}", as_json(&compared)),
    });
    let changed = replayed.is_some_and(|report| report.is_different());
    let declared = said.iter().any(|change| change.matters);
    ExitCode::from(u8::from(!found.is_none() || declared || changed))
}

/// Requests that leave one rule for another, or that stay and get other options.
struct Group<'d> {
    from: &'d Place,
    to: &'d Place,
    /// such as `main/short → main/home`
    rules: Vec<String>,
    regions: Vec<&'d Changed>,
}

impl Group<'_> {
    /// What happens is one change, however many rules it is seen at.
    fn is_same(&self, changed: &Changed) -> bool {
        let options = |place: &Place| place.target == changed.from.target && place.target == changed.to.target;
        let only_options = options(&changed.from) && self.from.target == self.to.target;
        let alike = |one: &Place, other: &Place| one.options == other.options;
        only_options && alike(self.from, &changed.from) && alike(self.to, &changed.to)
            || *self.from == changed.from && *self.to == changed.to
    }
}

/// By what changes, most regions first.
fn groups(found: &Difference) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for changed in &found.regions {
        let rule = rules(&changed.from, &changed.to);
        match groups.iter_mut().find(|group| group.is_same(changed)) {
            Some(group) => {
                if !group.rules.contains(&rule) {
                    group.rules.push(rule);
                }
                group.regions.push(changed);
            }
            None => {
                let (from, to) = (&changed.from, &changed.to);
                groups.push(Group { from, to, rules: vec![rule], regions: vec![changed] });
            }
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.regions.len()));
    groups
}

/// Such as `main/short → main/home`, or the rule that stays.
fn rules(from: &Place, to: &Place) -> String {
    if from.decision == to.decision { from.decision.clone() } else { format!("{} → {}", from.decision, to.decision) }
}

/// What was compared.
struct Compared<'d> {
    found: &'d Difference,
    said: &'d [Change],
    replayed: Option<&'d Report>,
    policy: &'d Policy,
    /// where the new policy is
    path: &'d str,
}

impl Compared<'_> {
    fn text(&self) -> String {
        let mut out = String::new();
        let groups = groups(self.found);
        self.summary(&groups, &mut out);
        for line in self.said {
            out.push_str(&format!("{}\n", line.text));
        }
        if !self.said.is_empty() {
            out.push('\n');
        }
        groups.iter().take(SHOWN_GROUPS).for_each(|group| self.group(group, &mut out));
        if let Some(more) = groups.len().checked_sub(SHOWN_GROUPS).filter(|more| *more > 0) {
            out.push_str(&format!("and {}; see --format json\n\n", counted(more, "more change")));
        }
        self.rest(&mut out);
        if let Some(report) = self.replayed {
            out.push_str(&format!("\n{}", report.text()));
        }
        out
    }

    /// One line that says it all.
    fn summary(&self, groups: &[Group<'_>], out: &mut String) {
        if self.found.is_none() {
            out.push_str(match self.said.iter().any(|change| change.matters) {
                false => "proved: every request goes the same way\n",
                true => "proved: the rules lead every request the same way; what is said below may still change it\n",
            });
        } else {
            let parts = [
                (groups.len(), format!("{} of where requests go", counted(groups.len(), "change"))),
                (self.found.possible.len(), counted(self.found.possible.len(), "possible change")),
                (self.said.len(), counted(self.said.len(), "changed declaration")),
            ];
            let parts = parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text);
            let summary = parts.collect::<Vec<_>>().join(", ");
            out.push_str(if summary.is_empty() { "not proved to be the same" } else { &summary });
            out.push('\n');
        }
        out.push('\n');
    }

    fn group(&self, group: &Group<'_>, out: &mut String) {
        let shown: Vec<&str> = group.rules.iter().map(String::as_str).take(SHOWN_RULES).collect();
        out.push_str(&shown.join(", "));
        if let Some(more) = group.rules.len().checked_sub(SHOWN_RULES).filter(|more| *more > 0) {
            out.push_str(&format!(" and {}", counted(more, "more rule")));
        }
        let (was, now) = (difference(group.from, group.to), difference(group.to, group.from));
        out.push_str(&format!("\n  was  {was}\n  now  {now}\n"));
        // What looks the same to people is one: the rest is in the other form.
        let mut shown: Vec<String> = Vec::new();
        for changed in &group.regions {
            let condition = self.condition(changed);
            if shown.len() < SHOWN_REGIONS && !shown.contains(&condition) {
                out.push_str(&format!("  when {condition}\n    try  {}\n", self.command(changed)));
                shown.push(condition);
            }
        }
        out.push('\n');
    }

    /// What could not be decided.
    fn rest(&self, out: &mut String) {
        let mut lines: Vec<String> = Vec::new();
        for unsure in &self.found.possible {
            let by = unsure.by.iter().map(|test| format!(" `{test}`")).collect::<Vec<_>>().join(",");
            let because = if by.is_empty() { by } else { format!(", because of{by}") };
            let who = unsure.entrance.who(self.policy).map_or_else(String::new, |who| format!(" for {who}"));
            let (from, to) = (&unsure.from.decision, &unsure.to.decision);
            lines.push(format!("possible: {from} → {to}{who}; no request was found, and none is excluded{because}\n"));
        }
        lines.dedup();
        out.extend(lines);
        for who in &self.found.alone {
            out.push_str(&format!("requests of {who} come in under one of the policies only\n"));
        }
        if !self.found.complete {
            out.push_str("not all cases could be looked at: there may be more differences\n");
        }
    }

    /// Such as `request.tokens > 200`: what is so, before what is not. In a long route most of the
    /// facts only say that no earlier rule took the request.
    fn condition(&self, changed: &Changed) -> String {
        let is_short = |fact: &&String| fact.chars().count() <= SHOWN_FACT_CHARACTERS;
        let denies = |fact: &&String| fact.starts_with('!');
        let (not, so): (Vec<&String>, Vec<&String>) = changed.facts.iter().filter(is_short).partition(denies);
        let mut shown: Vec<&str> = so.into_iter().chain(not).map(String::as_str).take(SHOWN_FACTS).collect();
        let spread = [Var::SessionId, Var::UserId].into_iter().any(|var| changed.witness.is_given(var));
        if shown.is_empty() && changed.facts.is_empty() {
            shown.push(if spread { "some callers" } else { "any request" });
        }
        let mut text = shown.join(" && ");
        let left_out = changed.facts.len().saturating_sub(changed.facts.len().min(shown.len()));
        if left_out > 0 {
            let more = counted(left_out, "more fact");
            text.push_str(&format!("{}{more}", if text.is_empty() { "" } else { ", and " }));
        }
        match changed.entrance.who(self.policy) {
            Some(who) => format!("{who}, {text}"),
            None => text,
        }
    }

    /// The request to try it with.
    fn command(&self, changed: &Changed) -> String {
        command::explain(Some(self.path), &changed.entrance.arguments(self.policy), &changed.witness.to_text())
    }
}

/// What a place comes to, with those options only that the other one has not.
fn difference(place: &Place, other: &Place) -> String {
    let options = place.options.iter().filter(|option| !other.options.contains(option));
    let options = options.map(String::as_str).collect::<Vec<_>>().join(", ");
    match (place.target == other.target, options.as_str()) {
        (true, "") => "no such option".to_owned(),
        (true, options) => format!("with {{ {options} }}"),
        (false, "") => place.target.clone(),
        (false, options) => format!("{} with {{ {options} }}", place.target),
    }
}

fn as_json(compared: &Compared<'_>) -> Value {
    let Compared { found, said, replayed, policy, .. } = *compared;
    let place = |place: &Place| json!({ "decision": place.decision, "outcome": place.outcome() });
    let tenant = |entrance: &Entrance| Some(policy.tenants.get(entrance.tenant?.index())?.name.as_str());
    let region = |changed: &Changed| {
        json!({
            "tenant": tenant(&changed.entrance),
            "key": changed.entrance.key,
            "facts": changed.facts,
            "given": changed.witness.to_text(),
            "from": place(&changed.from),
            "to": place(&changed.to),
        })
    };
    let possible = found.possible.iter().map(|unsure| {
        let (tenant, key) = (tenant(&unsure.entrance), &unsure.entrance.key);
        json!({ "tenant": tenant, "key": key, "from": place(&unsure.from), "to": place(&unsure.to), "by": unsure.by })
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
