//! A table of values under small keys, where a key of a removed value never finds its successor.

use crate::net::shelf::Shelf;

/// The key of one connection, as long as that connection lives and never again.
///
/// The index is a place in the worker's tables and is used again; the generation tells its
/// successive inhabitants apart. An id means something only to the worker that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId {
    index: u32,
    generation: u32,
}

impl ConnectionId {
    /// The id as one number, for those who know workers only by numbers.
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The id that [`to_bits`](Self::to_bits) made a number of.
    pub fn from_bits(bits: u64) -> Self {
        let low = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).expect("masked to 32 bits");
        Self {
            index: low(bits),
            generation: low(bits >> 32),
        }
    }

    /// The place in tables that are parallel to the slab.
    pub(super) fn slot(self) -> usize {
        slot(self.index)
    }

    /// The place as the 32-bit number that deadlines are kept under.
    pub(super) fn index(self) -> u32 {
        self.index
    }
}

/// Values in a list; a freed place is the next one to be used.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Shelf<Place<T>>,
    /// The most recently freed place, the head of a list through `Vacant`.
    free: Option<u32>,
}

#[derive(Debug)]
struct Place<T> {
    /// Raised when the value is removed, so that older ids miss. It wraps after 2³² tenants of one
    /// place; no id is kept that long.
    generation: u32,
    content: Content<T>,
}

#[derive(Debug)]
enum Content<T> {
    Occupied(T),
    Vacant { next_free: Option<u32> },
}

impl<T> Slab<T> {
    /// Bytes of memory for each value.
    #[cfg(test)]
    pub(super) const PLACE_LEN: usize = size_of::<Place<T>>();

    pub(super) fn new() -> Self {
        Self {
            places: Shelf::new(),
            free: None,
        }
    }

    /// Stores what `value` makes of its own id.
    pub(super) fn insert_with(&mut self, value: impl FnOnce(ConnectionId) -> T) -> ConnectionId {
        let Some(index) = self.free else {
            let index = u32::try_from(self.places.len())
                .expect("each connection has a descriptor, of which there are fewer than 2^31");
            let id = ConnectionId {
                index,
                generation: 0,
            };
            self.places.push(Place {
                generation: 0,
                content: Content::Occupied(value(id)),
            });
            return id;
        };
        let place = &mut self.places[slot(index)];
        let id = ConnectionId {
            index,
            generation: place.generation,
        };
        if let Content::Vacant { next_free } = place.content {
            self.free = next_free;
        }
        place.content = Content::Occupied(value(id));
        id
    }

    pub(super) fn get(&self, id: ConnectionId) -> Option<&T> {
        match self.places.get(id.slot()) {
            Some(Place {
                generation,
                content: Content::Occupied(value),
            }) if *generation == id.generation => Some(value),
            _ => None,
        }
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut T> {
        match self.places.get_mut(id.slot()) {
            Some(Place {
                generation,
                content: Content::Occupied(value),
            }) if *generation == id.generation => Some(value),
            _ => None,
        }
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<T> {
        self.get(id)?;
        let place = &mut self.places[id.slot()];
        let vacant = Content::Vacant {
            next_free: self.free,
        };
        let Content::Occupied(value) = std::mem::replace(&mut place.content, vacant) else {
            unreachable!("the lookup above found a value here")
        };
        place.generation = place.generation.wrapping_add(1);
        self.free = Some(id.index);
        Some(value)
    }

    /// The id of whoever lives at `index` now.
    pub(super) fn id_at(&self, index: u32) -> Option<ConnectionId> {
        let place = self.places.get(slot(index))?;
        matches!(place.content, Content::Occupied(_)).then_some(ConnectionId {
            index,
            generation: place.generation,
        })
    }

    /// One more than the highest index that was ever given.
    pub(super) fn place_count(&self) -> u32 {
        u32::try_from(self.places.len()).expect("indices were made from it")
    }
}

#[expect(
    clippy::as_conversions,
    reason = "a usize has at least 32 bits wherever there is epoll"
)]
fn slot(index: u32) -> usize {
    index as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn old_id_does_not_find_the_next_tenant() {
        let mut slab = Slab::new();
        let first = slab.insert_with(|_| "ada");
        assert_eq!(slab.remove(first), Some("ada"));
        let second = slab.insert_with(|_| "bob");
        assert_eq!(second.slot(), first.slot());
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&"bob"));
    }

    #[test]
    fn value_is_made_from_its_own_id() {
        let mut slab = Slab::new();
        let id = slab.insert_with(|id| id);
        assert_eq!(slab.get(id), Some(&id));
        slab.remove(id);
        let id = slab.insert_with(|id| id);
        assert_eq!((slab.get(id), slab.id_at(0)), (Some(&id), Some(id)));
    }

    proptest! {
        #[test]
        fn slab_behaves_like_a_list_of_pairs(steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..200)) {
            let mut slab = Slab::new();
            let mut model: Vec<(ConnectionId, usize)> = Vec::new();
            let mut gone = Vec::new();
            for (step, (inserts, pick)) in steps.into_iter().enumerate() {
                if inserts || model.is_empty() {
                    model.push((slab.insert_with(|_| step), step));
                } else {
                    let (id, value) = model.swap_remove(pick.index(model.len()));
                    prop_assert_eq!(slab.remove(id), Some(value));
                    gone.push(id);
                }
            }
            prop_assert!(gone.iter().all(|id| slab.get(*id).is_none()));
            prop_assert!(model.iter().all(|(id, value)| slab.get(*id) == Some(value)));
            let mut ids: Vec<_> = model.iter().map(|(id, _)| *id).collect();
            ids.sort_unstable();
            let found: Vec<_> = (0..slab.place_count()).filter_map(|at| slab.id_at(at)).collect();
            prop_assert_eq!(found, ids);
        }
    }
}
