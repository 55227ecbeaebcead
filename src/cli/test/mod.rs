//! `ccr-policy test`: the policy's own tests, and how good they are.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::policy::{Opened, PolicyPaths, colored, colored_stderr, counted, open};
use crate::dsl::format::format;
use crate::dsl::policy::Policy;
use crate::engine::{Engine, cases};
use crate::trial::mutate::{self, Mutants};
use crate::trial::{self, Judged, Missing, coverage, suggest};

/// Runs the `test` blocks of a policy.
///
/// Each case gives facts and says which models have to be tried, in order, and by which rule.
/// Exit code 0: all passed. 1: a case failed, less is covered than asked for, or the policy has
/// errors. 2: could not run, or no title contains the text behind --filter.
#[derive(Debug, Args)]
pub(super) struct TestArguments {
    #[command(flatten)]
    policies: PolicyPaths,
    /// Only tests whose title contains this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// What the cases reach of rules, atoms of conditions and attempts, and why not the rest; with
    /// `=mcdc`, whether each atom was shown to decide alone too
    #[arg(long, value_enum, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "usual")]
    coverage: Option<Covered>,
    /// Exit code 1 when less than this share of everything is covered, in percent; implies --coverage
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    coverage_min: Option<u8>,
    /// Changes the policy in small ways, one at a time, and lists what no case would notice, with a
    /// case that would
    #[arg(long)]
    mutate: bool,
    /// Exit code 1 when less than this share of mutants is noticed, in percent; implies --mutate
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    mutate_min: Option<u8>,
    /// Prints the cases that are missing as `test` blocks, for everything that is not covered (and,
    /// with --mutate, not noticed); the report goes to stderr
    #[arg(long)]
    suggest: bool,
    /// Appends those blocks to this policy file instead; it is made when it is not there
    #[arg(long, value_name = "FILE", requires = "suggest")]
    write: Option<PathBuf>,
    /// How to print the outcome
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Covered {
    /// rules, atoms, attempts
    Usual,
    /// and atoms that decide alone
    Mcdc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// a line a test, and why a case failed
    Human,
    /// for programs
    Json,
    /// for CI systems: JUnit's XML
    Junit,
}

const NO_TESTS: &str = "the policy has no tests; write what has to come out, such as

  test \"usual\" on main {
    given { text: \"hello\" } -> coder then mini by default
  }";

/// Runs the command.
pub(super) fn run(arguments: &TestArguments) -> ExitCode {
    let paths = arguments.policies.get();
    let mut code = Code::Clean;
    let mut judged = Vec::with_capacity(paths.len());
    let mut unread = Vec::new();
    for path in &paths {
        match judge(arguments, path) {
            Ok(one) => {
                code = code.max(verdict(arguments, &one));
                if arguments.format == Format::Human {
                    print_human(arguments, &one, paths.len() > 1);
                }
                code = code.max(hand_out(arguments, &one));
                judged.push(one);
            }
            Err(Problem::Unread(problem)) => {
                code = code.max(problem);
                unread.push(path.display().to_string());
            }
            Err(Problem::NotAsked) => code = Code::CouldNotRun,
        }
    }
    print_rest(arguments, &judged, &unread);
    if code == Code::Clean {
        say_what_next(arguments, &judged);
    }
    code.into()
}

/// What a command ends with; the worst of all policies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Code {
    Clean,
    Findings,
    CouldNotRun,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        match code {
            Code::Clean => Self::SUCCESS,
            Code::Findings => Self::from(1),
            Code::CouldNotRun => Self::from(2),
        }
    }
}

/// Why a policy's tests did not run; it is on stderr already.
enum Problem {
    /// the policy has errors, or cannot be read
    Unread(Code),
    /// it was asked for in a way that means nothing: a filter that leaves no test, a word that is no path
    NotAsked,
}

/// Runs everything that was asked for on one policy.
fn judge(arguments: &TestArguments, path: &Path) -> Result<Judged, Problem> {
    if let Some(problem) = no_policy_but_a_kind(arguments, path) {
        super::complain_plainly(&problem);
        return Err(Problem::NotAsked);
    }
    let Opened { policy, sources } = open(path)
        .map_err(|code| Problem::Unread(if code == ExitCode::from(1) { Code::Findings } else { Code::CouldNotRun }))?;
    let engine = Engine::new(Arc::new(policy));
    let filter = arguments.filter.as_deref().unwrap_or_default();
    if let Some(problem) = no_such_title(engine.policy(), filter) {
        super::complain_plainly(&problem);
        return Err(Problem::NotAsked);
    }
    let (report, recorded) = cases::run_recorded(&engine, filter);
    let policy = engine.policy();
    let coverage = wanted(arguments).map(|wanted| coverage::measure(policy, &recorded, wanted));
    let mutants = wants_mutants(arguments).then(|| mutate::mutate(&engine, filter));
    let suggested = arguments.suggest.then(|| {
        let suggested = suggest::suggest(&engine, recorded, wanted(arguments).unwrap_or_default());
        let noticing = mutants.iter().flat_map(Mutants::unnoticed).filter_map(|one| one.case.clone());
        Missing::new(policy, suggested, noticing.collect())
    });
    Ok(Judged { path: path.display().to_string(), sources, report, coverage, mutants, suggested })
}

/// `--coverage mcdc` reads as a path: without a value the option has its usual one.
fn no_policy_but_a_kind(arguments: &TestArguments, path: &Path) -> Option<String> {
    let kind = Covered::from_str(path.to_str()?, false).ok()?.to_possible_value()?;
    let is_meant = arguments.coverage.is_some() && !path.exists();
    is_meant.then(|| {
        format!("error: there is no policy at `{0}`; the kind stands behind `=`: --coverage={0}", kind.get_name())
    })
}

fn wants_mutants(arguments: &TestArguments) -> bool {
    arguments.mutate || arguments.mutate_min.is_some()
}

fn wanted(arguments: &TestArguments) -> Option<coverage::Wanted> {
    let is_asked = arguments.coverage.is_some() || arguments.coverage_min.is_some();
    is_asked.then_some(coverage::Wanted { mcdc: arguments.coverage == Some(Covered::Mcdc) })
}

fn verdict(arguments: &TestArguments, judged: &Judged) -> Code {
    if judged.report.is_broken() {
        return Code::CouldNotRun;
    }
    let is_too_little = !too_little(arguments, judged).is_empty();
    if judged.report.failed() > 0 || is_too_little { Code::Findings } else { Code::Clean }
}

/// What is less than was asked for, a sentence each.
fn too_little(arguments: &TestArguments, judged: &Judged) -> Vec<String> {
    let shares = [
        ("covered", judged.coverage.as_ref().map(|coverage| coverage.all().percent()), arguments.coverage_min),
        ("noticed", judged.mutants.as_ref().map(Mutants::percent), arguments.mutate_min),
    ];
    let mut sentences = Vec::new();
    for (what, percent, least) in shares {
        let (Some(percent), Some(least)) = (percent, least) else { continue };
        if percent < usize::from(least) {
            sentences.push(format!("{percent} % are {what}, less than the {least} % asked for"));
        }
    }
    sentences
}

fn print_human(arguments: &TestArguments, judged: &Judged, is_one_of_many: bool) {
    // What is suggested has stdout to itself.
    let (color, say): (bool, fn(&str)) =
        if arguments.suggest { (colored_stderr(), super::complain_plainly) } else { (colored(), super::say) };
    if is_one_of_many {
        say(&format!("{}:", judged.path));
    }
    if judged.report.cases.is_empty() {
        say(NO_TESTS);
    } else {
        say(judged.report.text(&judged.sources, color).trim_end());
    }
    if let Some(coverage) = &judged.coverage {
        say(&format!("\n{}", coverage.text(&judged.sources, color).trim_end()));
    }
    if let Some(mutants) = &judged.mutants {
        say(&format!("\n{}", mutants.text(&judged.sources, color).trim_end()));
    }
    too_little(arguments, judged).iter().for_each(|sentence| say(&format!("\n{sentence}")));
    if is_one_of_many {
        say("");
    }
}

/// Prints or appends the cases that are missing.
fn hand_out(arguments: &TestArguments, judged: &Judged) -> Code {
    let Some(missing) = &judged.suggested else { return Code::Clean };
    let text = missing.text();
    let Some(path) = &arguments.write else {
        match (arguments.format, text.trim_end()) {
            (Format::Human, "") => super::complain_plainly("nothing is missing"),
            (Format::Human, text) => super::say(text),
            _ => {}
        }
        return Code::Clean;
    };
    if missing.blocks.is_empty() {
        super::complain_plainly("nothing to append: no case is missing, or none was found");
        return Code::Clean;
    }
    if let Err(problem) = can_take(path) {
        super::complain_plainly(&problem);
        return Code::CouldNotRun;
    }
    match append(path, &text) {
        Ok(()) => {
            let cases = counted(missing.cases, "case");
            super::complain_plainly(&format!("appended {cases} to {}", path.display()));
            if !is_part_of(path, Path::new(&judged.path)) {
                let policy = &judged.path;
                super::complain_plainly(&format!(
                    "note: it is no file of `{policy}`, so `ccr-policy test {policy}` does not run them"
                ));
            }
            Code::Clean
        }
        Err(source) => {
            super::complain(&WriteError { path: path.clone(), source });
            Code::CouldNotRun
        }
    }
}

/// Why suggested cases were not written.
#[derive(Debug, thiserror::Error)]
#[error("cannot append to `{}`: {source}", path.display())]
struct WriteError {
    path: PathBuf,
    source: std::io::Error,
}

/// Whether a block can stand at the end of a file: behind an open bracket it would be lost.
fn can_take(path: &Path) -> Result<(), String> {
    let shown = path.display();
    if path.extension().is_none_or(|extension| extension != "policy") {
        return Err(format!("error: `{shown}` is not a `.policy` file, so nobody would read the cases in it"));
    }
    let Ok(text) = std::fs::read_to_string(path) else { return Ok(()) };
    let parses = format(&shown.to_string(), &text).is_ok();
    parses.then_some(()).ok_or_else(|| format!("error: `{shown}` does not parse; `ccr-policy check {shown}` says why"))
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    let gap = if file.metadata()?.len() == 0 { "" } else { "\n" };
    file.write_all(format!("{gap}{}\n", text.trim_end()).as_bytes())
}

/// Whether a file is read as part of a policy. What cannot be told is taken for one.
fn is_part_of(file: &Path, policy: &Path) -> bool {
    let Ok(file) = file.canonicalize() else { return true };
    let Ok(files) = crate::files::list(policy) else { return true };
    files.iter().any(|one| one.canonicalize().is_ok_and(|one| one == file))
}

/// What is printed once, for all policies together.
fn print_rest(arguments: &TestArguments, judged: &[Judged], unread: &[String]) {
    let paths = judged.len().saturating_add(unread.len());
    match arguments.format {
        Format::Human if paths > 1 => {
            let failed: usize = judged.iter().map(|one| one.report.failed()).sum();
            let cases: usize = judged.iter().map(|one| one.report.cases.len()).sum();
            let unread = unread.len();
            let unread = if unread == 0 { String::new() } else { format!(", {unread} could not be run") };
            let policies = if paths == 1 { "1 policy".to_owned() } else { format!("{paths} policies") };
            let passed = counted(cases.saturating_sub(failed), "case");
            super::say(&format!("{policies}: {passed} passed, {failed} failed{unread}"));
        }
        Format::Human => {}
        // Only a filter leaves neither.
        Format::Json | Format::Junit if paths == 0 => {}
        Format::Json => match judged {
            [one] if paths == 1 => super::say(&format!("{:#}", one.json())),
            _ => super::say(&format!("{:#}", trial::json(judged, unread))),
        },
        Format::Junit => match trial::junit(judged, unread) {
            Ok(text) => super::say(text.trim_end()),
            Err(error) => super::complain(&error),
        },
    }
}

/// A filter that leaves nothing is a mistake: whoever relies on it must not read "passed".
fn no_such_title(policy: &Policy, filter: &str) -> Option<String> {
    let tests = &policy.tests;
    if filter.is_empty() || tests.iter().any(|test| test.title.contains(filter)) {
        return None;
    }
    let titles: String = tests.iter().map(|test| format!("\n  {}", test.title)).collect();
    let known =
        if titles.is_empty() { "the policy has no tests".to_owned() } else { format!("the titles are:{titles}") };
    Some(format!("error: no test has `{filter}` in its title; {known}"))
}

/// For people at a terminal only: programs read the same as ever.
fn say_what_next(arguments: &TestArguments, judged: &[Judged]) {
    let [one] = judged else { return };
    if arguments.format == Format::Human && !one.report.cases.is_empty() && std::io::stdout().is_terminal() {
        super::say(&format!("next: ccr-policy serve --policy {}", one.path));
    }
}
