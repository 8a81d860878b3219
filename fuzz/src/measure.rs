//! Values written as text in the configuration: every format is tried on every text.

use doorward::config::written::{
    self, Written,
    address::{IssuerUrl, Listen, Network, PublicUrl, RedisUrl, UpstreamUrl},
    measure::{LengthOfTime, LimitOfSize, LimitOfTime, Size},
    name::{
        AddedPrefix, ClaimName, EmailDomain, HeaderText, HeaderTitle, HostName, MethodName, NameText, RoutePath, Word,
    },
};

/// The schema's check and the reading agree, and what may hold a password is not shown.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    for agrees in [
        agrees::<LengthOfTime>,
        agrees::<LimitOfTime>,
        agrees::<Size>,
        agrees::<LimitOfSize>,
        agrees::<Listen>,
        agrees::<Network>,
        agrees::<PublicUrl>,
        agrees::<IssuerUrl>,
        agrees::<RedisUrl>,
        agrees::<UpstreamUrl>,
        agrees::<HostName>,
        agrees::<RoutePath>,
        agrees::<AddedPrefix>,
        agrees::<MethodName>,
        agrees::<HeaderTitle>,
        agrees::<HeaderText>,
        agrees::<ClaimName>,
        agrees::<EmailDomain>,
        agrees::<NameText>,
        agrees::<Word>,
    ] {
        agrees(text);
    }
}

fn agrees<W: Written>(text: &str) {
    let checked = written::check(W::FORMAT, text);
    assert_eq!(checked.is_ok(), W::read(text).is_ok(), "{}", W::FORMAT);
    let Err(fault) = checked else {
        return;
    };
    assert!(!fault.what.is_empty() && !fault.hint.is_empty(), "{}", W::FORMAT);
    if let Some((_, password)) = user_information(text) {
        assert!(!fault.what.contains(password), "{}: {}", W::FORMAT, fault.what);
    }
}

/// User and password of a URL, where the password is long enough not to stand in a message by chance.
fn user_information(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let (user, _) = rest.rsplit_once('@')?;
    // A scheme may be told, whatever else is spelt like it.
    let told = |password: &str| !scheme.contains([':', '/', '@']) && scheme.contains(password);
    user.split_once(':')
        .filter(|(_, password)| password.len() > 8 && !told(password))
}
