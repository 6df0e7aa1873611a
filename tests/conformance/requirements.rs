//! The rows of `docs/rfc-requirements.md`: what has to be proven, for which roles.

use std::collections::BTreeMap;
use std::fmt;

/// One side of a connection, as the table's second column names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Server,
    Client,
}

/// A row: a requirement of an RFC, or a decision where one leaves room.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    /// `S`, `C`, `B`, or `-`; empty for a decision.
    pub(crate) role: String,
    /// The level's short form; empty for a decision.
    pub(crate) level: String,
    pub(crate) line: usize,
}

/// An id in a label or an exemption, with the one side that is meant of a row for both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    pub(crate) id: String,
    pub(crate) side: Option<Side>,
}

/// Why a row has no test.
#[derive(Debug)]
pub(crate) struct Exemption {
    pub(crate) reference: Reference,
    pub(crate) reason: String,
    pub(crate) line: usize,
}

/// The document, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Requirements {
    /// Headings in the order of the document, with their rows.
    pub(crate) sections: Vec<(String, Vec<Row>)>,
    pub(crate) exemptions: Vec<Exemption>,
}

impl Requirements {
    /// Parses the document's tables; other text means nothing here.
    pub(crate) fn parse(document: &str) -> Self {
        let mut requirements = Self::default();
        let mut heading = String::new();
        for (line, text) in (1..).zip(document.lines()) {
            if let Some(text) = text.strip_prefix("## ") {
                heading = text.to_owned();
            }
            let Some(text) = text.strip_prefix("| ") else {
                continue;
            };
            let cells: Vec<&str> = text.split('|').map(str::trim).collect();
            let first = cells[0].split(", ").map(Reference::parse);
            let Some(references) = first.collect::<Option<Vec<_>>>() else {
                continue;
            };
            if heading.ends_with(EXEMPTIONS) {
                for reference in references {
                    let reason = cells[1].to_owned();
                    requirements.exemptions.push(Exemption {
                        reference,
                        reason,
                        line,
                    });
                }
            } else {
                requirements.add(&heading, &cells, line);
            }
        }
        requirements
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sections.iter().flat_map(|(_, rows)| rows)
    }

    pub(crate) fn by_id(&self) -> BTreeMap<&str, &Row> {
        self.rows().map(|row| (row.id.as_str(), row)).collect()
    }

    fn add(&mut self, heading: &str, cells: &[&str], line: usize) {
        let is_decision = cells[0].starts_with("D-");
        let cell = |index: usize| {
            let text = if is_decision { "" } else { cells[index] };
            text.to_owned()
        };
        let row = Row {
            id: cells[0].to_owned(),
            role: cell(1),
            level: cell(2),
            line,
        };
        match self.sections.last_mut() {
            Some((last, rows)) if last == heading => rows.push(row),
            _ => self.sections.push((heading.to_owned(), vec![row])),
        }
    }
}

impl Row {
    /// The sides for which there has to be a test; `None`: any test will do.
    pub(crate) fn sides(&self) -> &[Option<Side>] {
        match self.role.as_str() {
            "S" => &[Some(Side::Server)],
            "C" => &[Some(Side::Client)],
            "B" => &[Some(Side::Server), Some(Side::Client)],
            _ => &[None],
        }
    }
}

impl Reference {
    /// Parses `ID`, `ID/S` or `ID/C`; `None` if it does not look like an id.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (id, side) = match text.split_once('/') {
            Some((id, "S")) => (id, Some(Side::Server)),
            Some((id, "C")) => (id, Some(Side::Client)),
            Some(_) => return None,
            None => (text, None),
        };
        let (name, rest) = id.split_once('-')?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        let is_rfc = name
            .strip_prefix('R')
            .is_some_and(|rest| rest == "TLS" || is_number(rest) && rest.len() == 4);
        let looks_like_id = match name {
            "D" => is_number(rest),
            _ => {
                is_rfc
                    && rest
                        .rsplit_once('-')
                        .is_some_and(|(_, last)| is_number(last))
            }
        };
        looks_like_id.then(|| Self {
            id: id.to_owned(),
            side,
        })
    }

    /// Whether it speaks of that side of its row.
    pub(crate) fn is_about(&self, side: Option<Side>) -> bool {
        self.side.is_none() || self.side == side
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        match self.side {
            Some(side) => write!(f, "/{}", side.letter()),
            None => Ok(()),
        }
    }
}

impl Side {
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Server => 'S',
            Self::Client => 'C',
        }
    }
}

/// How the heading ends below which rows stand that have no test.
const EXEMPTIONS: &str = "Rows without a test";
