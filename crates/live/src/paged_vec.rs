//! A vector of plain values larger than memory.

use std::ops::{Deref, DerefMut, Range};

use bytemuck::Pod;
use memtide_core::page::PAGE_SIZE;
use memtide_core::{Allocation, MEM_DECOMMIT, MEM_RELEASE, MEM_WRITE_WATCH};

use crate::error::Error;
use crate::space::Space;

/// A growing array of plain values in a space: a slice, so that every algorithm on slices works.
///
/// Its addresses are reserved for the most it may hold, and committed as it grows; it never moves.
/// A page that cannot be had back raises an exception, as [`Space::on_exception`] tells.
#[derive(Debug)]
pub struct PagedVec<'a, T: Pod> {
    space: &'a Space,
    address: u64,
    len: usize,
    capacity: usize,
    most: usize,
    of: std::marker::PhantomData<T>,
}

impl<'a, T: Pod> PagedVec<'a, T> {
    /// An empty one that may grow to so many elements.
    ///
    /// # Errors
    /// [`Error::Capacity`] for elements without a size or more bytes than there are addresses, and
    /// [`Error::Refused`] where they cannot be reserved.
    pub fn with_most(space: &'a Space, most: usize) -> Result<Self, Error> {
        Self::reserved(space, most, 0)
    }

    /// An empty one that may grow to so many elements, and knows which of them are written:
    /// `MEM_WRITE_WATCH`.
    ///
    /// # Errors
    /// As [`PagedVec::with_most`].
    pub fn watched(space: &'a Space, most: usize) -> Result<Self, Error> {
        Self::reserved(space, most, MEM_WRITE_WATCH)
    }

    fn reserved(space: &'a Space, most: usize, kind: u32) -> Result<Self, Error> {
        let size = size_of::<T>();
        let largest = isize::MAX.unsigned_abs() / size.max(1);
        let refused = Error::Capacity { elements: most, size, most: largest };
        if size == 0 || align_of::<T>() as u64 > PAGE_SIZE || most > largest {
            return Err(refused);
        }
        let bytes = ((most.max(1) * size) as u64).next_multiple_of(PAGE_SIZE);
        let plain = Allocation::reserved(bytes);
        let address = space.allocate(&Allocation { kind: plain.kind | kind, ..plain })?;
        let of = std::marker::PhantomData;
        Ok(Self { space, address, len: 0, capacity: 0, most: most.max(1), of })
    }

    /// One of so many zeros.
    ///
    /// # Errors
    /// As [`PagedVec::with_most`] and [`PagedVec::resize`].
    pub fn zeroed(space: &'a Space, len: usize) -> Result<Self, Error> {
        let mut made = Self::with_most(space, len)?;
        made.resize(len)?;
        Ok(made)
    }

    /// The most elements it may hold.
    #[must_use]
    pub const fn most(&self) -> usize {
        self.most
    }

    /// Commits memory for so many elements.
    ///
    /// # Errors
    /// [`Error::Capacity`] above the most, [`Error::Refused`] where memory cannot be promised:
    /// then nothing has changed.
    pub fn reserve(&mut self, elements: usize) -> Result<(), Error> {
        if elements > self.most {
            return Err(Error::Capacity { elements, size: size_of::<T>(), most: self.most });
        }
        if elements > self.capacity {
            // Doubling keeps the number of calls small; the last steps take what is left.
            let wanted = elements.max(self.capacity.saturating_mul(2)).min(self.most);
            let bytes = (wanted * size_of::<T>()) as u64;
            self.space.allocate(&Allocation::commit_at(self.address, bytes))?;
            self.capacity = wanted;
        }
        Ok(())
    }

    /// Makes it so long; new elements are zeros.
    ///
    /// # Errors
    /// As [`PagedVec::reserve`].
    pub fn resize(&mut self, len: usize) -> Result<(), Error> {
        self.reserve(len)?;
        if len < self.len {
            self.truncate(len);
        }
        self.len = len;
        Ok(())
    }

    /// Adds an element.
    ///
    /// # Errors
    /// As [`PagedVec::reserve`].
    pub fn push(&mut self, value: T) -> Result<(), Error> {
        self.reserve(self.len + 1)?;
        self.len += 1;
        let last = self.len - 1;
        self[last] = value;
        Ok(())
    }

    /// Adds elements.
    ///
    /// # Errors
    /// As [`PagedVec::reserve`].
    pub fn extend_from_slice(&mut self, values: &[T]) -> Result<(), Error> {
        self.reserve(self.len + values.len())?;
        let first = self.len;
        self.len += values.len();
        self[first..].copy_from_slice(values);
        Ok(())
    }

    /// Takes the last element.
    pub fn pop(&mut self) -> Option<T> {
        let last = *self.last()?;
        self.truncate(self.len - 1);
        Some(last)
    }

    /// Keeps so many elements; memory behind them is given back.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        let size = size_of::<T>() as u64;
        let kept = (len as u64 * size).next_multiple_of(PAGE_SIZE);
        let end = (self.capacity as u64 * size).next_multiple_of(PAGE_SIZE);
        let on_kept = usize::try_from(kept.div_ceil(size)).unwrap_or(self.len);
        let on_kept = on_kept.min(self.len);
        self[len..on_kept].fill(T::zeroed());
        // Decommitting what was committed is not refused, and pages nothing in.
        if kept < end && self.space.free(self.address + kept, end - kept, MEM_DECOMMIT).is_ok() {
            self.capacity = usize::try_from(kept / size).unwrap_or(len).max(len);
        } else {
            self[len..].fill(T::zeroed());
        }
        self.len = len;
    }

    /// The elements on pages that were written since they were allocated or reset, and maybe their
    /// neighbours on these pages: `GetWriteWatch`. Resets them where that is asked for.
    ///
    /// # Errors
    /// [`Error::Refused`] where it is not [watched](PagedVec::watched).
    pub fn written(&mut self, resets: bool) -> Result<Vec<Range<usize>>, Error> {
        let (size, page) = (size_of::<T>() as u64, PAGE_SIZE);
        let bytes = (self.len as u64 * size).next_multiple_of(page);
        if bytes == 0 {
            return Ok(Vec::new());
        }
        let most = usize::try_from(bytes / page).unwrap_or(usize::MAX);
        let pages = self.space.write_watch(self.address, bytes, resets, most)?;
        let element = |byte: u64| usize::try_from(byte / size).unwrap_or(usize::MAX);
        let mut written: Vec<Range<usize>> = Vec::new();
        for at in pages.iter().map(|address| address - self.address) {
            let end = element(at + page + size - 1).min(self.len);
            match written.last_mut() {
                Some(last) if element(at) <= last.end => last.end = end,
                _ => written.push(element(at)..end),
            }
        }
        Ok(written)
    }

    /// The space it is in.
    #[must_use]
    pub const fn space(&self) -> &'a Space {
        self.space
    }
}

impl<T: Pod> Deref for PagedVec<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `len` elements are committed, aligned to a page, and any bytes are a value. The
        // pager moves pages under the address, never the address, and only this owns them.
        unsafe { std::slice::from_raw_parts(self.address as *const T, self.len) }
    }
}

impl<T: Pod> DerefMut for PagedVec<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and `self` is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.address as *mut T, self.len) }
    }
}

impl<T: Pod> Drop for PagedVec<'_, T> {
    fn drop(&mut self) {
        // Refused only where the space was destroyed, and this borrows it.
        let _ = self.space.free(self.address, 0, MEM_RELEASE);
    }
}
