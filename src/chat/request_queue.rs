//! A queue of requests, with a bound for how many they are and for what they weigh.

use std::collections::VecDeque;

use crate::chat::command::Request;

/// The requests of one connection that wait for something, in the order in which they came, each with
/// what goes along with it.
///
/// Invariant: `weight` is the sum of theirs.
#[derive(Debug)]
pub(crate) struct RequestQueue<T> {
    requests: VecDeque<(Request, T)>,
    weight: usize,
}

impl<T> Default for RequestQueue<T> {
    fn default() -> Self {
        Self {
            requests: VecDeque::new(),
            weight: 0,
        }
    }
}

impl<T> RequestQueue<T> {
    /// Puts a request at the end; gives it back if there is no room.
    #[must_use]
    pub(crate) fn push(&mut self, request: Request, along: T) -> Option<Request> {
        let weight = self.weight + request.weight();
        if self.requests.len() >= MAX_COUNT || weight > MAX_WEIGHT {
            return Some(request);
        }
        self.weight = weight;
        self.requests.push_back((request, along));
        None
    }

    /// The one that came first.
    pub(crate) fn front(&self) -> Option<&Request> {
        self.requests.front().map(|(request, _)| request)
    }

    /// Takes the one that came first.
    pub(crate) fn pop(&mut self) -> Option<(Request, T)> {
        let (request, along) = self.requests.pop_front()?;
        self.weight -= request.weight();
        Some((request, along))
    }
}

/// More than a client asks ahead in earnest.
const MAX_COUNT: usize = 256;

/// Twenty of the longest messages at once always pass, whatever was asked before them; what is more
/// would be a way to fill the server's memory by not reading.
const MAX_WEIGHT: usize = 768 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Body, Command, RequestId, RoomName};

    fn request(id: i64, command: Command) -> Request {
        let id = Some(RequestId::Integer(id));
        Request { id, command }
    }

    fn send(len: usize) -> Command {
        Command::Send {
            room: RoomName::lobby(),
            body: Body::parse(&"🦊".repeat(len / 4)).unwrap(),
            key: None,
            reply_to: None,
        }
    }

    #[test]
    fn so_many_wait_and_no_more() {
        let mut queue = RequestQueue::default();
        let mut push = |id| queue.push(request(id, Command::Rooms), ()).is_none();
        assert!((0..256).all(&mut push));
        assert!(!push(256));
        assert_eq!(queue.front().unwrap().id, Some(RequestId::Integer(0)));
        assert!(queue.pop().is_some());
        assert!(queue.push(request(256, Command::Rooms), ()).is_none());
    }

    #[test]
    fn twenty_of_the_longest_messages_wait_behind_all_that_one_may_enter_and_not_many_more() {
        let mut queue = RequestQueue::default();
        for id in 0..100 {
            assert!(queue.push(request(id, Command::Rooms), ()).is_none());
        }
        let longest = || request(1, send(Body::MAX_LEN));
        let count = (0..1_000)
            .take_while(|_| queue.push(longest(), ()).is_none())
            .count();
        assert!((20..25).contains(&count), "{count}");
        assert_eq!(queue.push(longest(), ()), Some(longest()));
        // What leaves makes room for as much.
        for _ in 0..101 {
            assert!(queue.pop().is_some());
        }
        assert!(queue.push(longest(), ()).is_none());
        while queue.pop().is_some() {}
        assert_eq!(queue.weight, 0);
    }
}
