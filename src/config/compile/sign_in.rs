//! How people sign in for a route.

use super::{Desk, shared::Shared};
use crate::{
    config::{
        Path, raw,
        written::{Text, name::Word},
    },
    oidc::ProviderName,
    policy::{Access, Prompt, SignInTerms},
};

impl Desk<'_, '_> {
    pub(super) fn sign_in(
        &mut self,
        path: &Path,
        written: &raw::Route,
        shared: &Shared<'_>,
        access: Option<&Access>,
    ) -> Option<SignInTerms> {
        let here = path.key("sign_in");
        let open = matches!(written.access, Some(raw::Access::Word(raw::Word::Open)) | None);
        let terms = &written.sign_in;
        self.parameters(&here.key("extra_parameters"), &terms.extra_parameters);
        let provider = match (&terms.provider, shared.provider) {
            (Some(name), _) => self.provider_name(&here.key("provider"), &name.value, shared.config)?,
            (None, Some(provider)) => provider.clone(),
            // Nobody signs in for it.
            (None, None) if open => ProviderName::new(""),
            (None, None) => {
                self.no_provider(path, shared.config);
                return None;
            }
        };
        let words = |list: &[Text<Word>]| -> Vec<String> { list.iter().map(word).collect() };
        let skew = shared.config.providers.get(provider.as_str());
        Some(SignInTerms {
            also: match access {
                Some(Access::Rule(rule)) => rule.providers(),
                Some(Access::Open | Access::Recognised | Access::SignedIn) | None => Vec::new(),
            },
            skew: skew.map(|one| one.clock_skew.value).unwrap_or_default(),
            provider,
            scopes: words(&terms.scopes),
            acr_values: words(&terms.acr_values),
            max_age: terms.max_age.as_ref().map(|age| age.value),
            prompt: terms.prompt.map(|prompt| match prompt {
                raw::Prompt::Login => Prompt::Login,
                raw::Prompt::Consent => Prompt::Consent,
                raw::Prompt::SelectAccount => Prompt::SelectAccount,
            }),
            extra: terms.extra_parameters.clone(),
        })
    }

    fn no_provider(&mut self, path: &Path, config: &raw::Config) {
        // A default that is wrong is told already, as is a bad part among the providers.
        let told = config.default_provider.is_some()
            || self.found.is_maimed(&Path::top())
            || self.found.is_maimed(&Path::top().key("providers"));
        if told {
            return;
        }
        let (what, hint) = if config.providers.is_empty() {
            (
                "this route signs people in and there is no provider",
                "define one below `providers`, or write `access: open`",
            )
        } else {
            (
                "this route names no provider and there are several",
                "write `default_provider` at the top, or `provider` below `sign_in`",
            )
        };
        self.found.missing(path, what, hint);
    }
}

fn word(text: &Text<Word>) -> String {
    text.value.clone()
}
