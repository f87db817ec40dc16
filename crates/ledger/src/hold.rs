//! Money set aside for an attempt, and the one end each such hold has.
//!
//! ```text
//!  authorise ─▶ Held ── dispatched ─▶ Dispatched ── overdue ─▶ InDoubt ─┐
//!                │ │                     │  │                  │        │ overdue again: by its progress
//!        overdue │ └─ release ┐  release ┘  └─ settle ┬ settle ┘        │
//!                ▼            ▼                       ▼                 ▼
//!             expired      released                settled           settled, estimated
//! ```

mod deadlines;

use crate::{Conversion, Currency, ExchangeId, ListCost, Money, NodeId, PriceId, Timestamp};

use deadlines::Deadlines;

/// A hold in the memory of one [`crate::Ledger`]. A name is never used again, so a late or second report finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId {
    slot: u32,
    generation: u32,
}

/// How far an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was sent.
    Held,
    /// It was sent: somebody may bill it.
    Dispatched,
    /// It was sent, and its end was not heard of in time.
    InDoubt,
}

/// What is held for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The exchange.
    pub exchange: ExchangeId,
    /// Its attempt, 1 for the first.
    pub attempt: u32,
    /// The key or account that asked.
    pub node: NodeId,
    /// The account whose balance pays.
    pub payer: NodeId,
    /// The price it was quoted.
    pub price: Option<PriceId>,
    /// From list price to what is owed, frozen.
    pub conversion: Conversion,
    /// The bound that is set aside, at list price.
    pub cost: ListCost,
    /// The same for the payer, in dollars.
    pub usd: Money,
    /// The same for the payer, in yuan.
    pub cny: Money,
    /// Tokens taken from limits of tokens a minute.
    pub tokens: u64,
    /// What is known to have been delivered, at list price.
    pub delivered: ListCost,
    /// How far it is.
    pub stage: Stage,
    /// Whether an extension was refused.
    pub is_refused_more: bool,
    /// When it is overdue.
    pub expires_at: Timestamp,
}

impl Held {
    /// The amount set aside, in a currency.
    pub const fn amount(&self, currency: Currency) -> Money {
        match currency {
            Currency::Usd => self.usd,
            Currency::Cny => self.cny,
        }
    }

    /// Sets that much aside in place of what is.
    pub(crate) fn resize(&mut self, cost: ListCost) {
        self.cost = cost;
        self.usd = cost.ceiling(self.conversion, Currency::Usd);
        self.cny = cost.ceiling(self.conversion, Currency::Cny);
    }
}

/// The open holds, in slots that are used again under new names.
#[derive(Debug, Clone)]
pub(crate) struct Holds {
    slots: Vec<Slot>,
    free: Vec<u32>,
    deadlines: Deadlines,
    capacity: usize,
}

#[derive(Debug, Clone)]
struct Slot {
    generation: u32,
    held: Option<Held>,
}

impl Holds {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), deadlines: Deadlines::default(), capacity }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.free.is_empty() && self.slots.len() >= self.capacity
    }

    pub(crate) fn len(&self) -> usize {
        self.deadlines.len()
    }

    /// Remembers a hold. The caller has seen that there is room.
    pub(crate) fn insert(&mut self, held: Held) -> HoldId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, held: None });
            u32::try_from(self.slots.len() - 1).expect("the capacity is below 2³²")
        });
        self.deadlines.insert(slot, held.expires_at);
        let entry = &mut self.slots[slot as usize];
        entry.held = Some(held);
        HoldId { slot, generation: entry.generation }
    }

    pub(crate) fn find(&self, id: HoldId) -> Option<&Held> {
        let slot = self.slots.get(id.slot as usize)?;
        slot.held.as_ref().filter(|_| slot.generation == id.generation)
    }

    pub(crate) fn find_mut(&mut self, id: HoldId) -> Option<&mut Held> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        slot.held.as_mut().filter(|_| slot.generation == id.generation)
    }

    pub(crate) fn postpone(&mut self, id: HoldId, expires_at: Timestamp) {
        if let Some(held) = self.find_mut(id) {
            held.expires_at = expires_at;
            self.deadlines.remove(id.slot);
            self.deadlines.insert(id.slot, expires_at);
        }
    }

    /// Forgets a hold, for good.
    pub(crate) fn remove(&mut self, id: HoldId) -> Option<Held> {
        self.find(id)?;
        let slot = &mut self.slots[id.slot as usize];
        // After four thousand million uses a slot is retired, so that no name comes twice.
        if let Some(next) = slot.generation.checked_add(1) {
            slot.generation = next;
            self.free.push(id.slot);
        }
        self.deadlines.remove(id.slot);
        slot.held.take()
    }

    /// The hold that is overdue for longest.
    pub(crate) fn overdue(&self, now: Timestamp) -> Option<HoldId> {
        let (slot, at) = self.deadlines.first()?;
        (at <= now).then(|| HoldId { slot, generation: self.slots[slot as usize].generation })
    }

    /// The earliest deadline.
    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(_, at)| at)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (HoldId, &Held)> {
        (0u32..).zip(&self.slots).filter_map(|(slot, entry)| {
            let id = HoldId { slot, generation: entry.generation };
            entry.held.as_ref().map(|held| (id, held))
        })
    }
}
