//! Claims on their way into headers: the input is the claims of somebody signed in.

use doorward::{
    identity::{
        ClaimNames, ClaimPath, VerifiedIdentity,
        headers::{HeaderPlan, HeaderRule, Source, Tokens},
    },
    oidc::{Claims, Issuer, ProviderName},
    secret::Secret,
};
use http::{HeaderName, HeaderValue};

/// No claim forges a header line, a trimmed value or a member of a list (UI-06).
pub fn run(data: &[u8]) {
    let Ok(claims) = serde_json::from_slice::<Claims>(data) else {
        return;
    };
    let provider = ProviderName::new("corporate");
    let who = VerifiedIdentity::hypothetical(&provider, &Issuer::new("https://id.test"), &claims, &names());
    let token = Secret::from("token");
    let tokens = Tokens {
        access_token: &token,
        id_token: &token,
    };
    let bundle = plan(&claims).prepare(Some((&who, tokens)), None);
    for (name, value) in &bundle.set {
        let bytes = value.as_bytes();
        assert!(!bytes.is_empty(), "{name}");
        assert!(!bytes.iter().any(u8::is_ascii_control), "{name}: {value:?}");
        assert_eq!(bytes.trim_ascii(), bytes, "{name}");
    }
    if let Some((_, sent)) = bundle.set.iter().find(|(name, _)| name == "x-forwarded-groups") {
        let sent = str::from_utf8(sent.as_bytes()).expect("text");
        assert!(
            sent.split(',')
                .all(|group| who.groups().iter().any(|real| real == group)),
            "{sent}"
        );
    }
    if let Some((_, sent)) = bundle.set.iter().find(|(name, _)| name == "x-forwarded-email") {
        assert_eq!(claims.get("email_verified"), Some(&true.into()));
        assert_eq!(sent.as_bytes().split(|byte| *byte == b'@').count(), 2);
    }
}

/// The default headers, and each claim at the top in one of its own.
fn plan(claims: &Claims) -> HeaderPlan {
    let mut rules = HeaderRule::defaults();
    rules.extend(claims.keys().enumerate().map(|(index, name)| HeaderRule {
        name: HeaderName::from_bytes(format!("x-claim-{index}").as_bytes()).expect("a name"),
        source: Source::Claim(ClaimPath::top(name)),
    }));
    rules.push(HeaderRule {
        name: HeaderName::from_static("x-static"),
        source: Source::Static(HeaderValue::from_static("static")),
    });
    HeaderPlan::new(rules, false, &[], &[])
}

fn names() -> ClaimNames {
    ClaimNames {
        email: ClaimPath::top("email"),
        groups: ClaimPath::top("groups"),
        name: ClaimPath::top("name"),
        preferred_username: ClaimPath::top("preferred_username"),
    }
}
