//! userfaultfd: the only place of its system calls.
