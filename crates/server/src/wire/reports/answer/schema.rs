//! What the API description says of every report: `warnings`, and with `compare` what rows gain.

use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Object, Ref, RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::super::Report;
use super::WarningRow;
use super::comparison::{CHANGE_PCT, COMPARED_WITH, PREVIOUS, ROWS};

type Schemas = Vec<(String, RefOr<Schema>)>;

/// Adds what every response may have to the schemas of a report.
pub fn describe_answer<R: Report>(schemas: &mut Schemas) {
    let warnings = ArrayBuilder::new()
        .items(Ref::from_schema_name(WarningRow::name()))
        .description(Some(
            "What the query names and the data do not contain; absent if there is nothing to say.",
        ))
        .build();
    schemas.push((WarningRow::name().into_owned(), WarningRow::schema()));
    let Some(body) = object(schemas, &R::Body::name()) else { return };
    body.properties.insert("warnings".to_owned(), warnings.into());
    let Some(comparable) = R::COMPARABLE else { return };
    body.properties.insert(COMPARED_WITH.to_owned(), range().into());
    let row = match body.properties.get(ROWS) {
        Some(RefOr::T(Schema::Array(rows))) => name_of_items(rows),
        _ => None,
    };
    let Some(row) = row.and_then(|row| object(schemas, &row)) else { return };
    for (name, description) in [
        (PREVIOUS, "With `compare`: the figures of the other range."),
        (CHANGE_PCT, "With `compare`: the change in percent; null if there was nothing."),
    ] {
        let figures = figures(comparable.figures, row, description);
        row.properties.insert(name.to_owned(), figures.into());
    }
}

fn object<'a>(schemas: &'a mut Schemas, name: &str) -> Option<&'a mut Object> {
    match schemas.iter_mut().find(|(known, _)| known == name) {
        Some((_, RefOr::T(Schema::Object(object)))) => Some(object),
        _ => None,
    }
}

fn name_of_items(rows: &utoipa::openapi::schema::Array) -> Option<String> {
    match &rows.items {
        utoipa::openapi::schema::ArrayItems::RefOrSchema(items) => match &**items {
            RefOr::Ref(row) => row.ref_location.rsplit_once('/').map(|(_, name)| name.to_owned()),
            RefOr::T(_) => None,
        },
        utoipa::openapi::schema::ArrayItems::False => None,
    }
}

fn range() -> ObjectBuilder {
    let end = |description| {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).description(Some(description))
    };
    ObjectBuilder::new()
        .description(Some("With `compare`: the other range."))
        .property("from", end("Its first instant."))
        .property("to", end("The first instant after it."))
        .required("from")
        .required("to")
}

/// A number or null; of several figures, an object with one each. A figure that is an object of numbers in the row is one
/// here.
fn figures(names: &[&str], row: &Object, description: &str) -> ObjectBuilder {
    let number = || ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Number, Type::Null]));
    let is_object = |name: &str| matches!(row.properties.get(name), Some(RefOr::T(Schema::Object(figure))) if figure.additional_properties.is_some());
    let by_name = || ObjectBuilder::new().additional_properties(Some(Schema::from(number())));
    let figure = |name: &str| if is_object(name) { by_name() } else { number() };
    match names {
        [_] => number().description(Some(description)),
        names => {
            let object = ObjectBuilder::new().description(Some(description));
            names.iter().fold(object, |object, name| object.property(*name, figure(name)))
        }
    }
}
