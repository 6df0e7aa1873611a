//! Makes a stranger's text safe for a terminal.

use std::fmt::Write as _;

/// Returns the text with everything escaped that would move the cursor, change colours, ring, or
/// turn the direction of writing. Further lines begin with two spaces, so that none of them can pass
/// for a message of its own.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => escaped.push_str("\n  "),
            '\t' => escaped.push('\t'),
            _ if is_unsafe(character) => {
                // Writing to a String can't fail.
                let _ = write!(escaped, "{}", character.escape_unicode());
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Returns the text in one line: its line breaks are escaped, too.
pub(super) fn escape_line(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(escape).collect();
    lines.join("\\n")
}

/// Returns whether a character does something, where others only stand.
fn is_unsafe(character: char) -> bool {
    let turns_direction = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || turns_direction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped_and_the_rest_stays() {
        for (text, expected) in [
            ("plain, \u{e9}, \u{1f600}\t.", "plain, \u{e9}, \u{1f600}\t."),
            ("\x1b[2J\x07", "\\u{1b}[2J\\u{7}"),
            ("a\rb\x7f\u{9b}1m", "a\\u{d}b\\u{7f}\\u{9b}1m"),
            ("\u{202e}abc\u{2069}", "\\u{202e}abc\\u{2069}"),
            ("one\ntwo\n", "one\n  two\n  "),
            ("", ""),
        ] {
            assert_eq!(escape(text), expected);
        }
    }

    #[test]
    fn a_line_stays_one() {
        assert_eq!(escape_line("one\x1b\ntwo\n"), "one\\u{1b}\\ntwo\\n");
        assert_eq!(escape_line("plain"), "plain");
    }
}
