//! Who the caller is, as proved: [`VerifiedIdentity`], the headers made of it and the signed assertion.

pub mod assertion;
pub mod claims;
pub mod headers;

pub use self::{
    assertion::{AssertionKeys, Statement},
    claims::{ClaimNames, ClaimPath, VerifiedIdentity},
    headers::{Bundle, HeaderPlan, HeaderRule, Source},
};
