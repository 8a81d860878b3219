//! Paths that were open without signing in.

use super::{
    given::Setting,
    path::{Pattern, is_below},
    report::Fate,
    route::Route,
    translate::Desk,
    upstream::Target,
};
use crate::policy::FORWARDED;

/// A path that was open.
struct Opening {
    methods: Option<Vec<String>>,
    pattern: Pattern,
}

impl Desk<'_> {
    /// Opens a path: `GET=^/x` for a method, `^/x` for all, `!=` for all but these.
    ///
    /// What an upstream without equivalent answered is not opened at another.
    pub(super) fn open(
        &mut self,
        setting: &Setting,
        written: &str,
        (targets, gone): (&[Target], &[Pattern]),
        routes: &mut Vec<Route>,
    ) {
        self.say_nothing(&setting.key);
        let several = self.given.charts.len() > 1;
        let unclear = several.then(|| Err("another file of values may take it back: give one, merged".to_owned()));
        let openings = match unclear.unwrap_or_else(|| openings(&setting.key, written)) {
            Ok(openings) => openings,
            Err(why) => {
                self.note(
                    setting,
                    Fate::Missing,
                    format!("{written:?}: {why}; people sign in there"),
                );
                return;
            }
        };
        for opening in openings {
            let allowed = self.not_former(&opening.pattern);
            let outcome = allowed.and_then(|()| opening.place(targets, gone, routes));
            let methods = opening.methods.as_ref().map(|all| format!("{} of ", all.join(", ")));
            let what = format!("{}{}", methods.unwrap_or_default(), opening.pattern);
            let (fate, what) = match outcome {
                Ok(()) if opening.is_everything() => {
                    (Fate::Translated, format!("{written:?} opens everything: {what}"))
                }
                Ok(()) => (
                    Fate::Stricter,
                    format!("{written:?}: open is {what}, in no other spelling"),
                ),
                Err(why) => (Fate::Missing, format!("{written:?}: {why}; people sign in there")),
            };
            self.note(setting, fate, what);
        }
    }
}

impl Opening {
    fn is_everything(&self) -> bool {
        self.methods.is_none() && self.pattern == Pattern::Prefix("/".to_owned())
    }

    /// Opens the routes that are there for it, and puts one where there is none.
    fn place(&self, targets: &[Target], gone: &[Pattern], routes: &mut Vec<Route>) -> Result<(), String> {
        let held = self.open_those_there(routes);
        if held.contains(&self.pattern) {
            return Ok(());
        }
        let Some((target, serving)) = self.serving(targets)? else {
            let nothing = Err("no upstream is for it".to_owned());
            return if held.is_empty() { nothing } else { Ok(()) };
        };
        if self.was_for(gone, serving) {
            return Err("the upstream that it was for has no equivalent".to_owned());
        }
        let rewrites = serving.strip_prefix || serving.add_prefix.is_some();
        if rewrites && serving.pattern != self.pattern {
            return Err("it is below a prefix that is taken off: write a route for it".to_owned());
        }
        let same = |route: &&mut Route| route.pattern == self.pattern && route.methods == self.methods;
        if let Some(route) = routes.iter_mut().find(same) {
            route.open = true;
            return Ok(());
        }
        let route = |methods, open, notes| Route {
            pattern: self.pattern.clone(),
            methods,
            open,
            target,
            notes,
        };
        let alone = routes.iter().all(|one| one.pattern != self.pattern);
        routes.push(route(self.methods.clone(), true, Vec::new()));
        if self.methods.is_some() && alone {
            let note = "the other methods there, which would be answered with 405 without this".to_owned();
            routes.push(route(None, false, vec![note]));
        }
        Ok(())
    }

    /// Whether some of it was for one of these and not for the target.
    fn was_for(&self, gone: &[Pattern], serving: &Target) -> bool {
        let front = self.pattern.front();
        let own = serving.pattern.front();
        let expression = matches!(self.pattern, Pattern::Regex(..));
        gone.iter().any(|one| {
            let closer = one.front().len() > own.len() || *one == serving.pattern;
            closer && one.may_hold(front) && (expression || is_below(one.front(), front))
        })
    }

    /// The patterns of the routes that it opened whole.
    fn open_those_there(&self, routes: &mut [Route]) -> Vec<Pattern> {
        if self.methods.is_some() {
            return Vec::new();
        }
        let held = routes
            .iter_mut()
            .filter(|route| route.methods.is_none() && self.pattern.holds(&route.pattern));
        held.map(|route| {
            route.open = true;
            route.pattern.clone()
        })
        .collect()
    }

    /// Where its requests went. An expression goes before every prefix, so it must be for one upstream alone.
    fn serving<'t>(&self, targets: &'t [Target]) -> Result<Option<(usize, &'t Target)>, String> {
        let front = self.pattern.front();
        let fits = |one: &Target| match &one.pattern {
            Pattern::Prefix(folder) => is_below(folder, front),
            Pattern::Exact(_) | Pattern::Regex(..) => one.pattern == self.pattern,
        };
        let fitting = targets.iter().enumerate().filter(|(_, one)| fits(one));
        let best = fitting.max_by_key(|(_, one)| one.pattern.front().len());
        let expression = matches!(self.pattern, Pattern::Regex(..));
        let unclear = targets.iter().any(|one| match &one.pattern {
            Pattern::Regex(..) => one.pattern != self.pattern && one.pattern.may_hold(front),
            Pattern::Exact(_) | Pattern::Prefix(_) => expression && !fits(one) && one.pattern.may_hold(front),
        });
        if unclear {
            return Err("it may be for paths of several upstreams: write a route for each".to_owned());
        }
        Ok(best)
    }
}

/// What one item of the options opens.
fn openings(key: &str, written: &str) -> Result<Vec<Opening>, String> {
    // Wherever it stands, the first `=` ended a method, and `!=` anywhere made it all but these.
    let (method, expression) = match written.split_once('=') {
        Some((before, rest)) if key == "skip_auth_routes" => (before, rest),
        Some(_) | None => ("", written),
    };
    if key == "skip_auth_routes" && written.contains("!=") {
        let why = "what is open everywhere but there is not translated: write a route for `/` and others below";
        return Err(why.to_owned());
    }
    let method = method.to_ascii_uppercase();
    if !method.is_empty() && !is_forwarded(&method) {
        return Err(format!(
            "what stands before `=` was taken for a method, and {method} is none that is forwarded"
        ));
    }
    let methods = (!method.is_empty()).then(|| vec![method]);
    let patterns = Pattern::of_expression(expression).map_err(|why| why.0)?;
    let each = patterns.into_iter().map(|pattern| Opening {
        methods: methods.clone(),
        pattern,
    });
    Ok(each.collect())
}

fn is_forwarded(method: &str) -> bool {
    FORWARDED.iter().any(|one| one.as_str() == method)
}
