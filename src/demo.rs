//! Development provider and sample app.
