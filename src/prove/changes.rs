//! What two policies declare differently, in words: models and their prices, tenants, routes.

use crate::dsl::policy::{Model, Policy, Price, Tenant};

/// One line a change; nothing of rules.
#[must_use]
pub fn changes(old: &Policy, new: &Policy) -> Vec<String> {
    let mut lines = Vec::new();
    let kinds: [(&str, Names, Names); 3] = [
        ("route", names(&old.routes, |it| &it.name), names(&new.routes, |it| &it.name)),
        ("tenant", names(&old.tenants, |it| &it.name), names(&new.tenants, |it| &it.name)),
        ("model", names(&old.models, |it| &it.name), names(&new.models, |it| &it.name)),
    ];
    for (what, before, after) in &kinds {
        lines.extend(before.iter().filter(|name| !after.contains(name)).map(|name| format!("{what} `{name}` is gone")));
        lines.extend(after.iter().filter(|name| !before.contains(name)).map(|name| format!("{what} `{name}` is new")));
    }
    for model in &new.models {
        if let Some(before) = old.models.iter().find(|other| other.name == model.name) {
            lines.extend(fields("model", &model.name, &of_model(old, before), &of_model(new, model)));
        }
    }
    for tenant in &new.tenants {
        if let Some(before) = old.tenants.iter().find(|other| other.name == tenant.name) {
            lines.extend(fields("tenant", &tenant.name, &of_tenant(old, before), &of_tenant(new, tenant)));
        }
    }
    lines
}

type Names<'p> = Vec<&'p str>;

fn names<'p, T>(all: &'p [T], name: fn(&'p T) -> &'p String) -> Names<'p> {
    all.iter().map(|one| name(one).as_str()).collect()
}

/// A field's name with its value.
type FieldText = (&'static str, String);

fn fields(what: &str, name: &str, before: &[FieldText], after: &[FieldText]) -> Vec<String> {
    let pairs = before.iter().zip(after).filter(|(before, after)| before.1 != after.1);
    pairs.map(|((field, before), (_, after))| format!("{what} `{name}`: {field} was {before}, is {after}")).collect()
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
