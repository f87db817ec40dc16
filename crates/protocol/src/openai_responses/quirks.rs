//! Where servers that speak this dialect differ, as data.

/// What a server takes beyond the common core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// The role of a system turn: `system` or `developer`.
    pub system_role: &'static str,
    /// `custom` tools with free input.
    pub custom_tools: bool,
    /// `prompt_cache_breakpoint` on parts.
    pub cache_breakpoints: bool,
    /// `store`, `prompt_cache_key`, `safety_identifier`, `service_tier`, `verbosity`.
    pub vendor_members: bool,
    /// Sealed reasoning is asked for and given back.
    pub sealed_reasoning: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            system_role: "developer",
            custom_tools: true,
            cache_breakpoints: true,
            vendor_members: true,
            sealed_reasoning: true,
        }
    }
}
