//! Decides which member of a pool gets the next piece of work.
//!
//! A run on a node, a meeting on a conference server, a connection on a backend, a projection on a store: each is
//! a piece of work placed on a member of a [`Pool`]. This crate is pure: time and randomness enter as arguments
//! and nothing is read or written elsewhere, so that a decision can be replayed from its seed.
//!
//! ```
//! use placement::{Algorithm, Pool};
//! use rand::SeedableRng;
//! use std::time::Duration;
//!
//! let mut rng = rand::rngs::SmallRng::seed_from_u64(1);
//! let mut pool = Pool::new(Duration::from_secs(60));
//! pool.insert("north", 4); // a node of four slots
//! pool.insert("south", 2);
//!
//! let node = pool
//!     .pick(Algorithm::WeightedLeastLoad, 0, &mut rng, |node| node.load() + node.reserved() < node.weight().into())
//!     .expect("both nodes are free");
//! pool.reserve(&node, 1, 0)?; // counts from now on, before the node reports its load
//! assert_eq!(pool.get(&node).expect("a member").reserved(), 1);
//! # Ok::<(), placement::UnknownMember>(())
//! ```
//!
//! # Who can be picked
//! A member that is [enabled](AdminState::Enabled), not [down](Health::Down), of a weight above 0, and accepted by
//! the caller's filter. A [suspect](Health::Suspect) member is picked only when no member that is up can be.
//!
//! # Load and reservations
//! The *load* of a member is what it was last measured to be, in a unit of the caller's choice (runs, users,
//! connections). Between two measurements a *reservation* stands for work that was placed but not yet measured. It
//! decays to zero in eight equal steps over the lifetime given to [`Pool::new`], so that a reservation that nobody
//! released distorts nothing for ever. [`Pool::load_set`] leaves reservations alone, because a measurement may be older than
//! the work; who knows that the work is measured, or failed to start, calls [`Pool::release`].
//!
//! # Cost
//! With n members, of which the filter skips s before it accepts one:
//!
//! | algorithm | pick | change of load | change of weight, state or health |
//! | --- | --- | --- | --- |
//! | [`RoundRobin`](Algorithm::RoundRobin) | O(log n + s) | O(1) | O(log n) |
//! | [`WeightedRoundRobin`](Algorithm::WeightedRoundRobin) | O(log n + s) | O(1) | O(log n) |
//! | [`LeastLoad`](Algorithm::LeastLoad), [`WeightedLeastLoad`](Algorithm::WeightedLeastLoad) | O(log n + s) | O(log n) | O(log n) |
//! | [`Random`](Algorithm::Random), [`TwoChoices`](Algorithm::TwoChoices) | O(1), O(n) when few are accepted | O(1) | O(1) |
//!
//! A pool keeps an index for the algorithm it was last asked for; asking for another one builds that index anew,
//! once, in O(n log n).

mod algorithm;
mod member;
mod pool;
mod reservation;
mod words;

pub use algorithm::Algorithm;
pub use member::{AdminState, Health, Member};
pub use pool::{Pool, UnknownMember};
pub use reservation::ReservationId;
pub use words::UnknownState;
