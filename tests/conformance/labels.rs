//! Finds the labels in the sources, and the tests that they stand at.
//!
//! A label is a comment `// covers: ID, ID` on a line of its own, directly above a test or inside
//! one, or the first word of a line in a table (a string of several lines) inside one. It counts if
//! the test runs: reached from a test program, not cut out by a `cfg`, not ignored.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::{Attribute, Item, Meta};

use crate::Finding;
use crate::requirements::Reference;

/// Sources by their path from the package's directory.
pub(crate) type Tree = BTreeMap<String, String>;

/// A reference that stands at a test.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label {
    pub(crate) reference: Reference,
    pub(crate) path: String,
    pub(crate) test: String,
    pub(crate) line: usize,
}

/// All labels of a tree, and what is wrong with those that do not count.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    pub(crate) labels: Vec<Label>,
    pub(crate) findings: Vec<Finding>,
}

impl Labels {
    /// Walks from the roots through their modules. `features` are those with which tests run.
    pub(crate) fn collect(tree: &Tree, features: &BTreeSet<String>) -> Self {
        let mut labels = Self::default();
        let mut waiting: Vec<(String, Option<String>)> = tree
            .keys()
            .filter(|path| is_root(path))
            .map(|path| (path.clone(), None))
            .collect();
        let mut visited = BTreeSet::new();
        while let Some((path, absence)) = waiting.pop() {
            let Some(text) = tree.get(&path) else {
                continue;
            };
            if !visited.insert(path.clone()) {
                continue;
            }
            let mut file = File::parse(&path, text, absence, features);
            waiting.append(&mut file.modules);
            labels.take(&path, text, &file);
        }
        for (path, text) in tree.iter().filter(|(path, _)| !visited.contains(*path)) {
            if is_script(path) {
                labels.take_script(path, text);
            } else if let Some((line, _)) = comments(text).next() {
                labels.find(path, line, "no test program reaches this file");
            }
        }
        labels.labels.sort();
        labels
    }

    fn take(&mut self, path: &str, text: &str, file: &File<'_>) {
        let lines: Vec<&str> = text.lines().collect();
        for (line, list) in comments(text).filter(|(line, _)| !file.is_in_literal(*line)) {
            self.take_list(path, line, list.split(','), file.test_at(line, &lines));
        }
        for (line, text) in (1..)
            .zip(&lines)
            .filter(|(line, _)| file.is_in_literal(*line))
        {
            let word = text.split_whitespace().next().unwrap_or_default();
            let test = file.tests.iter().find(|test| test.is_around(line));
            let is_label = word.split(',').all(|it| Reference::parse(it).is_some());
            if is_label && test.is_some() {
                self.take_list(path, line, word.split(','), test);
            }
        }
    }

    /// Takes the labels of a browser test: above a line that begins with `test(`.
    fn take_script(&mut self, path: &str, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        for (line, list) in comments(text) {
            let below = lines[line..].iter().find(|text| !text.starts_with("//"));
            let name = below.and_then(|text| text.strip_prefix("test('")?.split('\'').next());
            let test = name.map(|name| Test {
                name: name.to_owned(),
                ..Test::default()
            });
            self.take_list(path, line, list.split(','), test.as_ref());
        }
    }

    fn take_list<'t>(
        &mut self,
        path: &str,
        line: usize,
        list: impl Iterator<Item = &'t str>,
        test: Option<&Test>,
    ) {
        let Some(test) = test else {
            return self.find(path, line, "the label stands at no test");
        };
        if let Some(absence) = &test.absence {
            let what = format!("{} does not run: {absence}", test.name);
            return self.find(path, line, &what);
        }
        for word in list.map(str::trim) {
            match Reference::parse(word) {
                Some(reference) => self.labels.push(Label {
                    reference,
                    path: path.to_owned(),
                    test: test.name.clone(),
                    line,
                }),
                None => self.find(path, line, &format!("{word:?} is no id")),
            }
        }
    }

    fn find(&mut self, path: &str, line: usize, what: &str) {
        self.findings.push(Finding {
            path: path.to_owned(),
            line,
            what: what.to_owned(),
        });
    }
}

/// What of a file matters here.
struct File<'f> {
    path: String,
    features: &'f BTreeSet<String>,
    tests: Vec<Test>,
    /// Modules in files of their own: possible paths, and why they would not be compiled.
    modules: Vec<(String, Option<String>)>,
    /// First and last lines of literals that have several.
    literals: Vec<(usize, usize)>,
}

/// A test, from its first attribute to its closing brace.
#[derive(Debug, Default)]
struct Test {
    name: String,
    first_line: usize,
    last_line: usize,
    /// Why it does not run, if it does not.
    absence: Option<String>,
}

impl Test {
    fn is_around(&self, line: usize) -> bool {
        (self.first_line..=self.last_line).contains(&line)
    }
}

impl<'f> File<'f> {
    fn parse(
        path: &str,
        text: &str,
        absence: Option<String>,
        features: &'f BTreeSet<String>,
    ) -> Self {
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut file = Self {
            path: path.to_owned(),
            features,
            tests: Vec::new(),
            modules: Vec::new(),
            literals: Vec::new(),
        };
        let tokens: TokenStream = text.parse().expect("it was parsed");
        collect_literals(tokens, &mut file.literals);
        let absence = absence.or_else(|| file.absence(&syntax.attrs));
        file.visit_items(&syntax.items, &absence, &[]);
        file
    }

    fn visit_items(&mut self, items: &[Item], absence: &Option<String>, inside: &[String]) {
        for item in items {
            match item {
                Item::Fn(function) if is_test(&function.attrs) => {
                    let absence = absence.clone().or_else(|| self.absence(&function.attrs));
                    let attribute_lines = function.attrs.iter().map(|it| it.span().start().line);
                    let fn_line = function.sig.fn_token.span().start().line;
                    self.tests.push(Test {
                        name: function.sig.ident.to_string(),
                        first_line: attribute_lines.chain([fn_line]).min().unwrap_or(fn_line),
                        last_line: function.block.span().end().line,
                        absence,
                    });
                }
                Item::Mod(module) => {
                    let absence = absence.clone().or_else(|| self.absence(&module.attrs));
                    let name = module.ident.to_string();
                    match &module.content {
                        Some((_, items)) => {
                            let inside = [inside, &[name]].concat();
                            self.visit_items(items, &absence, &inside);
                        }
                        None => self.add_module(&name, &module.attrs, &absence, inside),
                    }
                }
                Item::Macro(item) => {
                    let last = item.mac.path.segments.last().map(|it| it.ident.to_string());
                    let tokens = item.mac.tokens.clone();
                    match last.as_deref() {
                        Some("proptest") => self.visit_properties(tokens, absence),
                        Some("fuzz_target") => self.tests.push(Test {
                            name: "fuzz_target".to_owned(),
                            first_line: item.span().start().line,
                            last_line: item.span().end().line,
                            absence: absence.clone(),
                        }),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }

    /// Finds `#[test] fn name(…) { … }` among the tokens of `proptest!`.
    fn visit_properties(&mut self, tokens: TokenStream, absence: &Option<String>) {
        let mut first_line = None;
        let mut name = None;
        let mut is_test = false;
        let mut is_name = false;
        for token in tokens {
            let line = token.span().start().line;
            first_line.get_or_insert(line);
            match &token {
                TokenTree::Ident(ident) if is_name => name = Some(ident.to_string()),
                TokenTree::Group(group) => match group.delimiter() {
                    proc_macro2::Delimiter::Bracket => {
                        is_test |= group.stream().to_string() == "test";
                    }
                    proc_macro2::Delimiter::Brace => {
                        self.tests
                            .extend(name.take().filter(|_| is_test).map(|name| Test {
                                name,
                                first_line: first_line.unwrap_or(line),
                                last_line: group.span().end().line,
                                absence: absence.clone(),
                            }));
                        (first_line, is_test) = (None, false);
                    }
                    _ => {}
                },
                _ => {}
            }
            is_name = matches!(&token, TokenTree::Ident(ident) if ident == "fn");
        }
    }

    /// Notes where a module in a file of its own may be.
    fn add_module(
        &mut self,
        name: &str,
        attributes: &[Attribute],
        absence: &Option<String>,
        inside: &[String],
    ) {
        let (folder, file) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let stem = file.trim_end_matches(".rs");
        let own_path = attributes
            .iter()
            .find_map(|attribute| match &attribute.meta {
                Meta::NameValue(meta) if meta.path.is_ident("path") => Some(text_of(&meta.value)),
                _ => None,
            });
        let mut paths = Vec::new();
        if let Some(own_path) = own_path {
            paths.push(normal(&format!("{folder}/{own_path}")));
        } else {
            let is_first = is_root(&self.path) || stem == "mod";
            let mut folder = folder.to_owned();
            for part in (!is_first)
                .then_some(stem)
                .into_iter()
                .chain(inside.iter().map(String::as_str))
            {
                folder = format!("{folder}/{part}");
            }
            paths.push(format!("{folder}/{name}.rs"));
            paths.push(format!("{folder}/{name}/mod.rs"));
        }
        let modules = paths.into_iter().map(|path| (path, absence.clone()));
        self.modules.extend(modules);
    }

    /// Why attributes keep something from running.
    fn absence(&self, attributes: &[Attribute]) -> Option<String> {
        attributes.iter().find_map(|attribute| {
            let path = attribute.path();
            let tokens = match &attribute.meta {
                Meta::List(list) => list.tokens.clone(),
                Meta::Path(_) | Meta::NameValue(_) => TokenStream::new(),
            };
            if path.is_ident("ignore") {
                return Some("it is ignored".to_owned());
            }
            if path.is_ident("cfg_attr") && tokens.to_string().contains("ignore") {
                return Some("it may be ignored".to_owned());
            }
            let is_cut = path.is_ident("cfg")
                && !attribute
                    .parse_args::<Meta>()
                    .is_ok_and(|predicate| self.holds(&predicate));
            is_cut.then(|| format!("cfg({tokens})"))
        })
    }

    /// Whether a `cfg` predicate holds where the tests are run.
    fn holds(&self, predicate: &Meta) -> bool {
        match predicate {
            Meta::Path(path) => ["test", "unix", "debug_assertions"]
                .iter()
                .any(|it| path.is_ident(it)),
            Meta::NameValue(pair) => {
                let value = text_of(&pair.value);
                pair.path.is_ident("feature") && self.features.contains(&value)
                    || pair.path.is_ident("target_os") && value == "linux"
            }
            Meta::List(list) => {
                let parser = syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated;
                let Ok(parts) = list.parse_args_with(parser) else {
                    return false;
                };
                let mut verdicts = parts.iter().map(|part| self.holds(part));
                if list.path.is_ident("all") {
                    verdicts.all(|it| it)
                } else if list.path.is_ident("any") {
                    verdicts.any(|it| it)
                } else {
                    list.path.is_ident("not") && verdicts.all(|it| !it)
                }
            }
        }
    }

    /// The test that a comment stands at.
    fn test_at(&self, line: usize, lines: &[&str]) -> Option<&Test> {
        let around = self.tests.iter().find(|test| test.is_around(line));
        around.or_else(|| {
            let is_comment = |text: &&&str| text.trim_start().starts_with("//");
            let below = line + 1 + lines[line..].iter().take_while(is_comment).count();
            // Doc comments belong to the test already.
            let is_below = |test: &&Test| (line + 1..=below).contains(&test.first_line);
            self.tests.iter().find(is_below)
        })
    }

    /// Whether a line begins inside a literal.
    fn is_in_literal(&self, line: usize) -> bool {
        let is_inside = |(first, last): &(usize, usize)| *first < line && line <= *last;
        self.literals.iter().any(is_inside)
    }
}

/// The comments that are labels, whatever they stand in: lines, and what follows `covers:`.
fn comments(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .filter_map(|(line, text)| Some((line, text.trim().strip_prefix("// covers:")?)))
}

/// Whether a program for tests begins in that file.
fn is_root(path: &str) -> bool {
    let is_directly_below = |folder: &str| {
        path.strip_prefix(folder)
            .is_some_and(|name| name.ends_with(".rs") && !name.contains('/'))
    };
    is_directly_below("tests/")
        || is_directly_below("fuzz/fuzz_targets/")
        || ["src/lib.rs", "src/main.rs"].contains(&path)
}

fn is_script(path: &str) -> bool {
    path.starts_with("tests/browser/") && path.ends_with(".test.mjs")
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|it| it.path().is_ident("test"))
}

fn collect_literals(tokens: TokenStream, literals: &mut Vec<(usize, usize)>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => collect_literals(group.stream(), literals),
            TokenTree::Literal(literal) => {
                let (start, end) = (literal.span().start(), literal.span().end());
                if start.line < end.line {
                    literals.push((start.line, end.line));
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// The text of a string literal; empty for anything else.
fn text_of(expression: &syn::Expr) -> String {
    match expression {
        syn::Expr::Lit(literal) => match &literal.lit {
            syn::Lit::Str(text) => text.value(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// A path without `..` and empty parts.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}
