//! What the audit trail is told.

use super::{Gateway, Incoming};
use crate::{
    session::Session,
    telemetry::{Act, Audit, Event, Whose},
};

impl Gateway {
    /// Notes an act of a request, and whose session it was about.
    pub(super) fn audit(&self, incoming: &Incoming<'_>, act: Act, outcome: &'static str, session: Option<&Session>) {
        let audit = Audit {
            client: incoming.client,
            request_id: incoming.request_id,
            ..Audit::new(act, outcome)
        };
        self.audit_of(&audit, session);
    }

    /// Notes an act about a session.
    pub(super) fn audit_of(&self, audit: &Audit<'_>, session: Option<&Session>) {
        let Some(session) = session else {
            self.emit(&Event::Audit(*audit));
            return;
        };
        let identity = &session.record.identity;
        let whose = Whose {
            provider: identity.provider(),
            subject: identity.subject(),
            subject_hash: session.subject_hash(&self.parts().ring.load()),
            session: &session.record.hashed_id(),
        };
        let audit = Audit {
            whose: Some(whose),
            ..*audit
        };
        self.emit(&Event::Audit(audit));
    }
}
