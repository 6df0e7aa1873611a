//! The rows of `docs/rfc-requirements.md` against the labels at the tests: none bare, none invented.

#[path = "conformance/document.rs"]
mod document;
#[path = "conformance/labels.rs"]
mod labels;
#[path = "conformance/requirements.rs"]
mod requirements;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use labels::{Label, Labels, Tree};
use requirements::Requirements;

/// A label, row or exemption that is wrong, and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

const REQUIREMENTS: &str = include_str!("../docs/rfc-requirements.md");

#[test]
fn every_row_is_proven_by_a_test_that_runs() {
    let Labels { labels, findings } = &*LABELS;
    let requirements = Requirements::parse(REQUIREMENTS);
    let judged = document::judge(&requirements, labels);
    let lines: String = findings
        .iter()
        .chain(&judged)
        .map(|it| format!("{}:{}: {}\n", it.path, it.line, it.what))
        .collect();
    assert!(
        lines.is_empty(),
        "{} findings\n{lines}",
        lines.lines().count()
    );
}

#[test]
fn conformance_document_is_up_to_date() {
    let requirements = Requirements::parse(REQUIREMENTS);
    let rendered = document::render(&requirements, &LABELS.labels);
    let path = root().join("docs/conformance.md");
    if std::env::var_os("CHINWAG_WRITE").is_some() {
        fs::write(&path, &rendered).expect("the file can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let line = (1..)
        .zip(written.lines().zip(rendered.lines()))
        .find_map(|(line, (old, new))| (old != new).then_some(line));
    assert!(
        written == rendered,
        "docs/conformance.md is stale at line {}; make it anew with CHINWAG_WRITE=1",
        line.unwrap_or_default()
    );
}

#[test]
fn document_of_requirements_is_read_whole() {
    let requirements = Requirements::parse(REQUIREMENTS);
    let rows = REQUIREMENTS
        .lines()
        .filter(|line| line.starts_with("| R") || line.starts_with("| D-"));
    let exemption_lines: BTreeSet<usize> =
        requirements.exemptions.iter().map(|it| it.line).collect();
    assert_eq!(
        requirements.rows().count() + exemption_lines.len(),
        rows.count()
    );
    let roles: BTreeSet<&str> = requirements.rows().map(|row| row.role.as_str()).collect();
    assert_eq!(Vec::from_iter(roles), ["", "-", "B", "C", "S"]);
}

#[test]
fn label_counts_only_at_a_test_that_runs() {
    // Spelled out here alone, it is no attribute of a test of ours.
    let ignored = "ignore";
    for (what, line, text) in [
        ("", 1, "// covers: R6455-1-01\n#[test]\nfn f() {}"),
        (
            "",
            1,
            "// covers: R6455-1-01\n// Why.\n/// Does.\n#[test]\nfn f() {}",
        ),
        ("", 2, "#[test]\n// covers: R6455-1-01\nfn f() {}"),
        ("", 3, "#[test]\nfn f() {\n// covers: R6455-1-01\n}"),
        (
            "",
            4,
            "#[test]\nfn f() {\ncheck(\"\n  R6455-1-01 81 00\n\");}",
        ),
        (
            "",
            3,
            "mod m {\n#[cfg(all(test, feature = \"a\", unix))]\n// covers: R6455-1-01\n#[test]\nfn f() {}}",
        ),
        (
            "",
            2,
            "proptest! {\n// covers: R6455-1-01\n#[test]\nfn f(a: u8) { a; }}",
        ),
        (
            "",
            1,
            "// covers: R6455-1-01\nlibfuzzer_sys::fuzz_target!(|it| f(it));",
        ),
        ("no test", 1, "// covers: R6455-1-01\nfn f() {}"),
        ("no test", 1, "// covers: R6455-1-01\n\n#[test]\nfn f() {}"),
        (
            "no test",
            1,
            "// covers: R6455-1-01\nconst A: u8 = 1;\n#[test]\nfn f() {}",
        ),
        (
            "no test",
            4,
            "#[test]\nfn f() {}\nfn g() {\n// covers: R6455-1-01\n}",
        ),
        (
            "no test",
            2,
            "proptest! {\n// covers: R6455-1-01\nfn f(a: u8) { a; }}",
        ),
        (
            "no test",
            2,
            "macro_rules! m { () => {\n// covers: R6455-1-01\n#[test]\nfn f() {} } }",
        ),
        (
            "not run",
            1,
            &format!("// covers: R6455-1-01\n#[test]\n#[{ignored}]\nfn f() {{}}"),
        ),
        (
            "not run",
            1,
            &format!("// covers: R6455-1-01\n#[test]\n#[cfg_attr(unix, {ignored})]\nfn f() {{}}"),
        ),
        (
            "not run",
            1,
            "// covers: R6455-1-01\n#[cfg(windows)]\n#[test]\nfn f() {}",
        ),
        (
            "not run",
            2,
            "#![cfg(feature = \"b\")]\n// covers: R6455-1-01\n#[test]\nfn f() {}",
        ),
        (
            "not run",
            2,
            "#[cfg(not(test))]\nmod m { // covers\n// covers: R6455-1-01\n#[test]\nfn f() {}}",
        ),
        ("is no id", 1, "// covers: R6455-1\n#[test]\nfn f() {}"),
        (
            "is no id",
            1,
            "// covers: R6455-1-01 and more\n#[test]\nfn f() {}",
        ),
        ("is no id", 1, "// covers: R6455-1-01/B\n#[test]\nfn f() {}"),
        (
            "nothing",
            0,
            "const A: &str = \"\n// covers: R6455-1-01\n\";\n#[test]\nfn f() {}",
        ),
        (
            "nothing",
            0,
            "const A: &str = \"\nR6455-1-01 81 00\n\";\n#[test]\nfn f() {}",
        ),
    ] {
        let found = collect(&[("tests/a.rs", text)]);
        match what {
            "" => {
                assert_eq!(found.findings, [], "{text}");
                assert_eq!(found.labels.len(), 1, "{text}");
                assert_eq!(
                    (found.labels[0].line, ids(&found)),
                    (line, vec!["R6455-1-01".to_owned()])
                );
            }
            "nothing" => assert_eq!(
                (ids(&found).len(), &found.findings[..]),
                (0, &[][..]),
                "{text}"
            ),
            what => {
                let what = if what == "not run" {
                    "does not run"
                } else {
                    what
                };
                assert_eq!(found.findings.len(), 1, "{text}\n{found:?}");
                assert!(found.findings[0].what.contains(what), "{text}\n{found:?}");
                assert!(found.labels.is_empty(), "{text}");
            }
        }
    }
}

#[test]
fn label_counts_only_in_a_file_that_is_compiled() {
    const TEST: &str = "// covers: D-01\n#[test]\nfn f() {}";
    let count = |files: &[(&str, &str)]| {
        let found = collect(files);
        (found.labels.len(), found.findings.len())
    };
    assert_eq!(
        count(&[("tests/a.rs", "mod b;"), ("tests/b/mod.rs", TEST)]),
        (1, 0)
    );
    assert_eq!(
        count(&[
            ("src/lib.rs", "mod b;"),
            ("src/b.rs", "mod c;"),
            ("src/b/c.rs", TEST)
        ]),
        (1, 0)
    );
    assert_eq!(
        count(&[
            ("tests/a.rs", "#[path = \"../fuzz/b.rs\"]\nmod b;"),
            ("fuzz/b.rs", TEST)
        ]),
        (1, 0)
    );
    assert_eq!(
        count(&[("tests/a.rs", ""), ("tests/b/mod.rs", TEST)]),
        (0, 1)
    );
    assert_eq!(
        count(&[
            ("src/lib.rs", "#[cfg(windows)]\nmod b;"),
            ("src/b.rs", TEST)
        ]),
        (0, 1)
    );
    assert_eq!(
        count(&[
            ("src/lib.rs", "#[cfg(feature = \"a\")]\nmod b;"),
            ("src/b.rs", TEST)
        ]),
        (1, 0)
    );
}

#[test]
fn label_of_a_browser_test_stands_above_it() {
    let count = |text: &str| {
        let found = collect(&[("tests/browser/a.test.mjs", text)]);
        (found.labels.len(), found.findings.len())
    };
    assert_eq!(
        count("// covers: D-01\ntest('shows it', async () => {"),
        (1, 0)
    );
    assert_eq!(
        count("// covers: D-01\ntest.skip('shows it', async () => {"),
        (0, 1)
    );
    assert_eq!(
        count("// covers: D-01\n\ntest('shows it', async () => {"),
        (0, 1)
    );
}

#[test]
fn rows_are_held_to_their_labels() {
    let document = "## 1. A\n\
        | R6455-1-01 | S | M | a | b |\n\
        | R6455-1-02 | B | M | a | b |\n\
        | R6455-1-03 | - | M | a | b |\n\
        ## 2. B\n\
        | D-01 | a | b | c |\n\
        ## 3. Rows without a test\n\
        | R6455-1-03, R6455-1-02/C | no client |\n";
    for (labels, expected) in [
        ("R6455-1-01, R6455-1-02/S, D-01", ""),
        ("R6455-1-01/S, R6455-1-02/S, D-01", ""),
        ("R6455-1-02/S, D-01", "R6455-1-01/S is bare"),
        ("R6455-1-01, D-01", "R6455-1-02/S is bare"),
        ("R6455-1-01, R6455-1-02/S", "D-01 is bare"),
        (
            "R6455-1-01, R6455-1-02, D-01",
            "R6455-1-02/C needs no exemption: f proves it",
        ),
        (
            "R6455-1-01, R6455-1-02/S, D-01, R6455-1-03",
            "R6455-1-03 needs no exemption: f proves it",
        ),
        (
            "R6455-1-01, R6455-1-02/S, D-01, R6455-1-04",
            "R6455-1-04 is no row",
        ),
        (
            "R6455-1-01, R6455-1-01/C, R6455-1-02/S, D-01",
            "R6455-1-01/C is not for that side",
        ),
    ] {
        let requirements = Requirements::parse(document);
        let text = format!("// covers: {labels}\n#[test]\nfn f() {{}}");
        let found = collect(&[("tests/a.rs", &text)]);
        assert_eq!(found.findings, []);
        let judged = document::judge(&requirements, &found.labels);
        let whats: Vec<&str> = judged.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(whats.join("; "), expected, "{labels}");
    }
    let twice = document.replace("R6455-1-01 |", "R6455-1-02 |");
    let judged = document::judge(&Requirements::parse(&twice), &[]);
    assert!(
        judged
            .iter()
            .any(|it| it.what == "R6455-1-02 stands there twice")
    );
    let rendered = document::render(&Requirements::parse(document), &[]);
    assert!(
        rendered.contains("| R6455-1-03 | - | M | no test: no client |\n"),
        "{rendered}"
    );
}

fn ids(found: &Labels) -> Vec<String> {
    let id = |label: &Label| label.reference.to_string();
    found.labels.iter().map(id).collect()
}

/// The labels of made-up sources; feature `a` is on.
fn collect(files: &[(&str, &str)]) -> Labels {
    let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    let tree: Tree = files.iter().map(owned).collect();
    Labels::collect(&tree, &BTreeSet::from(["a".to_owned()]))
}

/// The labels of this package.
static LABELS: LazyLock<Labels> = LazyLock::new(|| {
    let mut tree = Tree::new();
    for folder in ["src", "tests", "fuzz/src", "fuzz/fuzz_targets"] {
        read_all(&root().join(folder), &mut tree);
    }
    Labels::collect(&tree, &features(include_str!("../Cargo.toml")))
});

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read_all(folder: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let is_source = path.extension().is_some_and(|it| it == "rs" || it == "mjs");
        if path.is_dir() && !path.ends_with("node_modules") {
            read_all(&path, tree);
        } else if is_source {
            let relative = path.strip_prefix(root()).expect("it is below the root");
            let text = fs::read_to_string(&path).expect("it can be read");
            tree.insert(relative.to_str().expect("names are ASCII").to_owned(), text);
        }
    }
}

/// The features with which `tests/run integration` runs: the default ones and `system-tests`.
fn features(manifest: &str) -> BTreeSet<String> {
    let (_, rest) = manifest
        .split_once("\n[features]\n")
        .expect("there are features");
    let (section, _) = rest.split_once("\n[").expect("a section follows");
    let plain = section.lines().filter(|line| !line.starts_with('#'));
    let text = plain.collect::<Vec<_>>().join(" ");
    let table: Vec<(&str, Vec<&str>)> = text
        .split(']')
        .filter_map(|entry| entry.split_once('='))
        .map(|(name, list)| (name.trim(), list.split('"').skip(1).step_by(2).collect()))
        .collect();
    let mut features = BTreeSet::new();
    let mut waiting = vec!["default", "system-tests"];
    while let Some(name) = waiting.pop() {
        if features.insert(name.to_owned()) {
            let entries = table.iter().filter(|(it, _)| *it == name);
            waiting.extend(entries.flat_map(|(_, list)| list));
        }
    }
    features
}

#[test]
fn features_of_the_manifest_are_followed() {
    let found = features(
        "a\n[features]\ndefault = [\"x\"]\n# Why = [\"n\"].\nx = [\n  \"y\",\n  \"dep:z\",\n]\ny = []\n\
         n = []\nsystem-tests = []\n\n[dependencies]\n",
    );
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, ["default", "dep:z", "system-tests", "x", "y"]);
}
