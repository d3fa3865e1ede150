//! Memory that is really there.

/// Twice what malloc may keep for itself, so that a chunk dropped is a chunk given back.
const CHUNK: usize = 64 << 20;

/// Memory of this process of which every page is written.
#[derive(Debug, Default)]
pub struct Hog(Vec<Vec<u8>>);

impl Hog {
    /// One that holds nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Takes this many bytes more.
    pub fn grow(&mut self, bytes: usize) {
        let mut left = bytes;
        while left > 0 {
            let size = left.min(CHUNK);
            // Ones are written; zeros may stay untouched.
            self.0.push(vec![1; size]);
            left -= size;
        }
    }

    /// Gives all of it back.
    pub fn release(&mut self) {
        self.0.clear();
    }
}
