//! Logging in by lines: what is typed for it is said to nobody, however often it is mistyped.
#![cfg(feature = "server")]

mod support;

use serde_json::json;
use support::account::{PASSWORD, log_in, register, set_up_second_factor};
use support::{Line, Server};

const WRONG: &str = "! name, password or code is wrong";
const AGAIN: &str =
    "! name, password or code is wrong; type the password again, or an empty line to give up";
const CODE_AGAIN: &str =
    "! name, password or code is wrong; type the code again, or an empty line to give up";
const NOT_IN: &str = "* you are still guest-";
const SAID_AGAIN: &str = "; what you type is said in lobby again";
const DROPPED: &str = "* what you had typed by then is said to nobody";

/// A terminal in the lobby that logs in as ada, and has been answered like that last.
fn logging_in(server: &Server, typed: &str, answers: &[&str]) -> Line {
    let mut line = server.line();
    line.write(typed);
    for answer in answers {
        let shown = line.wait_for(answer);
        let is_whole = *answer == NOT_IN && shown.ends_with(SAID_AGAIN) || shown == *answer;
        assert!(is_whole, "{typed:?}: {shown}");
    }
    line
}

/// Nothing was said to anybody but these.
fn assert_said(bob: &mut Line, expected: &[&str]) {
    bob.say("--history: 20");
    bob.say("--quit:");
    let rest = bob.rest();
    let bodies: Vec<&str> = rest
        .lines()
        .filter_map(|line| Some(line.split_once("> ")?.1))
        .collect();
    assert!(bodies.iter().all(|body| expected.contains(body)), "{rest}");
    let missing = expected.iter().find(|body| !bodies.contains(body));
    assert_eq!(missing, None, "{rest}");
}

#[test]
fn terminal_logs_in_and_nobody_sees_the_password() {
    let mut server = Server::start(&[]);
    let mut bob = server.line();
    register(&server, "ada");
    let mut line = server.line();
    line.say("--login: ada");
    line.say(PASSWORD);
    line.wait_for("* you are ada");
    line.say("here I am");
    assert_eq!(bob.wait_for("<"), "<ada> here I am");
    // What follows a name that is none is a password still.
    line.say("--login: <>");
    line.say("hunter2 hunter2");
    line.wait_for("! this name cannot be used");
    assert_eq!(line.next(), format!("* you are still ada{SAID_AGAIN}"));
    line.say("--login: eve");
    line.say("wrong wrong");
    line.wait_for("! nothing to do");
    assert_eq!(line.next(), format!("* you are still ada{SAID_AGAIN}"));
    line.say("--quit:");
    line.wait_for("* bye");
    assert_said(&mut bob, &["here I am"]);
    server.terminate();
    let said = server.said_until_the_end().join("\n");
    for secret in [PASSWORD, "hunter2", "wrong wrong"] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn mistyped_password_is_typed_again_and_said_to_nobody() {
    let server = Server::start(&[]);
    let mut bob = server.line();
    register(&server, "ada");
    let mut line = logging_in(&server, "--login: ada\ncorect horse\n", &[AGAIN]);
    // What is no password is a try, too.
    line.write(b"\xff\xfe\n");
    assert_eq!(line.next(), AGAIN);
    line.say(PASSWORD);
    line.wait_for("* you are ada");
    line.say("at last");
    assert_eq!(bob.wait_for("<"), "<ada> at last");
    assert_said(&mut bob, &["at last"]);
}

#[test]
fn paste_ahead_of_the_answers_is_taken_line_by_line() {
    let server = Server::start(&[]);
    let mut bob = server.line();
    register(&server, "ada");
    let typed = format!("--login: ada\r\ncorect horse\r\n{PASSWORD}\r\nhere I am\r\n");
    let mut line = logging_in(&server, &typed, &[AGAIN, "* you are ada"]);
    assert_eq!(bob.wait_for("<"), "<ada> here I am");
    line.say("--quit:");
    assert_said(&mut bob, &["here I am"]);
}

#[test]
fn after_the_last_try_one_is_told_and_what_was_typed_ahead_goes_nowhere() {
    let server = Server::start(&[]);
    let mut bob = server.line();
    register(&server, "ada");
    let typed = format!("--login: ada\none\ntwo\nthree\n{PASSWORD}\nnobody\ncorrect ");
    let mut line = logging_in(&server, &typed, &[AGAIN, AGAIN, WRONG, NOT_IN, DROPPED]);
    // The rest of a line that had begun by then belongs to it.
    line.write("horse\nhello\n");
    assert!(bob.wait_for("<guest-").ends_with("> hello"));
    assert_said(&mut bob, &["hello"]);
}

#[test]
fn empty_line_gives_up() {
    let server = Server::start(&[]);
    let mut bob = server.line();
    register(&server, "ada");
    for (typed, answers) in [
        ("--login: ada\n\n", &[NOT_IN][..]),
        // One Enter too many, on a slow line.
        ("--login: ada\n\ncorrect horse\n", &[NOT_IN, DROPPED]),
        ("--login: ada\nwrong\r\n\r\n", &[AGAIN, NOT_IN]),
        (
            "--login: nobody here\nwrong\n\n--who:\n",
            &[AGAIN, NOT_IN, DROPPED],
        ),
    ] {
        let mut line = logging_in(&server, typed, answers);
        line.say("hello");
        assert!(bob.wait_for("<guest-").ends_with("> hello"), "{typed:?}");
    }
    assert_said(&mut bob, &["hello"]);
}

#[test]
fn what_is_typed_at_the_end_of_input_is_a_password_still() {
    let server = Server::start(&[]);
    let mut bob = server.line();
    register(&server, "ada");
    let mut line = logging_in(&server, "--login: ada\nwrong\ncorrect horsf", &[]);
    line.end_input();
    let rest = line.rest();
    assert_eq!(rest.matches(AGAIN).count(), 2, "{rest}");
    assert_said(&mut bob, &[]);
}

#[test]
fn terminal_is_asked_for_a_second_factor() {
    let server = Server::start(&[]);
    let mut bob = server.line();
    let (mut ada, _) = register(&server, "ada");
    let (_, papers) = set_up_second_factor(&mut ada);
    let prompt = "* type the code of your second factor, or a recovery code, on the next line";
    let typed = format!("--login: ada\n{PASSWORD}\n");
    let mut line = logging_in(&server, &typed, &[prompt]);
    line.say(&papers[0]);
    line.wait_for("* you are ada");
    line.say("by paper");
    assert_eq!(bob.wait_for("<"), "<ada> by paper");
    // A code that is used, one that is none, and the right one, all at once.
    let no_code = "! the request is malformed: totp must be six digits";
    let typed = format!(
        "--login: ada\n{PASSWORD}\n{}\nhello\n {} \nme\n",
        papers[0], papers[1]
    );
    let mut line = logging_in(&server, &typed, &[prompt, CODE_AGAIN]);
    assert!(line.next().starts_with(no_code));
    line.wait_for("* you are ada");
    assert_eq!(bob.wait_for("<"), "<ada> me");
    // Whoever has no code at hand gives up; and three codes are enough.
    let typed = format!("--login: ada\n{PASSWORD}\n\n");
    logging_in(&server, &typed, &[prompt, NOT_IN]);
    let typed = format!(
        "--login: ada\n{PASSWORD}\n{0}\n{0}\n{0}\n{1}\n",
        papers[0], papers[2]
    );
    let answers = [prompt, CODE_AGAIN, CODE_AGAIN, WRONG, NOT_IN, DROPPED];
    logging_in(&server, &typed, &answers);
    assert_said(&mut bob, &["by paper", "me"]);
}

#[test]
fn login_that_comes_too_fast_waits_and_so_does_what_follows_it() {
    let server = Server::start(&[]);
    let mut bob = server.line();
    register(&server, "ada");
    for _ in 0..10 {
        assert_eq!(log_in(&server, "ada", "wrong").status, 401);
    }
    let mut line = server.line();
    line.write(format!("--login: ada\n{PASSWORD}\nhello\n"));
    line.wait_for("* too fast: what you typed waits for ");
    assert_said(&mut bob, &[]);
}

#[test]
fn where_guests_are_not_admitted_a_terminal_can_log_in() {
    let server = Server::start(&["--guests", "off"]);
    register(&server, "ada");
    let mut line = Line::connect(server.lines());
    line.wait_for("! not allowed: guests are not admitted here");
    line.say("--login: ada");
    line.say(PASSWORD);
    line.wait_for("* you are ada");
    line.wait_for("* in lobby: ada");
    let mut guest = server.ws();
    assert_eq!(
        guest.refused(json!({"type": "hello", "name": "bob"})),
        "forbidden"
    );
}
