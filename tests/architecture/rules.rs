//! The rules: each looks at one source and lists what breaks it.

use crate::source::{Fact, Source};
use crate::{
    BANNED_EVERYWHERE, BANNED_IN_PURE_LAYERS, GLOBS_IN_TESTS, HOMES, IMPURE, LAYERS, LOCKS,
    LONG_FUNCTIONS, MAX_FILE_LINES, MAX_FUNCTION_LINES, ONE_JOB_WITH_AND, PURE_LAYERS,
};

/// A rule broken somewhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    pub(crate) rule: &'static str,
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

/// All findings in a source of the crate.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let rules: [(&'static str, Rule); 10] = [
        ("layers", layers),
        ("purity", purity),
        ("homes", homes),
        ("banned", banned),
        ("imports", imports),
        ("panics", panics),
        ("first line", first_line),
        ("size", size),
        ("errors", errors),
        ("tests", tests),
    ];
    let mut findings = Vec::new();
    for (rule, check) in rules {
        check(source, &mut |line, what| {
            findings.push(Finding {
                rule,
                path: source.path.clone(),
                line,
                what,
            });
        });
    }
    findings
}

/// What holds for sources in `tests/` too.
pub(crate) fn check_test(source: &Source) -> Vec<Finding> {
    check(source)
        .into_iter()
        .filter(|finding| finding.rule == "tests")
        .collect()
}

fn is_below(source: &Source, directories: &[&str]) -> bool {
    directories.iter().any(|it| source.path.starts_with(it))
}

type Report<'a> = &'a mut dyn FnMut(usize, String);
type Rule = fn(&Source, Report<'_>);

/// Top-level modules name only those below them.
fn layers(source: &Source, report: Report<'_>) {
    let own = source.layer();
    let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == own) else {
        return report(1, format!("{own} is not in the table of layers"));
    };
    for Fact {
        what: path, line, ..
    } in &source.facts.paths
    {
        let [root, rest @ ..] = path.as_slice() else {
            continue;
        };
        if root != "crate" {
            continue;
        }
        match rest.first() {
            None => report(*line, "names the whole crate".into()),
            Some(named) if named == own || allowed.contains(&named.as_str()) => {}
            Some(_) if rest.len() == 1 && own == "lib" => {}
            Some(named) => report(*line, format!("{own} must not name {named}")),
        }
    }
}

/// What decides takes the time, and randomness, as arguments and does no I/O.
fn purity(source: &Source, report: Report<'_>) {
    let is_pure = PURE_LAYERS.contains(&source.layer()) && !is_below(source, IMPURE);
    if !is_pure || source.is_test {
        return;
    }
    for path in code(&source.facts.paths) {
        for banned in BANNED_IN_PURE_LAYERS {
            if begins_with(&path.what, banned) {
                report(path.line, format!("{banned} in a pure layer"));
            }
        }
    }
    for call in code(&source.facts.methods).filter(|call| call.what == "elapsed") {
        report(call.line, "elapsed() reads the clock".into());
    }
    for call in code(&source.facts.macros) {
        if ["print", "println", "eprint", "eprintln"].contains(&call.what.as_str()) {
            report(call.line, format!("{}! in a pure layer", call.what));
        }
    }
}

/// A dependency is named only where it is at home.
fn homes(source: &Source, report: Report<'_>) {
    for Fact {
        what: path, line, ..
    } in &source.facts.paths
    {
        let Some((name, homes)) = HOMES.iter().find(|(name, _)| *name == path[0]) else {
            continue;
        };
        // A single name in code is a variable, or one of ours.
        let is_at_home = homes.iter().any(|home| source.path.starts_with(home));
        if !is_at_home && path.len() > 1 {
            report(*line, format!("{name} is at home in {}", homes.join(", ")));
        }
    }
}

/// Locks and sleeps, in tests too.
fn banned(source: &Source, report: Report<'_>) {
    if is_below(source, LOCKS) {
        return;
    }
    for Fact {
        what: path, line, ..
    } in &source.facts.paths
    {
        for (banned, reason) in BANNED_EVERYWHERE {
            if begins_with(path, banned) {
                report(*line, format!("{banned}: {reason}"));
            }
        }
    }
}

/// Whoever reads a name finds where it comes from.
fn imports(source: &Source, report: Report<'_>) {
    for glob in &source.facts.globs {
        let is_test = glob.is_test || source.is_test;
        if !(is_test && GLOBS_IN_TESTS.contains(&glob.what.as_str())) {
            report(glob.line, format!("imports {}", glob.what));
        }
    }
    for path in &source.facts.distant_supers {
        report(path.line, format!("{} climbs: begin with crate", path.what));
    }
}

/// No input may end the program.
fn panics(source: &Source, report: Report<'_>) {
    if source.is_test {
        return;
    }
    for call in code(&source.facts.methods).filter(|call| call.what == "unwrap") {
        report(call.line, "unwrap() in code".into());
    }
    for call in code(&source.facts.macros) {
        if ["todo", "unimplemented", "dbg"].contains(&call.what.as_str()) {
            report(call.line, format!("{}! in code", call.what));
        }
    }
}

/// A file says in its first line what its one job is.
fn first_line(source: &Source, report: Report<'_>) {
    let stem = source.path.rsplit('/').next().unwrap_or_default();
    if ["utils.rs", "helpers.rs", "common.rs", "misc.rs"].contains(&stem) {
        report(1, format!("{stem} names no job"));
    }
    let paragraph: Vec<&str> = source
        .text
        .lines()
        .map_while(|line| line.strip_prefix("//! "))
        .collect();
    let paragraph = paragraph.join(" ");
    if paragraph.is_empty() {
        return report(1, "the first line is not `//! ` and a job".into());
    }
    let sentence = match paragraph.split_once(". ") {
        Some((first, _)) => first,
        None if paragraph.ends_with('.') => paragraph.trim_end_matches('.'),
        None => return report(1, "the first line is no sentence with a full stop".into()),
    };
    let is_listed = ONE_JOB_WITH_AND
        .iter()
        .any(|(path, _)| *path == source.path);
    if joins_two_verbs(sentence) && !is_listed {
        report(1, format!("two jobs: {sentence}"));
    }
}

/// Whether a sentence that begins like `Reads` goes on with `and writes`.
fn joins_two_verbs(sentence: &str) -> bool {
    let is_verb = |word: &str| word.ends_with('s') && !word.ends_with("'s");
    let words: Vec<&str> = sentence
        .split_whitespace()
        .map(|word| word.trim_end_matches([',', ':', ';', '.']))
        .collect();
    let begins_with_verb = words.first().is_some_and(|word| is_verb(word));
    begins_with_verb
        && words
            .windows(2)
            .any(|pair| pair[0] == "and" && is_verb(pair[1]))
}

/// What does not fit a screen, or a head, is two things.
fn size(source: &Source, report: Report<'_>) {
    if source.is_test {
        return;
    }
    let line_count = source.code_line_count();
    if line_count > MAX_FILE_LINES {
        report(
            1,
            format!("{line_count} lines of code, at most {MAX_FILE_LINES}"),
        );
    }
    for Fact {
        what: (name, line_count),
        line,
        ..
    } in code(&source.facts.functions)
    {
        let is_listed = LONG_FUNCTIONS
            .iter()
            .any(|(path, function, _)| *path == source.path && function == name);
        if *line_count > MAX_FUNCTION_LINES && !is_listed {
            report(
                *line,
                format!("{name} has {line_count} lines, at most {MAX_FUNCTION_LINES}"),
            );
        }
    }
}

/// A new kind of error is no breaking change.
fn errors(source: &Source, report: Report<'_>) {
    let is_error = |name: &syn::Ident| {
        name.to_string().ends_with("Error")
            || source.syntax.items.iter().any(|item| match item {
                syn::Item::Impl(item) => {
                    let of = item
                        .trait_
                        .as_ref()
                        .and_then(|(path, ..)| path.segments.last());
                    let is_for =
                        matches!(&*item.self_ty, syn::Type::Path(ty) if ty.path.is_ident(name));
                    is_for && of.is_some_and(|of| of.ident == "Error")
                }
                _ => false,
            })
    };
    for item in &source.syntax.items {
        if let syn::Item::Enum(item) = item
            && matches!(item.vis, syn::Visibility::Public(_))
            && is_error(&item.ident)
            && !item
                .attrs
                .iter()
                .any(|it| it.path().is_ident("non_exhaustive"))
        {
            let line = item.ident.span().start().line;
            report(line, format!("{} is not #[non_exhaustive]", item.ident));
        }
    }
}

/// Tests run always, and expect values, not panics.
fn tests(source: &Source, report: Report<'_>) {
    for attribute in &source.facts.attributes {
        if ["ignore", "should_panic"].contains(&attribute.what.as_str()) {
            report(attribute.line, format!("#[{}]", attribute.what));
        }
    }
    for path in &source.facts.paths {
        if begins_with(&path.what, "std::thread::sleep") {
            report(path.line, "sleeps instead of waiting for the event".into());
        }
    }
}

fn code<T>(facts: &[Fact<T>]) -> impl Iterator<Item = &Fact<T>> {
    facts.iter().filter(|fact| !fact.is_test)
}

fn begins_with(path: &[String], prefix: &str) -> bool {
    let prefix: Vec<&str> = prefix.split("::").collect();
    path.len() >= prefix.len() && path.iter().zip(prefix).all(|(name, of)| name == of)
}
