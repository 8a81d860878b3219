//! Every decision. Pure: facts in, enums out; the `flow` room carries them out.

pub mod allowance;
pub mod callback;
pub mod cors;
pub mod decide;
pub mod explain;
pub mod former;
pub mod forwarding;
pub mod place;
pub mod provider_logout;
pub mod refusal;
pub mod renewal;
pub mod request;
pub mod return_to;
pub mod sign_in;
pub mod sign_out;
pub mod source;
pub mod standing;
pub mod table;
pub mod to_https;

pub use self::{
    allowance::{Allowance, Take, Used},
    callback::{Answer, Received},
    decide::{Admission, Decision, Verdict, judge, needs_session, settle},
    former::Former,
    forwarding::Origin,
    place::{Endpoint, Place},
    provider_logout::Heard,
    refusal::{Refusal, SignInFailure},
    renewal::{Observed, Outcome, RenewStep},
    request::{Caller, Target},
    return_to::ReturnTo,
    sign_in::{Attempt, Begun},
    sign_out::SignOut,
    source::Source,
    standing::{Presence, Renewal},
};
