//! What they are told who come from a banned address: in a line, or as a page.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::chat::{ChatError, Timestamp};
use crate::server::response::Response;
use crate::wire::line;

/// A ban of the address from which somebody comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AddressBan {
    /// `None`: until somebody lifts it.
    pub(crate) until: Option<Timestamp>,
    /// When they came.
    pub(crate) now: Timestamp,
}

impl AddressBan {
    /// It, as programs and terminals are told.
    pub(crate) fn error(self) -> ChatError {
        let left_s = self.left_s();
        ChatError::BannedFromServer { left_s }
    }

    /// For how many more seconds, if it has an end.
    fn left_s(self) -> Option<u64> {
        let left_ms = self.until?.0.saturating_sub(self.now.0);
        Some(left_ms.unsigned_abs().div_ceil(1_000))
    }

    /// The text of an answer, a page for people in a browser.
    pub(crate) fn text(self, is_page: bool) -> String {
        if is_page {
            self.page()
        } else {
            format!("{}\n", self.error())
        }
    }

    /// An answer of that text.
    pub(crate) fn response(self, is_page: bool, text: &str) -> Response<'_> {
        let mut response =
            Response::text("403 Forbidden", text).with_header("Cache-Control", "no-store");
        if is_page {
            response.content_type = "text/html; charset=utf-8";
            response = response.with_header("Content-Security-Policy", &policy());
        }
        match self.left_s() {
            Some(left_s) => response.with_header("Retry-After", &left_s.to_string()),
            None => response,
        }
    }

    /// A page that asks the server for nothing more, since it would get nothing.
    fn page(self) -> String {
        let end = match (self.left_s(), self.until.and_then(line::show_time)) {
            (Some(left_s), Some(until)) => {
                let left = in_words(left_s);
                format!("The ban ends in {left}, on {until}. Then this page works again.")
            }
            _ => "The ban has no end, unless somebody lifts it.".to_owned(),
        };
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <title>chinwag: banned</title>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<style>{STYLE}</style>\n</head>\n\
             <body>\n<main>\n<h1>You are banned from this server</h1>\n\
             <p>It lets in nobody from the address that you come from. {end}</p>\n\
             <p>If you think that is a mistake, please ask whoever runs this server.</p>\n\
             </main>\n</body>\n</html>\n"
        )
    }
}

/// How long that is, as one says it: rounded up.
fn in_words(seconds: u64) -> String {
    let (count, unit) = if seconds <= HOUR {
        (seconds.div_ceil(MINUTE), "minute")
    } else if seconds <= DAY {
        (seconds.div_ceil(HOUR), "hour")
    } else {
        (seconds.div_ceil(DAY), "day")
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// Nothing from anywhere, and the one style in the page itself.
fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The colours of the page that it stands for.
const STYLE: &str = "\
body{margin:0;display:grid;place-items:center;min-height:100dvh;background:#f6f4f0;color:#1f2426;\
font:400 1rem/1.5 system-ui,sans-serif}\
main{box-sizing:border-box;width:min(440px,100vw - 32px);margin:16px 0;padding:32px;\
border:1px solid #e3dfd7;border-radius:20px;background:#fff}\
h1{margin:0 0 12px;font-size:1.5rem;line-height:1.25}\
p{margin:12px 0 0}\
@media(prefers-color-scheme:dark){body{background:#14171a;color:#e7e9ea}\
main{border-color:#2c3238;background:#20252a}}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_told_as_one_says_it() {
        for (seconds, words) in [
            (1, "1 minute"),
            (61, "2 minutes"),
            (HOUR, "60 minutes"),
            (HOUR + 1, "2 hours"),
            (DAY, "24 hours"),
            (30 * DAY, "30 days"),
        ] {
            assert_eq!(in_words(seconds), words);
        }
    }

    #[test]
    fn page_and_line_tell_the_same_end() {
        let now = Timestamp(0);
        let until = Some(Timestamp(3_599_001));
        let ban = AddressBan { until, now };
        let page = ban.text(true);
        let end = "The ban ends in 60 minutes, on 1970-01-01 00:59 UTC.";
        assert!(page.contains(end), "{page}");
        let line = "you are banned from this server for 3600 more seconds\n";
        assert_eq!(ban.text(false), line);
        assert!(
            ban.response(true, &page)
                .headers
                .contains("Retry-After: 3600\r\n")
        );

        let ban = AddressBan { until: None, now };
        assert!(ban.text(true).contains("The ban has no end"));
        assert!(!ban.response(true, "").headers.contains("Retry-After"));
    }
}
