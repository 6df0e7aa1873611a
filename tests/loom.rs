//! What threads share, run in every order that the memory model allows.
//!
//! The files under test are the library's own, included here with loom's atomics for the real ones.
//! Each model is also run with a fault planted in it, which it must find: else it would prove
//! nothing by finding none.

#[path = "loom/address.rs"]
mod address;
#[path = "loom/bounds.rs"]
mod bounds;
#[path = "loom/drain.rs"]
mod drain;
#[path = "loom/mailbox.rs"]
mod mailbox;
#[path = "loom/orders.rs"]
mod orders;

/// The path by which the rule of a split connection is found, and finds what it is made of.
#[path = "loom"]
mod websocket {
    #[path = "."]
    pub(crate) mod blocking {
        #[path = "lock.rs"]
        pub(crate) mod lock;
        #[path = "split.rs"]
        mod split;

        pub(crate) mod clock {
            #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
            pub(crate) fn now() -> std::time::Instant {
                std::time::Instant::now()
            }
        }

        pub(crate) mod error {
            #[derive(Clone, Debug)]
            pub(crate) enum Error {
                TimedOut(Timeout),
                Io,
                Closed,
                /// All wait for each other.
                Stuck,
            }

            #[derive(Clone, Debug)]
            pub(crate) enum Timeout {
                Close,
            }

            impl From<std::io::Error> for Error {
                fn from(_: std::io::Error) -> Self {
                    Self::Io
                }
            }
        }
    }
}

/// Whether there is an order of threads in which a model panics, or all of them wait.
fn finds(model: impl Fn() + Send + Sync + 'static) -> bool {
    let run = std::panic::AssertUnwindSafe(|| loom::model(model));
    std::panic::catch_unwind(run).is_err()
}
