//! Signals that faults come as, and whose they are.
