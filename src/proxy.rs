//! To and from pingora.
