//! The provider room against a provider that misbehaves.
