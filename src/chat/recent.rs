//! recent
