//! Values written as text in the configuration: every format is tried on every text.

use std::ops::Range;

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
    if let Some(place) = password(text)
        && text
            .get(place.clone())
            .is_some_and(|password| fault.what.contains(password))
    {
        // By chance, then: the same is said of any other.
        let mut other = text.to_owned();
        other.replace_range(place, "another password");
        let said = written::check(W::FORMAT, &other).map_err(|fault| fault.what);
        assert_eq!(said, Err(fault.what), "{}", W::FORMAT);
    }
}

/// Where the password of a URL is, if it has one that is long enough not to stand in a message by chance.
fn password(text: &str) -> Option<Range<usize>> {
    let (scheme, rest) = text.split_once("://")?;
    let (user, _) = rest.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    // A scheme may be told, whatever else is spelt like it.
    let told = !scheme.contains([':', '/', '@']) && scheme.contains(password);
    let begin = text.len() - rest.len() + name.len() + 1;
    (password.len() > 8 && !told).then(|| begin..begin + password.len())
}
