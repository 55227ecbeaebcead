//! What two policies declare differently, in words: providers, models and their prices,
//! tenants with their keys, routes, the cache.

use crate::dsl::policy::{ClientKey, Model, Policy, Price, Provider, ProviderKind, Tenant};

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
    // Whoever was nobody's request before is somebody's now; a route, model or provider that no rule
    // leads to is nobody's business.
    let kinds: [(&str, bool, Names, Names); 4] = [
        ("route", false, names(&old.routes, |it| &it.name), names(&new.routes, |it| &it.name)),
        ("tenant", true, names(&old.tenants, |it| &it.name), names(&new.tenants, |it| &it.name)),
        ("model", false, names(&old.models, |it| &it.name), names(&new.models, |it| &it.name)),
        ("provider", false, names(&old.providers, |it| &it.name), names(&new.providers, |it| &it.name)),
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
    found.extend(fields("", &of_defaults(old), &of_defaults(new)));
    for provider in &new.providers {
        if let Some(before) = old.providers.iter().find(|other| other.name == provider.name) {
            let title = format!("provider `{}`: ", provider.name);
            found.extend(fields(&title, &of_provider(before), &of_provider(provider)));
            found.extend(header_values(&title, before, provider));
        }
    }
    for model in &new.models {
        if let Some(before) = old.models.iter().find(|other| other.name == model.name) {
            let title = format!("model `{}`: ", model.name);
            found.extend(fields(&title, &of_model(old, before), &of_model(new, model)));
        }
    }
    for tenant in &new.tenants {
        if let Some(before) = old.tenants.iter().find(|other| other.name == tenant.name) {
            let title = format!("tenant `{}`: ", tenant.name);
            found.extend(fields(&title, &of_tenant(old, before), &of_tenant(new, tenant)));
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

fn fields(title: &str, before: &[FieldText], after: &[FieldText]) -> Vec<Change> {
    let pairs = before.iter().zip(after).filter(|(before, after)| before.1 != after.1);
    let change = |((field, before), (_, after)): (&FieldText, &FieldText)| Change {
        text: format!("{title}{field} was {before}, is {after}"),
        matters: true,
    };
    pairs.map(change).collect()
}

fn of_defaults(policy: &Policy) -> Vec<FieldText> {
    let bytes = |bytes: Option<u64>| bytes.map_or_else(none, |bytes| format!("{bytes} bytes"));
    vec![
        ("defaults: max_answer", bytes(policy.defaults.max_answer)),
        ("defaults: cache_size", bytes(policy.defaults.cache_size)),
    ]
}

fn of_provider(provider: &Provider) -> Vec<FieldText> {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(none);
    let count = |count: Option<u32>| count.map_or_else(none, |count| count.to_string());
    let headers: Vec<&str> = provider.headers.iter().map(|(name, _)| name.as_str()).collect();
    let mock = &provider.mock;
    vec![
        ("kind", kind(provider.kind).to_owned()),
        ("base", text(&provider.base)),
        ("key", provider.key.as_ref().map_or_else(none, |name| format!("env(\"{name}\")"))),
        ("region", text(&provider.region)),
        ("headers", format!("[{}]", headers.join(", "))),
        ("latency", format!("{}ms", mock.latency.as_millis())),
        ("fail", format!("{}%", mock.fail * 100.0)),
        ("status", mock.status.to_string()),
        ("hang", mock.hang.to_string()),
        ("cut", count(mock.cut)),
        ("chunks", count(mock.chunks)),
        ("chunk_delay", format!("{}ms", mock.chunk_delay.as_millis())),
        ("reply", mock.reply.as_ref().map_or_else(none, |reply| format!("{reply:?}"))),
        ("wire", mock.wire.map_or_else(none, |wire| kind(wire).to_owned())),
    ]
}

/// A header may hold a secret, so its value is not shown.
fn header_values(title: &str, before: &Provider, after: &Provider) -> Vec<Change> {
    let pairs = before.headers.iter().zip(&after.headers);
    let other = pairs.filter(|(before, after)| before.0 == after.0 && before.1 != after.1);
    let change = |(_, (name, _)): (&(String, String), &(String, String))| Change {
        text: format!("{title}header `{name}` has another value"),
        matters: true,
    };
    other.map(change).collect()
}

fn kind(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::OpenAi => "openai",
        ProviderKind::Anthropic => "anthropic",
        ProviderKind::Responses => "responses",
        ProviderKind::Gemini => "gemini",
        ProviderKind::Mock => "mock",
    }
}

fn of_model(policy: &Policy, model: &Model) -> Vec<FieldText> {
    let provider = policy.providers.get(model.provider.index());
    let count = |count: Option<u64>| count.map_or_else(none, |count| count.to_string());
    let words = |words: &[String]| format!("[{}]", words.join(", "));
    let can: Vec<String> = model.can.iter().map(|capability| capability.name().to_owned()).collect();
    let by_task = model.quality_by_task.iter().map(|(task, quality)| format!("{task}: {quality}"));
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
        ("quality by task", words(&by_task.collect::<Vec<_>>())),
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
    let key = |key: &ClientKey| match key.tags.as_slice() {
        [] => key.env.clone(),
        tags => format!("{} with tags [{}]", key.env, tags.join(", ")),
    };
    let keys: Vec<String> = tenant.keys.iter().map(key).collect();
    let route = tenant.route.and_then(|id| policy.routes.get(id.index()));
    vec![
        ("tier", if tenant.tier.is_empty() { none() } else { tenant.tier.clone() }),
        ("tags", format!("[{}]", tenant.tags.join(", "))),
        ("keys", format!("[{}]", keys.join(", "))),
        ("models", models.map_or_else(|| "all".to_owned(), |models| format!("[{models}]"))),
        ("route", route.map_or_else(|| "main".to_owned(), |route| route.name.clone())),
    ]
}

fn none() -> String {
    "not said".to_owned()
}
