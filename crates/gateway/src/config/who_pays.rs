//! `[providers.NAME.who_pays]`: what callers pay of an attempt that did not end as it should.

use roundelay_ledger::{Policy, Share};

use super::reader::Section;

/// Reads it; what is not written is [`Policy::default`].
pub(super) fn read(section: Section<'_>) -> Policy {
    const CHOICES: [(&str, Share); 4] = [
        ("nothing", Share::Nothing),
        ("output", Share::Output),
        ("delivered", Share::Delivered),
        ("full", Share::Full),
    ];
    let share = |key, default| section.choice(key, &CHOICES).unwrap_or(default);
    let default = Policy::default();
    let policy = Policy {
        blank: share("blank", default.blank),
        cancelled: share("cancelled", default.cancelled),
        cancelled_running: share("cancelled_running", default.cancelled_running),
        failed: share("failed", default.failed),
        superseded: share("superseded", default.superseded),
        crashed: share("crashed", default.crashed),
    };
    section.finish();
    policy
}
