//! Userinfo answers.

use doorward::oidc::UserInfo;
use serde_json::Value;

/// What is accepted is an object about the person asked for, each member said once.
pub fn run(data: &[u8]) {
    let Ok(info) = UserInfo::parse(data, "s-1") else {
        return;
    };
    assert_eq!(info.claims()["sub"], "s-1");
    let same: Value = serde_json::from_slice(data).expect("JSON");
    assert_eq!(same.as_object(), Some(info.claims()));
}
