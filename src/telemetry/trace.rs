//! W3C trace context (Trace Context level 1): read, or begun, and passed on.
