//! Compares `docs/asyncapi.json` with what is read and written.
//!
//! A description is right if everything that is said fits it, and complete if nothing is said that it
//! does not name: so its objects are closed here, though clients are told to ignore what they don't
//! know. It is true only if all of it is used: what nobody ever says is noted, too.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use chinwag::wire::json::decode;
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

use crate::stage::Spoken;

pub(crate) struct Description {
    /// The document, its objects closed.
    document: Value,
    /// What judges a message, by its key in `components.messages`.
    validators: BTreeMap<String, Validator>,
}

impl Description {
    pub(crate) fn read(text: &str) -> Self {
        let mut document: Value = serde_json::from_str(text).expect("it is JSON");
        close(&mut document["components"]);
        let messages = document["components"]["messages"].as_object();
        let keys = messages.expect("it has messages").keys().cloned();
        let validators = keys
            .map(|key| {
                let validator = validator(&document, &payload(&key));
                (key, validator)
            })
            .collect();
        Self {
            document,
            validators,
        }
    }

    /// The types of requests that it has operations for.
    pub(crate) fn requests(&self) -> BTreeSet<&str> {
        let operations = self.object("/operations");
        let operations = operations.keys().map(String::as_str);
        operations.filter(|name| *name != PUSH).collect()
    }

    /// The types of pushes.
    pub(crate) fn pushes(&self) -> BTreeSet<&str> {
        self.messages_of(&format!("/operations/{PUSH}/messages"))
            .into_iter()
            .collect()
    }

    /// The codes of errors.
    pub(crate) fn codes(&self) -> BTreeSet<&str> {
        let codes = self.at("/components/schemas/ErrorCode/enum").as_array();
        let codes = codes.expect("it is a list").iter();
        codes.filter_map(Value::as_str).collect()
    }

    /// What in a connection's traffic is not as described. What is described and was seen is noted.
    pub(crate) fn check(&self, traffic: &[Spoken], seen: &mut BTreeSet<String>) -> Vec<String> {
        let mut asked: BTreeMap<(usize, String), &Value> = BTreeMap::new();
        let mut wrong = Vec::new();
        for spoken in traffic {
            let value = &spoken.value;
            if spoken.is_request {
                asked.insert((spoken.connection, value["id"].to_string()), value);
                continue;
            }
            let of = (spoken.connection, value["re"].to_string());
            let expected = match value["type"].as_str().unwrap_or_default() {
                "error" => {
                    asked.remove(&of);
                    vec!["error"]
                }
                "done" => match asked.remove(&of) {
                    Some(request) => {
                        wrong.extend(self.misfit(request, seen));
                        self.answers(request)
                    }
                    None => Vec::new(),
                },
                push => vec![push],
            };
            if !expected.iter().any(|key| self.fits(key, value)) {
                wrong.push(format!("none of {expected:?}: {value}"));
            }
            for key in expected.into_iter().filter(|key| self.fits(key, value)) {
                self.note(&payload(key), value, seen);
            }
        }
        // What is not answered, being granted.
        let typing = asked.values().filter(|request| request["type"] == "typing");
        wrong.extend(typing.filter_map(|request| self.misfit(request, seen)));
        wrong
    }

    /// Each place that a message can have a value in: a field, or one of the values of a list of
    /// choices.
    pub(crate) fn places(&self) -> BTreeSet<String> {
        let mut places = BTreeSet::new();
        for (key, message) in self.object("/components/messages") {
            collect(&payload(key), &message["payload"], &mut places);
        }
        for (key, schema) in self.object("/components/schemas") {
            collect(&format!("/components/schemas/{key}"), schema, &mut places);
        }
        places
    }

    /// What the code reads otherwise than a request is described.
    pub(crate) fn misread(&self) -> Vec<String> {
        let wrong = RefCell::new(Vec::new());
        for request in self.requests() {
            let message = self.at(&format!("/components/messages/request_{request}"));
            let examples = message["examples"].as_array().expect("it has examples");
            let examples: Vec<&Value> = examples.iter().map(|it| &it["payload"]).collect();
            let judge = |what: &str, request: &Value, is_good: bool| {
                if decode(&request.to_string()).is_ok() != is_good {
                    let verdict = if is_good { "refused" } else { "accepted" };
                    wrong
                        .borrow_mut()
                        .push(format!("{request}: {what} is {verdict}"));
                }
            };
            for example in &examples {
                judge("an example", example, true);
                if !self.fits(&format!("request_{request}"), example) {
                    wrong
                        .borrow_mut()
                        .push(format!("not as described: {example}"));
                }
            }
            let properties = message["payload"]["properties"].as_object();
            let properties = properties.expect("it has properties").iter();
            for (name, schema) in properties.filter(|(name, _)| *name != "type") {
                let has_it = |example: &&&Value| example.get(name).is_some();
                let Some(example) = examples.iter().find(has_it) else {
                    wrong
                        .borrow_mut()
                        .push(format!("no example of {request} has {name}"));
                    continue;
                };
                judge(name, &with(example, name, json!({})), false);
                let is_required = is_listed(&message["payload"]["required"], name);
                let is_alternative = message["payload"].get("anyOf").is_some();
                if !is_alternative {
                    judge("its lack", &with(example, name, Value::Null), !is_required);
                }
                for (value, is_good) in edges(self.resolved(schema)) {
                    judge("an edge", &with(example, name, value), is_good);
                }
            }
        }
        wrong.into_inner()
    }

    fn answers(&self, request: &Value) -> Vec<&str> {
        let name = request["type"].as_str().unwrap_or_default();
        let mut answers = self.messages_of(&format!("/operations/{name}/reply/messages"));
        answers.retain(|answer| *answer != "error");
        answers
    }

    /// The keys of the messages that a list refers to.
    fn messages_of(&self, pointer: &str) -> Vec<&str> {
        let list = self.document.pointer(pointer).and_then(Value::as_array);
        let list = list.into_iter().flatten();
        list.filter_map(|it| it["$ref"].as_str()?.rsplit('/').next())
            .collect()
    }

    fn fits(&self, key: &str, value: &Value) -> bool {
        self.validators
            .get(key)
            .is_some_and(|it| it.is_valid(value))
    }

    /// Why a request that was granted is not as described.
    fn misfit(&self, request: &Value, seen: &mut BTreeSet<String>) -> Option<String> {
        let key = format!("request_{}", request["type"].as_str().unwrap_or_default());
        let Some(validator) = self.validators.get(&key) else {
            return Some(format!("there is no {key}: {request}"));
        };
        let mut request = request.clone();
        if let Some(fields) = request.as_object_mut() {
            fields.retain(|name, value| !value.is_null() && name != IGNORED);
        }
        self.note(&payload(&key), &request, seen);
        let error = validator.validate(&request).err()?;
        Some(format!("{key}: {error}: {request}"))
    }

    /// Notes which places of a schema a value has something in.
    fn note(&self, pointer: &str, value: &Value, seen: &mut BTreeSet<String>) {
        let schema = self.at(pointer);
        if let Some(reference) = schema["$ref"].as_str() {
            return self.note(reference.trim_start_matches('#'), value, seen);
        }
        if is_listed(&schema["enum"], value.as_str().unwrap_or_default()) {
            seen.insert(format!("{pointer}={value}"));
        }
        for (name, value) in value.as_object().into_iter().flatten() {
            if schema["properties"].get(name).is_some() {
                let place = format!("{pointer}/properties/{name}");
                self.note(&place, value, seen);
                seen.insert(place);
            }
        }
        for value in value.as_array().into_iter().flatten() {
            if schema.get("items").is_some() {
                self.note(&format!("{pointer}/items"), value, seen);
            }
        }
        let choices = schema["oneOf"].as_array().map_or(0, Vec::len);
        for choice in (0..choices).map(|nth| format!("{pointer}/oneOf/{nth}")) {
            // Those that only say which fields go together have no places of their own.
            if validator(&self.document, &choice).is_valid(value) {
                self.note(&choice, value, seen);
            }
        }
    }

    fn resolved<'s>(&'s self, schema: &'s Value) -> &'s Value {
        match schema["$ref"].as_str() {
            Some(reference) => self.at(reference.trim_start_matches('#')),
            None => schema,
        }
    }

    fn at(&self, pointer: &str) -> &Value {
        let value = self.document.pointer(pointer);
        value.unwrap_or_else(|| panic!("nothing is at {pointer}"))
    }

    fn object(&self, pointer: &str) -> &Map<String, Value> {
        self.at(pointer).as_object().expect("it is an object")
    }
}

/// A validator for what is at a pointer of a document, to which its references lead.
fn validator(document: &Value, pointer: &str) -> Validator {
    let mut schema = document.clone();
    schema["$ref"] = format!("#{pointer}").into();
    let options = jsonschema::options().with_draft(Draft::Draft7);
    options.build(&schema).expect("it is a schema")
}

/// Has objects refuse what they don't name.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            for value in object.values_mut() {
                close(value);
            }
            if object.contains_key("properties") && object.contains_key("type") {
                object.insert("additionalProperties".into(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// Notes the fields and choices of a schema, not of those that it refers to.
fn collect(pointer: &str, schema: &Value, places: &mut BTreeSet<String>) {
    for choice in schema["enum"].as_array().into_iter().flatten() {
        places.insert(format!("{pointer}={choice}"));
    }
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let place = format!("{pointer}/properties/{name}");
        collect(&place, schema, places);
        places.insert(place);
    }
    if let Some(schema) = schema.get("items") {
        collect(&format!("{pointer}/items"), schema, places);
    }
}

/// Values at the edges of what a schema allows, and just beyond, which it does not.
fn edges(schema: &Value) -> Vec<(Value, bool)> {
    let mut edges = Vec::new();
    let text = |len: u64| "a".repeat(usize::try_from(len).unwrap_or_default());
    if let Some(max) = schema["maxLength"].as_u64() {
        edges.push((text(max).into(), true));
        edges.push((text(max + 1).into(), false));
    }
    if let Some(min) = schema["minLength"].as_u64() {
        edges.push((text(min - 1).into(), false));
    }
    if let Some(max) = schema["maximum"].as_u64() {
        edges.push((max.into(), true));
        edges.push(((max + 1).into(), false));
    }
    if let Some(min) = schema["minimum"].as_i64() {
        edges.push((min.into(), true));
        edges.push(((min - 1).into(), false));
    }
    for choice in schema["enum"].as_array().into_iter().flatten() {
        edges.push((choice.clone(), true));
    }
    if schema.get("enum").is_some() || schema.get("pattern").is_some() {
        edges.push(("something else".into(), false));
    }
    edges
}

fn with(example: &Value, name: &str, value: Value) -> Value {
    let mut changed = example.clone();
    changed[name] = value;
    changed
}

fn is_listed(list: &Value, name: &str) -> bool {
    let mut names = list.as_array().into_iter().flatten();
    names.any(|it| it == name)
}

fn payload(key: &str) -> String {
    format!("/components/messages/{key}/payload")
}

/// What a transcript sends to show that a field without meaning is ignored.
const IGNORED: &str = "colour";

/// The operation by which the server tells what nobody asked for.
const PUSH: &str = "push";
