//! The whole policy as one table: every access × standing × caller, one line a row.
