//! The containers that are open around a skipped value.

/// How deep a skipped value may nest. Tool schemas stay far below; Python's own parser gives up near 1000.
pub(super) const DEPTH_MAX: usize = 512;

/// The open containers of a skipped value, one bit each: a hostile body cannot make it allocate or recurse.
#[derive(Default)]
pub(super) struct Nest {
    pub(super) depth: usize,
    objects: [u64; DEPTH_MAX / 64],
}

impl Nest {
    pub(super) fn push(&mut self, is_object: bool) -> Result<(), &'static str> {
        let Some(word) = self.objects.get_mut(self.depth / 64) else {
            return Err("nested more than 512 levels deep");
        };
        let bit = 1 << (self.depth % 64);
        *word = if is_object { *word | bit } else { *word & !bit };
        self.depth += 1;
        Ok(())
    }

    pub(super) fn is_object(&self) -> bool {
        let top = self.depth - 1;
        self.objects[top / 64] >> (top % 64) & 1 == 1
    }
}
