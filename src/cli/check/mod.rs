//! `ccr-policy check`: reads policies and says everything that is wrong with them.

mod pages;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::body::Spoken;
use super::policy::{PolicyPaths, colored, contents, counted};
use super::{complain, say};
use crate::diag::render::Positions;
use crate::diag::{Diagnostic, Label, Severity, SourceId, Sources, command, render};
use crate::upstream::is_set;
use crate::{files, lint};

/// Reads policies and reports everything that is wrong with them.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct CheckArguments {
    #[command(flatten)]
    policies: PolicyPaths,
    /// how findings look
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// `warnings`: exit with 1 for warnings too
    #[arg(long, value_enum)]
    deny: Option<Deny>,
    /// do not look whether environment variables are set
    #[arg(long)]
    no_env: bool,
    /// make the changes that keep the meaning, then report what is left
    #[arg(long, conflicts_with = "watch")]
    fix: bool,
    /// report again at each change, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// also name rules of one route that one request could match both, and that lead elsewhere
    #[arg(long)]
    overlaps: bool,
    /// print what a code means, such as P0303, and do nothing else
    #[arg(long, value_name = "CODE")]
    explain: Option<String>,
    /// print what makes two requests the same for the cache, and what does not count; with the body
    /// of a request (- reads stdin) also what its key is made from
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with = "explain")]
    explain_cache: Option<Option<PathBuf>>,
    /// which protocol the body behind --explain-cache is of; guessed from its shape when left out
    #[arg(long, value_enum, requires = "explain_cache")]
    protocol: Option<Spoken>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// source excerpts, for people
    Human,
    /// one line a finding
    Concise,
    /// one JSON object
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// workflow commands, which GitHub shows at the lines of a pull request
    Github,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Deny {
    /// warnings count as errors
    Warnings,
}

/// One policy that was looked at.
struct Looked {
    path: String,
    sources: Sources,
    findings: Vec<Diagnostic>,
    /// what was proved, a line each
    proved: Vec<String>,
    /// such as `1 route, 7 rules, …`; None for a policy with errors
    contents: Option<String>,
}

/// All that were asked for.
struct AllLooked {
    policies: Vec<Looked>,
    /// one could not be read or written; why is on stderr
    failed: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &CheckArguments) -> ExitCode {
    if let Some(code) = &arguments.explain {
        return pages::explain(code);
    }
    if let Some(request) = &arguments.explain_cache {
        return pages::explain_cache(request.as_ref(), arguments.protocol);
    }
    if arguments.watch {
        return watch::run(arguments);
    }
    report(arguments, &look(arguments))
}

/// Reads and checks every policy; with `--fix` its files are changed before.
fn look(arguments: &CheckArguments) -> AllLooked {
    let mut all = AllLooked { policies: Vec::new(), failed: false };
    let wanted = lint::Wanted {
        overlaps: arguments.overlaps,
        is_set: (!arguments.no_env).then_some(&is_set as &dyn Fn(&str) -> bool),
    };
    for path in arguments.policies.get() {
        let looked = files::read(path).and_then(|sources| {
            let (sources, checked) = if arguments.fix {
                let mended = lint::mend_for(&sources, &wanted);
                write(arguments, &sources, &mended)?;
                (mended.sources, mended.checked)
            } else {
                let checked = lint::check_for(&sources, &wanted);
                (sources, checked)
            };
            let contents = checked.policy.as_ref().map(contents);
            let (mut findings, proved) = (checked.diagnostics, checked.proved);
            findings.iter_mut().for_each(|finding| command::fill_in(finding, &path.display().to_string()));
            Ok(Looked { path: path.display().to_string(), sources, findings, proved, contents })
        });
        match looked {
            Ok(looked) => all.policies.push(looked),
            Err(error) => {
                complain(&error);
                all.failed = true;
            }
        }
    }
    all
}

/// Writes the files that were mended, each at once, and says what was done.
fn write(arguments: &CheckArguments, before: &Sources, mended: &lint::Mended) -> Result<(), files::FilesError> {
    for (id, source) in mended.sources.iter() {
        if before.get(id).is_some_and(|old| old.text != source.text) {
            files::replace(std::path::Path::new(&source.name), &source.text)?;
        }
    }
    if mended.done.is_empty() {
        return Ok(());
    }
    let positions = Positions::new(before);
    let mut lines = String::new();
    for finding in &mended.done {
        let place = finding.primary.as_ref().map_or("", |label| positions.path(label.span));
        let title = finding.fix.as_ref().map_or("", |fix| fix.title.as_str());
        lines.push_str(&format!("fixed {} in {place}: {}: {title}\n", finding.code.as_str(), finding.message));
    }
    // What a program reads from stdout is the report alone.
    if arguments.format == Format::Human {
        say(&lines);
    } else {
        super::warn(&lines);
    }
    Ok(())
}

/// Prints what was found and says what the command ends with.
fn report(arguments: &CheckArguments, all: &AllLooked) -> ExitCode {
    if arguments.format == Format::Human {
        people(arguments, all);
    } else {
        let (findings, sources) = joined(&all.policies);
        let text = match arguments.format {
            Format::Human | Format::Concise => render::concise(&findings, &sources),
            Format::Json => render::json(&findings, &sources),
            Format::Sarif => render::sarif(&findings, &sources),
            Format::Github => render::github(&findings, &sources),
        };
        // A policy that could not be read gives no report that says there is nothing.
        if !(text.is_empty() || all.failed && all.policies.is_empty()) {
            say(text.trim_end());
        }
    }
    let counts = |finding: &Diagnostic| arguments.deny.is_some() || finding.severity == Severity::Error;
    let found = all.policies.iter().flat_map(|policy| &policy.findings).any(counts);
    ExitCode::from(if all.failed { 2 } else { u8::from(found) })
}

/// The report for people: a policy after the other, each with its sum, and the sum of all.
fn people(arguments: &CheckArguments, all: &AllLooked) {
    for (number, policy) in all.policies.iter().enumerate() {
        let text = render::human(&policy.findings, &policy.sources, colored());
        let gap = if number > 0 && !text.is_empty() { "\n" } else { "" };
        if !text.is_empty() {
            say(&format!("{gap}{}\n", text.trim_end()));
        }
        policy.proved.iter().for_each(|line| say(line));
        say(&sum_up(policy, arguments.policies.get().len() > 1));
    }
    let count = |severity| {
        all.policies
            .iter()
            .flat_map(|policy| &policy.findings)
            .filter(move |finding| finding.severity == severity)
            .count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if all.policies.len() > 1 {
        let clean = all.policies.iter().filter(|policy| policy.findings.is_empty()).count();
        let policies = match all.policies.len() {
            1 => "1 policy".to_owned(),
            many => format!("{many} policies"),
        };
        let found = if errors + warnings > 0 { format!(", {}", tally(errors, warnings)) } else { String::new() };
        say(&format!("\n{policies}: {clean} clean{found}"));
    }
    let mendable = all
        .policies
        .iter()
        .flat_map(|policy| &policy.findings)
        .filter(|finding| finding.fix.as_ref().is_some_and(|fix| fix.safe))
        .count();
    if mendable > 0 {
        let them = if mendable == 1 { "1 of them is" } else { &format!("{mendable} of them are") };
        say(&format!("{them} mended by `check --fix`"));
    }
    if let [policy] = all.policies.as_slice()
        && policy.findings.is_empty()
        && std::io::IsTerminal::is_terminal(&std::io::stdout())
    {
        let path = &policy.path;
        say(&format!("next: ccr-policy test {path} · ccr-policy serve --policy {path}"));
    }
}

/// Such as `2 errors, 1 warning in 3 files`, or `policies/demo: clean — 2 routes, 7 rules, 5 models`.
fn sum_up(policy: &Looked, named: bool) -> String {
    let count = |severity| policy.findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if let (Some(contents), 0) = (&policy.contents, errors + warnings) {
        return format!("{}: clean — {contents}", policy.path);
    }
    let name = if named { format!("{}: ", policy.path) } else { String::new() };
    format!("{name}{} in {}", tally(errors, warnings), counted(policy.sources.iter().count(), "file"))
}

/// Such as `2 errors, 1 warning`.
fn tally(errors: usize, warnings: usize) -> String {
    match (errors, warnings) {
        (0, _) => counted(warnings, "warning"),
        (_, 0) => counted(errors, "error"),
        _ => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    }
}

/// The findings of all policies over one list of texts, for formats that are one document.
fn joined(policies: &[Looked]) -> (Vec<Diagnostic>, Sources) {
    let (mut findings, mut sources) = (Vec::new(), Sources::default());
    for policy in policies {
        let offset = u32::try_from(sources.iter().count()).unwrap_or(u32::MAX);
        let moved = |label: &mut Label| label.span.source = SourceId(label.span.source.0.saturating_add(offset));
        for finding in &policy.findings {
            let mut finding = finding.clone();
            finding.primary.iter_mut().chain(&mut finding.secondary).for_each(moved);
            for edit in finding.fix.iter_mut().flat_map(|fix| &mut fix.edits) {
                edit.span.source = SourceId(edit.span.source.0.saturating_add(offset));
            }
            findings.push(finding);
        }
        for (_, source) in policy.sources.iter() {
            sources.add(source.name.as_str(), source.text.as_str());
        }
    }
    (findings, sources)
}
