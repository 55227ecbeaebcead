//! P0501: routes that call each other for ever.

use crate::diag::{Code, Diagnostic, Span};
use crate::dsl::resolve::Lowered;

/// Reports each cycle once, with the routes it passes.
pub(super) fn check(lowered: &Lowered, findings: &mut Vec<Diagnostic>) {
    let count = lowered.policy.routes.len();
    let mut calls: Vec<Vec<(usize, Span)>> = vec![Vec::new(); count];
    for (from, to, span) in &lowered.calls {
        if let Some(list) = calls.get_mut(*from) {
            list.push((*to, *span));
        }
    }
    let mut done = vec![false; count];
    let mut on_path = vec![false; count];
    for start in 0..count {
        walk(start, &calls, &mut done, &mut on_path, lowered, findings);
    }
}

/// A depth-first walk without recursion: a chain of routes may be long.
fn walk(
    start: usize,
    calls: &[Vec<(usize, Span)>],
    done: &mut [bool],
    on_path: &mut [bool],
    lowered: &Lowered,
    findings: &mut Vec<Diagnostic>,
) {
    let mut path: Vec<(usize, usize)> = vec![(start, 0)];
    while let Some((route, next)) = path.pop() {
        if done.get(route).copied().unwrap_or(true) && next == 0 {
            continue;
        }
        set(on_path, route, true);
        let Some((to, span)) = calls.get(route).and_then(|list| list.get(next)).copied() else {
            set(on_path, route, false);
            set(done, route, true);
            continue;
        };
        path.push((route, next + 1));
        if on_path.get(to).copied().unwrap_or(false) {
            report(&path, to, span, lowered, findings);
        } else if !done.get(to).copied().unwrap_or(true) {
            path.push((to, 0));
        }
    }
}

fn set(flags: &mut [bool], at: usize, value: bool) {
    if let Some(flag) = flags.get_mut(at) {
        *flag = value;
    }
}

fn report(path: &[(usize, usize)], to: usize, span: Span, lowered: &Lowered, findings: &mut Vec<Diagnostic>) {
    let name = |route: usize| lowered.policy.routes.get(route).map_or("", |route| route.name.as_str());
    let from = path.iter().position(|(route, _)| *route == to).unwrap_or(0);
    let mut shown: Vec<String> = path.iter().skip(from).map(|(route, _)| format!("`{}`", name(*route))).collect();
    shown.push(format!("`{}`", name(to)));
    findings.push(
        Diagnostic::new(Code::P0501, span, format!("routes call each other in a cycle: {}", shown.join(" → ")))
            .label("closes the cycle")
            .help("let one of them end in a model or a refusal"),
    );
}
