//! Judges labels against rows, and writes down which test proves which row.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::Finding;
use crate::labels::Label;
use crate::requirements::{Exemption, Requirements, Row, Side};

/// Where the rows stand.
const PATH: &str = "docs/rfc-requirements.md";

/// What is wrong: ids twice or of no row, labels of the wrong side, rows bare or exempt for nothing.
pub(crate) fn judge(requirements: &Requirements, labels: &[Label]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |path: &str, line: usize, what: String| {
        let path = path.to_owned();
        findings.push(Finding { path, line, what });
    };
    let by_id = requirements.by_id();
    let mut ids = BTreeSet::new();
    for row in requirements.rows().filter(|row| !ids.insert(&row.id)) {
        find(PATH, row.line, format!("{} stands there twice", row.id));
    }
    let references = labels
        .iter()
        .map(|it| (it.path.as_str(), it.line, &it.reference))
        .chain(
            requirements
                .exemptions
                .iter()
                .map(|it| (PATH, it.line, &it.reference)),
        );
    for (path, line, reference) in references {
        match by_id.get(reference.id.as_str()) {
            None => find(path, line, format!("{} is no row", reference.id)),
            Some(row) if reference.side.is_some() && !row.sides().contains(&reference.side) => {
                find(path, line, format!("{reference} is not for that side"));
            }
            Some(_) => {}
        }
    }
    for row in requirements.rows() {
        for &side in row.sides() {
            let what = side.map_or(row.id.clone(), |side| {
                format!("{}/{}", row.id, side.letter())
            });
            let proof = proofs(row, side, labels).next();
            match (proof, exemption(row, side, requirements)) {
                (None, None) => find(PATH, row.line, format!("{what} is bare")),
                (Some(label), Some(exemption)) => {
                    let what = format!("{what} needs no exemption: {} proves it", label.test);
                    find(PATH, exemption.line, what);
                }
                (Some(_), None) | (None, Some(_)) => {}
            }
        }
    }
    findings
}

/// The whole of `docs/conformance.md`.
pub(crate) fn render(requirements: &Requirements, labels: &[Label]) -> String {
    let mut text = INTRODUCTION.to_owned();
    let count = requirements.rows().count();
    let proven = |row: &&Row| {
        let is_proven = |side: &Option<Side>| proofs(row, *side, labels).next().is_some();
        row.sides().iter().all(is_proven)
    };
    let proven_count = requirements.rows().filter(proven).count();
    // Writing to a String can't fail.
    let _ = writeln!(
        text,
        "{count} rows: {proven_count} are proven by tests, {} say why they are not, or not for \
         both sides.",
        count - proven_count
    );
    for (heading, rows) in &requirements.sections {
        let _ = writeln!(text, "\n## {heading}\n");
        text.push_str("| row | role | level | proven by |\n|---|---|---|---|\n");
        for row in rows {
            let proof = describe(row, requirements, labels);
            let _ = writeln!(
                text,
                "| {} | {} | {} | {proof} |",
                row.id, row.role, row.level
            );
        }
    }
    text
}

/// The tests of a row by file, then why there is none.
fn describe(row: &Row, requirements: &Requirements, labels: &[Label]) -> String {
    let mut by_path: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for label in labels.iter().filter(|label| label.reference.id == row.id) {
        let side = label.reference.side;
        let side = side.map_or(String::new(), |side| format!(" ({})", side.letter()));
        let test = format!("{}{side}", label.test);
        by_path.entry(&label.path).or_default().insert(test);
    }
    let mut parts: Vec<String> = by_path
        .into_iter()
        .map(|(path, tests)| {
            let tests: Vec<String> = tests.into_iter().collect();
            format!("[{path}](../{path}): {}", tests.join(", "))
        })
        .collect();
    let exemptions = requirements.exemptions.iter();
    for exemption in exemptions.filter(|it| it.reference.id == row.id) {
        let side = exemption.reference.side;
        let side = side.map_or(String::new(), |side| format!(" ({})", side.letter()));
        parts.push(format!("no test{side}: {}", exemption.reason));
    }
    parts.join("; ")
}

fn proofs<'l>(
    row: &Row,
    side: Option<Side>,
    labels: &'l [Label],
) -> impl Iterator<Item = &'l Label> {
    labels
        .iter()
        .filter(move |it| it.reference.id == row.id && it.reference.is_about(side))
}

fn exemption<'r>(
    row: &Row,
    side: Option<Side>,
    requirements: &'r Requirements,
) -> Option<&'r Exemption> {
    let mut exemptions = requirements.exemptions.iter();
    exemptions.find(|it| it.reference.id == row.id && it.reference.is_about(side))
}

const INTRODUCTION: &str = "\
# Conformance

Which test proves which row of [rfc-requirements.md](rfc-requirements.md). Made from the labels at
the tests; `tests/conformance.rs` fails when this file is stale, when a row has neither a test nor a
reason, and when a label stands where no test runs. Made anew by

    CHINWAG_WRITE=1 cargo test --test conformance

Roles: S server, C client, B both, in which case (S) or (C) behind a test says that it proves the row
for that side only. Levels are those of the RFCs, as rfc-requirements.md abbreviates them.

";
