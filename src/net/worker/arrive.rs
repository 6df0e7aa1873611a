//! How a connection gets to a worker: accepted, and where a proxy passes it on, after its header.

use super::{Worker, count};
use crate::net::{Accepted, Service, TurnedAway};

impl<S: Service> Worker<S> {
    /// Takes who waits at the doors, and who has said at the entrance whose connection it is.
    pub(super) fn accept(&mut self) {
        self.renew_tls();
        let mut arrivals = std::mem::take(&mut self.spare_arrivals);
        let mut judged = std::mem::take(&mut self.spare_judged);
        let refuse =
            |accepted: &Accepted| self.service.turned_away(accepted, TurnedAway::NoDescriptor);
        self.totals.accept_pauses += self.doors.accept(self.now, &mut arrivals, refuse);
        let registry = self.poll.registry();
        self.entrance.step(self.now, registry, &mut judged);
        // They were counted when they came to wait.
        self.totals.sockets -= count(judged.len());
        for (stream, accepted) in arrivals.drain(..) {
            match self.entrance.arrive(stream, accepted, self.now, registry) {
                Some(result) => judged.push(result),
                None => self.totals.sockets += 1,
            }
        }
        for result in judged.drain(..) {
            match result {
                Ok((stream, accepted)) => {
                    self.admit(stream, &accepted);
                }
                Err((accepted, why)) => {
                    self.service.turned_away(&accepted, why);
                }
            }
        }
        self.spare_arrivals = arrivals;
        self.spare_judged = judged;
    }
}
