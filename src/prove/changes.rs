//! What two policies declare differently, in words: models and their prices, tenants, routes.

use crate::dsl::policy::{Model, Policy, Price, Tenant};

/// A change of what is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// a sentence
    pub text: String,
    /// requests may fare otherwise even where the rules lead them the same way
    pub matters: bool,
}

/// One line a change; nothing of rules.
#[must_use]
pub fn changes(old: &Policy, new: &Policy) -> Vec<Change> {
    let mut found = Vec::new();
    // Whoever was nobody's request before is somebody's now; a route or model that no rule leads
    // to is nobody's business.
    let kinds: [(&str, bool, Names, Names); 3] = [
        ("route", false, names(&old.routes, |it| &it.name), names(&new.routes, |it| &it.name)),
        ("tenant", true, names(&old.tenants, |it| &it.name), names(&new.tenants, |it| &it.name)),
        ("model", false, names(&old.models, |it| &it.name), names(&new.models, |it| &it.name)),
    ];
    for (what, matters, before, after) in &kinds {
        let mut add = |from: &Names, to: &Names, how: &str| {
            for name in from.iter().filter(|name| !to.contains(name)) {
                found.push(Change { text: format!("{what} `{name}` is {how}"), matters: *matters });
            }
        };
        add(before, after, "gone");
        add(after, before, "new");
    }
    for model in &new.models {
        if let Some(before) = old.models.iter().find(|other| other.name == model.name) {
            found.extend(fields("model", &model.name, &of_model(old, before), &of_model(new, model)));
        }
    }
    for tenant in &new.tenants {
        if let Some(before) = old.tenants.iter().find(|other| other.name == tenant.name) {
            found.extend(fields("tenant", &tenant.name, &of_tenant(old, before), &of_tenant(new, tenant)));
        }
    }
    found
}

type Names<'p> = Vec<&'p str>;

fn names<'p, T>(all: &'p [T], name: fn(&'p T) -> &'p String) -> Names<'p> {
    all.iter().map(|one| name(one).as_str()).collect()
}

/// A field's name with its value.
type FieldText = (&'static str, String);

fn fields(what: &str, name: &str, before: &[FieldText], after: &[FieldText]) -> Vec<Change> {
    let pairs = before.iter().zip(after).filter(|(before, after)| before.1 != after.1);
    let change = |((field, before), (_, after)): (&FieldText, &FieldText)| Change {
        text: format!("{what} `{name}`: {field} was {before}, is {after}"),
        matters: true,
    };
    pairs.map(change).collect()
}

fn of_model(policy: &Policy, model: &Model) -> Vec<FieldText> {
    let provider = policy.providers.get(model.provider.index());
    let count = |count: Option<u64>| count.map_or_else(none, |count| count.to_string());
    let words = |words: &[String]| format!("[{}]", words.join(", "));
    let can: Vec<String> = model.can.iter().map(|capability| capability.name().to_owned()).collect();
    let region = model.region.as_ref().or_else(|| provider.and_then(|provider| provider.region.as_ref()));
    vec![
        ("provider", provider.map_or_else(none, |provider| provider.name.clone())),
        ("upstream", model.upstream.clone()),
        ("price", model.price.as_ref().map_or_else(none, price)),
        ("context", count(model.context)),
        ("output", count(model.output)),
        ("can", words(&can)),
        ("tags", words(&model.tags)),
        ("region", region.cloned().unwrap_or_else(none)),
        ("quality", model.quality.map_or_else(none, |quality| quality.to_string())),
        ("weight", model.weight.to_string()),
        ("stream", model.stream.to_string()),
    ]
}

fn price(price: &Price) -> String {
    let cached = [("cache read", price.cache_read), ("cache write", price.cache_write)];
    let cached = cached.iter().filter_map(|(name, usd)| usd.map(|usd| format!(", {name} ${usd}")));
    format!("input ${}, output ${}{}", price.input, price.output, cached.collect::<String>())
}

fn of_tenant(policy: &Policy, tenant: &Tenant) -> Vec<FieldText> {
    let name = |id: &crate::dsl::policy::ModelId| policy.models.get(id.index()).map(|model| model.name.as_str());
    let models = tenant.models.as_ref().map(|ids| ids.iter().filter_map(name).collect::<Vec<_>>().join(", "));
    let route = tenant.route.and_then(|id| policy.routes.get(id.index()));
    vec![
        ("tier", if tenant.tier.is_empty() { none() } else { tenant.tier.clone() }),
        ("tags", format!("[{}]", tenant.tags.join(", "))),
        ("models", models.map_or_else(|| "all".to_owned(), |models| format!("[{models}]"))),
        ("route", route.map_or_else(|| "main".to_owned(), |route| route.name.clone())),
    ]
}

fn none() -> String {
    "not said".to_owned()
}
