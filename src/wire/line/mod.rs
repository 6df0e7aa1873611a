//! Line mode: what people type into `nc`, and what they see there.

mod read;
mod show;

pub use read::{Line, MAX_LINE_LEN, begins_http_request, clean, read};
pub(crate) use show::show_time;
pub use show::{
    HELP, show_answer, show_error, show_event, show_members, show_message, show_notice, show_rooms,
    welcome,
};
