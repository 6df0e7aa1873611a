//! Compares what was received with what the document says: `…` stands for anything of its kind.

use std::collections::BTreeMap;

use serde_json::Value;

/// Stands for any text inside a text, and, outside of one, for any value.
const ANY: &str = "…";

/// What `…` stood for, by the field's name.
pub(crate) type Found = BTreeMap<String, Value>;

/// Reads a message of the document.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    let marked = text.replace(":…", ":{\"…\":null}");
    serde_json::from_str(&marked).map_err(|error| format!("{text}: {error}"))
}

/// Whether a message is as the document says; remembers what `…` stood for.
pub(crate) fn is_match(expected: &Value, actual: &Value, found: &mut Found) -> bool {
    match (expected, actual) {
        (Value::String(pattern), Value::String(text)) => is_text_match(pattern, text),
        (Value::Array(expected), Value::Array(actual)) => {
            let mut pairs = expected.iter().zip(actual);
            expected.len() == actual.len() && pairs.all(|(e, a)| is_match(e, a, found))
        }
        (expected, _) if expected.get(ANY).is_some() => true,
        (Value::Object(expected), Value::Object(actual)) => {
            let is_same_len = expected.len() == actual.len();
            is_same_len
                && expected.iter().all(|(name, expected)| {
                    let Some(actual) = actual.get(name) else {
                        return false;
                    };
                    if is_any(expected) {
                        found.insert(name.clone(), actual.clone());
                    }
                    is_match(expected, actual, found)
                })
        }
        (expected, actual) => expected == actual,
    }
}

fn is_any(value: &Value) -> bool {
    value == ANY || value.get(ANY).is_some()
}

/// Whether a text is the pattern with something in place of each `…`.
pub(crate) fn is_text_match(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once(ANY) else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.any(|at| is_text_match(rest, &text[at..]))
}

/// The request with what was found in place of each `…`.
pub(crate) fn fill(request: &str, found: &Found) -> Result<String, String> {
    if !request.contains(ANY) {
        return Ok(request.to_owned());
    }
    let mut value = read(request)?;
    for (name, value) in value.as_object_mut().into_iter().flatten() {
        let other = value.as_str().and_then(|text| text.strip_prefix(ANY));
        let source = match other {
            Some(other) if !other.is_empty() => Some(other.to_owned()),
            _ => is_any(value).then(|| name.clone()),
        };
        if let Some(source) = source {
            let known = found.get(&source);
            *value = known
                .ok_or(format!("{request}: no {source} was received"))?
                .clone();
        }
    }
    Ok(value.to_string())
}
