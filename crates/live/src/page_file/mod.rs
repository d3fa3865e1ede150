//! Where pages go that leave memory: a page file, checked, and encrypted where that is wanted.
