//! Refusals: a closed list, `Copy`, without request data, so that no page, log or label can leak any.

/// Why a request was not forwarded. Each has one status, one title and one code for logs and metrics.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refusal {
    /// 400: the request target is not in normal form.
    BadTarget,
    /// 400: no host, two hosts, or a malformed one.
    BadHost,
    /// 400: a header that must not be forwarded as it is.
    BadHeader,
    /// 405: a method that no route takes here.
    Method,
    /// 408: the body did not go on in time.
    RequestSlow,
    /// 413: the body is larger than the route allows.
    BodyTooLarge,
    /// 414: the target is longer than the listener allows.
    TargetTooLong,
    /// 431: the head is larger than the listener allows.
    HeadTooLarge,
    /// 429: more requests of one caller than the route takes.
    TooManyRequests,
    /// 429: more sign-ins begun and not finished from one address than may be.
    TooManySignIns,
    /// 404: no route.
    NotFound,
    /// 401: a session is needed, and the caller is no navigation.
    SignInNeeded,
    /// 401: signed in, but not as the route demands: stronger, more recently, or at another provider (RFC 9470).
    StepUpNeeded,
    /// 403: signed in, and not allowed.
    NotAllowed,
    /// 403: without another client certificate nobody may pass, whoever signs in.
    CertificateNeeded,
    /// 403: a state-changing request from another site.
    CrossSite,
    /// 400 or 502: the sign-in did not succeed.
    SignInFailed(SignInFailure),
    /// 503: the session store does not answer.
    StoreDown,
    /// 503: the identity provider does not answer.
    ProviderDown,
    /// 503: another replica began to renew this session, and has not finished.
    RenewingElsewhere,
    /// 502: no upstream target can be reached.
    UpstreamUnreachable,
    /// 504: the upstream does not answer in time.
    UpstreamSlow,
    /// 502: the upstream's answer is not HTTP.
    UpstreamInvalid,
    /// 500: a defect of ours.
    Internal,
}

/// Why a sign-in did not succeed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SignInFailure {
    /// The callback came without state, with a state that is not ours, or without its cookie.
    NoAttempt,
    /// The attempt is older than ten minutes.
    Expired,
    /// A parameter stands twice, or code and error together (AR-10, AR-11).
    Malformed,
    /// `iss` is missing or another (RFC 9207).
    WrongIssuer,
    /// The provider answered `access_denied`.
    Denied,
    /// The provider answered another error.
    ProviderError,
    /// The code was refused.
    CodeRefused,
    /// Our client credentials were refused.
    ClientRejected,
    /// The ID token did not verify.
    TokenInvalid,
    /// Userinfo did not fit.
    UserInfoInvalid,
    /// The provider's clock and ours differ.
    ClockSkew,
    /// The demanded `acr` or `max_age` was not reached.
    StepUpUnmet,
    /// The provider ended the session while the sign-in was under way.
    SignedOut,
}

impl Refusal {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadTarget | Self::BadHost | Self::BadHeader => 400,
            Self::SignInNeeded | Self::StepUpNeeded => 401,
            Self::NotAllowed | Self::CertificateNeeded | Self::CrossSite => 403,
            Self::NotFound => 404,
            Self::Method => 405,
            Self::RequestSlow => 408,
            Self::BodyTooLarge => 413,
            Self::TargetTooLong => 414,
            Self::HeadTooLarge => 431,
            Self::TooManyRequests | Self::TooManySignIns => 429,
            Self::SignInFailed(failure) => failure.status(),
            Self::Internal => 500,
            Self::UpstreamUnreachable | Self::UpstreamInvalid => 502,
            Self::StoreDown | Self::ProviderDown | Self::RenewingElsewhere => 503,
            Self::UpstreamSlow => 504,
        }
    }

    /// The name in logs, metrics and problem JSON.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::BadTarget => "bad_target",
            Self::BadHost => "bad_host",
            Self::BadHeader => "bad_header",
            Self::Method => "method_not_allowed",
            Self::RequestSlow => "request_slow",
            Self::BodyTooLarge => "body_too_large",
            Self::TargetTooLong => "target_too_long",
            Self::HeadTooLarge => "head_too_large",
            Self::TooManyRequests => "too_many_requests",
            Self::TooManySignIns => "too_many_sign_ins",
            Self::NotFound => "no_route",
            Self::SignInNeeded => "sign_in_needed",
            Self::StepUpNeeded => "step_up_needed",
            Self::NotAllowed => "not_allowed",
            Self::CertificateNeeded => "certificate_needed",
            Self::CrossSite => "cross_site",
            Self::SignInFailed(failure) => failure.code(),
            Self::StoreDown => "store_down",
            Self::ProviderDown => "provider_down",
            Self::RenewingElsewhere => "renewing_elsewhere",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamSlow => "upstream_slow",
            Self::UpstreamInvalid => "upstream_invalid",
            Self::Internal => "internal",
        }
    }
}

impl SignInFailure {
    /// The HTTP status: 400 where the browser's request is at fault or can be made anew, 403 where the person was
    /// refused, 502 where the provider's answer is.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NoAttempt | Self::Expired | Self::Malformed | Self::WrongIssuer | Self::CodeRefused => 400,
            Self::Denied | Self::StepUpUnmet | Self::SignedOut => 403,
            Self::ProviderError
            | Self::ClientRejected
            | Self::TokenInvalid
            | Self::UserInfoInvalid
            | Self::ClockSkew => 502,
        }
    }

    /// The name in logs, metrics and problem JSON.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoAttempt => "sign_in_no_attempt",
            Self::Expired => "sign_in_expired",
            Self::Malformed => "sign_in_malformed",
            Self::WrongIssuer => "sign_in_wrong_issuer",
            Self::Denied => "sign_in_denied",
            Self::ProviderError => "sign_in_provider_error",
            Self::CodeRefused => "sign_in_code_refused",
            Self::ClientRejected => "sign_in_client_rejected",
            Self::TokenInvalid => "sign_in_token_invalid",
            Self::UserInfoInvalid => "sign_in_userinfo_invalid",
            Self::ClockSkew => "sign_in_clock_skew",
            Self::StepUpUnmet => "sign_in_step_up_unmet",
            Self::SignedOut => "sign_in_signed_out",
        }
    }
}
