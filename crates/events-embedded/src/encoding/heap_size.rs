//! How much memory a value takes, for caches that are bounded in bytes.

use arrow::array::{Array as _, StringArray};

/// A value whose memory is known.
pub(crate) trait HeapSize {
    /// Bytes on the heap.
    fn heap_bytes(&self) -> usize;
}

impl<T> HeapSize for Vec<T> {
    /// That of the elements; what they point to is not counted.
    fn heap_bytes(&self) -> usize {
        size_of_val(self.as_slice())
    }
}

impl HeapSize for StringArray {
    fn heap_bytes(&self) -> usize {
        self.get_array_memory_size()
    }
}
