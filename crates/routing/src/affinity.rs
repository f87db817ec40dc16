//! Remembers where conversations are, so that they find their prompt cache again.

use std::collections::HashMap;

use crate::chance::MixState;
use crate::instant::Instant;
use crate::settings::AffinitySettings;

/// Which deployment answered a conversation last.
///
/// Two generations make it bounded without a list of ages: when the young one is half of the limit, the old one goes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bindings {
    young: HashMap<u64, Binding, MixState>,
    old: HashMap<u64, Binding, MixState>,
}

#[derive(Clone, Copy, Debug)]
struct Binding {
    slot: u32,
    used: Instant,
}

impl Bindings {
    /// The deployment slot of a conversation that was active lately.
    pub(crate) fn find(&self, conversation: u64, now: Instant, settings: &AffinitySettings) -> Option<u32> {
        let binding = self.young.get(&conversation).or_else(|| self.old.get(&conversation))?;
        (now.saturating_duration_since(binding.used) < settings.idle).then_some(binding.slot)
    }

    pub(crate) fn bind(&mut self, conversation: u64, slot: u32, now: Instant, settings: &AffinitySettings) {
        let half = settings.bindings_max / 2;
        if half == 0 {
            return;
        }
        if self.young.len() >= half && !self.young.contains_key(&conversation) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(conversation, Binding { slot, used: now });
    }
}
