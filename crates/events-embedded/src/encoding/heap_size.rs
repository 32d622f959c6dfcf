//! The heap memory of a value, for caches that are limited in bytes.

use arrow::array::{Array as _, StringArray};

/// A value whose heap memory is known.
pub(crate) trait HeapSize {
    /// Bytes on the heap.
    fn heap_bytes(&self) -> usize;
}

impl<T> HeapSize for Vec<T> {
    /// Counts the elements, but not the memory that they point to.
    fn heap_bytes(&self) -> usize {
        size_of_val(self.as_slice())
    }
}

impl HeapSize for StringArray {
    fn heap_bytes(&self) -> usize {
        self.get_array_memory_size()
    }
}
