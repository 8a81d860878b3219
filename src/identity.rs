//! Who the caller is, as proved: [`VerifiedIdentity`], the headers made of it and the signed assertion.

pub mod assertion;
pub mod certificate;
pub mod claim;
pub mod claim_path;
pub mod claims;
pub mod headers;

pub use self::{
    assertion::{AssertionKeys, Statement},
    certificate::{Certified, ClientCertificate},
    claim::{Claim, ClaimsSet},
    claim_path::{ClaimNames, ClaimPath},
    claims::VerifiedIdentity,
    headers::{Bundle, HeaderPlan, HeaderRule, Source, Tokens},
};
