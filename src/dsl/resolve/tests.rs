//! `test` blocks: facts, live state, what has to come out.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{FactReader, Lower};
use crate::diag::suggest::nearest;
use crate::diag::{Code, Diagnostic, Span};
use crate::dsl::ast::{self, Expected, Item, Word};
use crate::dsl::policy::{Case, Outcome, Test};

impl Lower<'_, '_> {
    pub(super) fn tests(&mut self, items: &[Item]) {
        let rules: FxHashMap<String, FxHashSet<String>> = self
            .policy
            .routes
            .iter()
            .map(|route| (route.name.clone(), route.rules.iter().map(|rule| rule.name.clone()).collect()))
            .collect();
        let mut titles: FxHashMap<&str, Span> = FxHashMap::default();
        for item in items {
            let Item::Test(test) = item else { continue };
            if let Some(first) = titles.insert(&test.title.text, test.title.span) {
                let finding = Diagnostic::new(Code::P0803, test.title.span, "two tests have this title");
                self.report(finding.label("again here").also(first, "first here"));
            }
            let route = test.on.as_ref().and_then(|on| self.names.route(on, self.findings));
            let cases = test.cases.iter().map(|case| self.case(case, &rules)).collect();
            self.policy.tests.push(Test { title: test.title.text.clone(), route, cases, span: test.title.span });
        }
    }

    fn case(&mut self, case: &ast::Case, rules: &FxHashMap<String, FxHashSet<String>>) -> Case {
        let mut reader = FactReader { policy: &self.policy, names: &self.names, findings: self.findings };
        let (given, tenant) = reader.facts(&case.given);
        let state = reader.state(&case.state);
        let expected = match &case.expected {
            Expected::Models(words) => Outcome::Models(words.iter().filter_map(|word| self.expected(word)).collect()),
            Expected::Reject(status, span) => {
                let fits = u16::try_from(*status).ok().filter(|status| (400..=599).contains(status));
                if fits.is_none() {
                    self.report(Diagnostic::new(Code::P0410, *span, "a refusal has a status from 400 to 599"));
                }
                Outcome::Reject(fits.unwrap_or(400))
            }
        };
        let by = case.by.as_ref().map_or_else(Vec::new, |by| self.by_rule(by, rules));
        Case { given, tenant, state, expected, by, span: case.span }
    }

    fn expected(&mut self, word: &Word) -> Option<crate::dsl::policy::ModelId> {
        if self.names.pools.contains_key(&word.text) {
            let message = format!("`{}` is a pool; a case says which models come out", word.text);
            self.report(Diagnostic::new(Code::P0802, word.span, message));
            return None;
        }
        self.names.model(word, self.findings)
    }

    /// `a/b`: routes, then a rule of the last one.
    fn by_rule(&mut self, by: &Word, rules: &FxHashMap<String, FxHashSet<String>>) -> Vec<String> {
        let parts: Vec<String> = by.text.split('/').map(str::to_owned).collect();
        let Some((rule, routes)) = parts.split_last() else { return parts };
        for route in routes {
            if !rules.contains_key(route) {
                let finding = Diagnostic::new(Code::P0802, by.span, format!("no route `{route}`"));
                self.report(match nearest(route, rules.keys().map(String::as_str)) {
                    Some(near) => finding.help(format!("did you mean `{near}`?")),
                    None => finding,
                });
                return parts;
            }
        }
        let known: Vec<&FxHashSet<String>> = match routes.last() {
            Some(route) => rules.get(route).into_iter().collect(),
            None => rules.values().collect(),
        };
        if !known.iter().any(|names| names.contains(rule)) {
            let finding = Diagnostic::new(Code::P0802, by.span, format!("no rule `{rule}`"));
            let near = nearest(rule, known.iter().flat_map(|names| names.iter().map(String::as_str)));
            self.report(match near {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding,
            });
        }
        parts
    }
}
