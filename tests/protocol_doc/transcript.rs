//! Reads transcripts: who does what, and who receives what.

/// One fenced block of the document.
pub(crate) struct Transcript {
    /// Whether who connects uses a terminal.
    pub(crate) is_line: bool,
    /// The settings to start the server with, as `SECTION.KEY` and value.
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) steps: Vec<Step>,
    pub(crate) text: String,
}

/// Something that is done, and what everybody receives of it.
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) action: Action,
    /// In the order of the document: who, and what.
    pub(crate) received: Vec<(String, String)>,
}

pub(crate) enum Action {
    /// These are in that room, whatever they received on the way.
    Given {
        names: Vec<String>,
        room: String,
    },
    /// The server has an owner of that name, with an account.
    Own(String),
    Connect(String),
    Disconnect(String),
    /// Sends or types.
    Send(String, String),
    /// The server is told to end.
    Stop,
    /// The server dies and is started again.
    Restart,
}

impl Transcript {
    /// All blocks with the info string `chat` or `line`.
    pub(crate) fn read_all(document: &str) -> Vec<Self> {
        let mut transcripts = Vec::new();
        let mut open: Option<(&str, usize, String)> = None;
        for (number, line) in (1..).zip(document.lines()) {
            match (&mut open, line) {
                (None, "```chat" | "```line") => {
                    open = Some((&line[3..], number + 1, String::new()));
                }
                (Some((kind, first, text)), "```") => {
                    transcripts.push(Self::parse(kind, *first, text));
                    open = None;
                }
                (Some((_, _, text)), line) => {
                    text.push_str(line);
                    text.push('\n');
                }
                (None, _) => {}
            }
        }
        assert!(open.is_none(), "the last block has no end");
        transcripts
    }

    /// Reads a block whose text begins on line `first`.
    pub(crate) fn parse(kind: &str, first: usize, text: &str) -> Self {
        let mut transcript = Self {
            is_line: kind == "line",
            settings: Vec::new(),
            steps: Vec::new(),
            text: text.to_owned(),
        };
        for (line, text) in joined(first, text) {
            transcript.read(line, &text);
        }
        transcript
    }

    fn read(&mut self, line: usize, text: &str) {
        let received = text.strip_suffix(" <").map(|name| (name, ""));
        if let Some((name, what)) = received.or_else(|| text.split_once(" < ")) {
            let step = self.steps.last_mut();
            let step = step.unwrap_or_else(|| panic!("line {line}: received before all else"));
            step.received.push((name.to_owned(), what.to_owned()));
            return;
        }
        if let Some(setting) = text.strip_prefix("server with ") {
            let (key, value) = setting.split_once(" = ").expect("KEY = VALUE");
            self.settings.push((key.to_owned(), value.to_owned()));
            return;
        }
        self.steps.push(Step {
            line,
            action: action(text).unwrap_or_else(|| panic!("line {line}: what is {text:?}?")),
            received: Vec::new(),
        });
    }
}

fn action(text: &str) -> Option<Action> {
    let nothing = text.strip_suffix(" >").map(|name| (name, ""));
    if let Some((name, what)) = nothing.or_else(|| text.split_once(" > ")) {
        return Some(Action::Send(name.to_owned(), what.to_owned()));
    }
    if let Some(name) = text.strip_prefix("server belongs to ") {
        return Some(Action::Own(name.to_owned()));
    }
    if let Some(given) = text.strip_prefix("given ") {
        let (names, room) = given.split_once(" in ")?;
        return Some(Action::Given {
            names: names.split(", ").map(str::to_owned).collect(),
            room: room.to_owned(),
        });
    }
    match text.rsplit_once(' ')? {
        ("server", "stops") => Some(Action::Stop),
        ("server", "restarts") => Some(Action::Restart),
        (name, "connects") => Some(Action::Connect(name.to_owned())),
        (name, "disconnects") => Some(Action::Disconnect(name.to_owned())),
        _ => None,
    }
}

/// Lines with their numbers; those that begin with two spaces go on with the one before.
fn joined(first: usize, text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (number, line) in (first..).zip(text.lines()) {
        match (line.strip_prefix("  "), lines.last_mut()) {
            (Some(rest), Some((_, before))) => before.push_str(rest),
            _ => lines.push((number, line.to_owned())),
        }
    }
    lines
}
