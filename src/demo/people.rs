//! The people of the demo.

/// Someone who can sign in at the development provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Person {
    /// The identifier in `sub`: opaque, as at a real provider.
    pub sub: &'static str,
    /// Full name.
    pub name: &'static str,
    /// Email address, and what is typed in to sign in.
    pub email: &'static str,
    /// Short name, in `preferred_username`.
    pub username: &'static str,
    /// The password, printed on the sign-in page on purpose.
    pub password: &'static str,
    /// Groups.
    pub groups: &'static [&'static str],
}

/// Everybody: enough to see each kind of access granted and refused.
pub const PEOPLE: [Person; 4] = [
    Person {
        sub: "u-1815-ada",
        name: "Ada Lovelace",
        email: "ada@example.com",
        username: "ada",
        password: "analytical",
        groups: &["engineering", "admins"],
    },
    Person {
        sub: "u-1906-grace",
        name: "Grace Hopper",
        email: "grace@example.com",
        username: "grace",
        password: "compiler",
        groups: &["engineering"],
    },
    Person {
        sub: "u-1969-linus",
        name: "Linus Salesman",
        email: "linus@example.com",
        username: "linus",
        password: "handshake",
        groups: &["sales"],
    },
    Person {
        sub: "u-2026-guest",
        name: "A Guest",
        email: "guest@example.com",
        username: "guest",
        password: "welcome",
        groups: &[],
    },
];

impl Person {
    /// The person with this `sub`.
    #[must_use]
    pub fn by_sub(sub: &str) -> Option<&'static Self> {
        PEOPLE.iter().find(|person| person.sub == sub)
    }

    /// The person with this email address, in any case.
    #[must_use]
    pub fn by_email(email: &str) -> Option<&'static Self> {
        PEOPLE
            .iter()
            .find(|person| person.email.eq_ignore_ascii_case(email.trim()))
    }

    /// The groups in words.
    #[must_use]
    pub fn group_list(&self) -> String {
        if self.groups.is_empty() {
            "none".to_owned()
        } else {
            self.groups.join(", ")
        }
    }
}
